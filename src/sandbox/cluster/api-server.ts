import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type IsAllowed, accessOf, forbidden, reviewed } from './authorization.ts';
import { discovered } from './discovery.ts';
import { Endpoints } from './endpoints.ts';
import type { Intercept, SimulatedAnswer } from './faults.ts';
import { Refusal, methodNotAllowed, statusBody, unauthorized } from './refusals.ts';
import type { Registry } from './registry.ts';
import { type Read, isWatch, objectOf, read } from './requests.ts';
import { type Route, routeOf } from './routes.ts';
import type { Store } from './store.ts';
import { watch } from './watches.ts';

const reviewsPath = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/** The HTTP face of the cluster. */
export class ApiServer {
  intercept: Intercept | undefined;
  isAllowed: IsAllowed = () => true;
  readonly #store: Store;
  readonly #endpoints: Endpoints;
  readonly #token: string;
  readonly #sockets = new Set<Socket>();
  readonly #watches = new Set<() => void>();
  #server: Server | undefined;
  #port: number;

  constructor(store: Store, registry: Registry, token: string, port: number) {
    this.#store = store;
    this.#endpoints = new Endpoints(store, registry);
    this.#token = token;
    this.#port = port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async listen(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((request, response) => void this.#answer(request, response));
    // A client must never find its idle connection closed just as it sends the next request.
    server.keepAliveTimeout = 0;
    server.requestTimeout = 0;
    server.on('connection', (socket) => {
      // One that was accepted while the server was closing.
      if (this.#server !== server) {
        socket.destroy();
        return;
      }
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        this.#server = undefined;
        reject(error);
      });
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  /** What is being watched stays open, but nothing more comes: half-open, as after a lost route. */
  silenceWatches(): void {
    for (const end of this.#watches) end();
    this.#watches.clear();
  }

  breakConnections(): void {
    this.silenceWatches();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    this.breakConnections();
    await closed;
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that leaves is no fault of the server's.
    response.on('error', () => {});
    try {
      const request = await read(incoming);
      const { text: _, userAgent: _agent, ...shown } = request;
      const answer = await this.intercept?.(shown);
      if (answer === undefined || answer === 'reset-after') {
        this.#serve(request, incoming, answer === undefined ? response : undefined);
        if (answer === 'reset-after') incoming.socket.resetAndDestroy();
      } else this.#fail(answer, incoming, response);
    } catch (error) {
      this.#refuse(response, error);
    }
  }

  #fail(answer: SimulatedAnswer, { socket }: IncomingMessage, response: ServerResponse): void {
    if (answer === 'reset') socket.resetAndDestroy();
    else if (answer === 'silent') response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    else if (typeof answer === 'object') {
      const { status, retryAfterSeconds } = answer;
      if (retryAfterSeconds !== undefined) response.setHeader('retry-after', retryAfterSeconds);
      if ('text' in answer) return this.#send(response, status, answer.text);
      const details = retryAfterSeconds === undefined ? undefined : { retryAfterSeconds };
      const refused = statusBody(new Refusal(status, answer.reason, answer.message, details));
      if (answer.isEvent === true) this.#send(response, 200, { type: 'ERROR', object: refused });
      else this.#send(response, status, refused);
    }
  }

  #refuse(response: ServerResponse, error: unknown): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const refusal =
      error instanceof Refusal
        ? error
        : new Refusal(
            500,
            'InternalError',
            `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`,
          );
    this.#send(response, refusal.code, statusBody(refusal));
  }

  #send(response: ServerResponse | undefined, status: number, body: object | string): void {
    if (response === undefined) return;
    const isText = typeof body === 'string';
    const text = isText ? body : `${JSON.stringify(body)}\n`;
    response.writeHead(status, {
      'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json',
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-cache, private',
    });
    response.end(text);
  }

  #serve(request: Read, { headers }: IncomingMessage, response: ServerResponse | undefined): void {
    const { method, path, query } = request;
    const document = method === 'GET' ? discovered(path) : undefined;
    if (document !== undefined && typeof document === 'string') return this.#send(response, 200, document);
    this.#admit(headers, path);
    if (document !== undefined) return this.#send(response, 200, document);
    if (path === reviewsPath) return this.#send(response, 201, this.#review(request));
    const route = routeOf(path);
    const watches = route.name === undefined && isWatch(request);
    const access = accessOf(route, method, watches);
    if (!this.isAllowed(access)) throw forbidden(access);
    if (watches) return this.#watch(route, query, response);
    const [status, body] = this.#endpoints.perform(route, request);
    return this.#send(response, status, body);
  }

  #review(request: Read): object {
    if (request.method !== 'POST') throw methodNotAllowed();
    return reviewed(objectOf(request), this.isAllowed);
  }

  /** kubectl sends no token over plain http, so none is asked for; what a browser's page sends is kept out instead. */
  #admit({ authorization, origin, host = '' }: IncomingHttpHeaders, path: string): void {
    if (origin !== undefined || !/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host)) {
      throw new Refusal(403, 'Forbidden', `forbidden: User "system:anonymous" cannot access path "${path}"`, {});
    }
    if (authorization !== undefined && authorization !== `Bearer ${this.#token}`) throw unauthorized();
  }

  #watch({ resource, namespace }: Route, query: URLSearchParams, response: ServerResponse | undefined): void {
    // The client may have left before its watch began; nothing would ever end that one.
    if (response === undefined || response.destroyed) return;
    const end = watch(this.#store, resource, namespace, query, response);
    this.#watches.add(end);
    response.on('close', () => this.#watches.delete(end));
  }
}
