import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { discovered } from './discovery.ts';
import { type Json, type JsonObject, isJsonObject, textOf } from './json.ts';
import { type KubernetesObject, type Resource, apiVersionOf } from './objects.ts';
import { Refusal, badRequest, methodNotAllowed, noSuchPath, statusBody, unauthorized } from './refusals.ts';
import type { DeleteOptions, Registry, WriteOptions } from './registry.ts';
import { type Route, routeOf } from './routes.ts';
import { patchScale, replaceScale, scaleOf } from './scales.ts';
import { matcherOf } from './selectors.ts';
import type { Store } from './store.ts';
import { watch } from './watches.ts';

export type SimulatedRequest = {
  method: string;
  path: string;
  query: URLSearchParams;
  contentType: string;
  body: unknown;
};
/** `reset`: the socket is destroyed, nothing is done; `reset-after`: done, but nobody learns of it; `hang`: no answer ever. */
export type SimulatedAnswer = { status: number; reason: string; message: string } | 'reset' | 'reset-after' | 'hang';
export type Intercept = (
  request: SimulatedRequest,
) => SimulatedAnswer | undefined | Promise<SimulatedAnswer | undefined>;

const largestBodyBytes = 3 * 1024 * 1024;
type Read = SimulatedRequest & { text: string };

async function read(incoming: IncomingMessage): Promise<Read> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBodyBytes) throw new Refusal(413, 'RequestEntityTooLarge', 'limit is 3145728');
    chunks.push(chunk);
  }
  const url = new URL(incoming.url ?? '/', 'http://127.0.0.1');
  const text = Buffer.concat(chunks).toString();
  let body: unknown;
  try {
    body = text === '' ? undefined : JSON.parse(text);
  } catch {
    body = undefined;
  }
  const contentType = incoming.headers['content-type'] ?? '';
  return { method: incoming.method ?? 'GET', path: url.pathname, query: url.searchParams, contentType, body, text };
}

function bodyOf({ body, text }: Read): Json {
  if (body === undefined && text !== '')
    throw badRequest("couldn't get version/kind; json parse error: invalid JSON in the body");
  return (body ?? null) as Json;
}

function objectOf(request: Read): JsonObject {
  const body = bodyOf(request);
  if (!isJsonObject(body)) throw badRequest('the object provided is unrecognized (must be a JSON object)');
  return body;
}

/** Objects in a list carry no apiVersion and kind: Kubernetes leaves them out. */
function listOf(resource: Resource, version: number, objects: KubernetesObject[]): object {
  const items = objects.map((object) => ({ ...object, apiVersion: undefined, kind: undefined }));
  const metadata = { resourceVersion: String(version) };
  return { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata, items };
}

function deleteOptions({ body, query }: Read): DeleteOptions {
  const given = (typeof body === 'object' && body !== null ? body : {}) as DeleteOptions;
  const grace = query.get('gracePeriodSeconds');
  const policy = query.get('propagationPolicy');
  return {
    ...given,
    ...(grace !== null && { gracePeriodSeconds: Number(grace) }),
    ...(policy !== null && { propagationPolicy: policy }),
  };
}

/** The HTTP face of the cluster. */
export class ApiServer {
  intercept: Intercept | undefined;
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #token: string;
  readonly #sockets = new Set<Socket>();
  readonly #watches = new Set<() => void>();
  #server: Server | undefined;
  #port: number;

  constructor(store: Store, registry: Registry, token: string, port: number) {
    this.#store = store;
    this.#registry = registry;
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

  breakConnections(): void {
    for (const end of this.#watches) end();
    this.#watches.clear();
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
      const { text: _, ...shown } = request;
      const answer = await this.intercept?.(shown);
      if (answer === 'hang') return;
      if (answer === 'reset') incoming.socket.resetAndDestroy();
      else if (typeof answer === 'object') throw new Refusal(answer.status, answer.reason, answer.message);
      else this.#serve(request, incoming, answer === 'reset-after' ? undefined : response);
      if (answer === 'reset-after') incoming.socket.resetAndDestroy();
    } catch (error) {
      this.#refuse(response, error);
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
    const route = routeOf(path);
    const isWatch = query.get('watch') === 'true' || query.get('watch') === '1';
    if (method === 'GET' && route.name === undefined && isWatch) return this.#watch(route, query, response);
    const [status, body] = this.#perform(route, request);
    return this.#send(response, status, body);
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

  #perform(route: Route, request: Read): [number, object] {
    const { resource, namespace, name, subresource } = route;
    const { method, query, contentType } = request;
    if (subresource === 'scale' && name !== undefined) return this.#performScale(route, name, request);
    if (subresource === 'binding') return this.#bind(route, request);
    const dryRun = query.get('dryRun') === 'All';
    const options: WriteOptions = { dryRun, ...(subresource === 'status' && { subresource }) };
    if (name === undefined) {
      if (method === 'GET') return [200, listOf(resource, this.#store.version, this.#list(route, query))];
      if (method === 'POST') return [201, this.#registry.create(resource.name, namespace, objectOf(request), options)];
      if (method !== 'DELETE') throw methodNotAllowed();
      const objects = this.#list(route, query);
      for (const { metadata } of objects) {
        this.#registry.delete(resource.name, metadata.namespace ?? '', metadata.name, deleteOptions(request));
      }
      return [200, listOf(resource, this.#store.version, objects)];
    }
    if (method === 'GET') return [200, this.#registry.get(resource.name, namespace, name)];
    if (method === 'PUT')
      return [200, this.#registry.replace(resource.name, namespace, name, objectOf(request), options)];
    if (method === 'PATCH') {
      return [200, this.#registry.patch(resource.name, namespace, name, contentType, bodyOf(request), options)];
    }
    if (method === 'DELETE' && subresource === undefined) return [200, this.#delete(route, name, request)];
    throw methodNotAllowed();
  }

  #list({ resource, namespace }: Route, query: URLSearchParams): KubernetesObject[] {
    const matches = matcherOf(query);
    return this.#store.list(resource.name, namespace === '' ? undefined : namespace).filter(matches);
  }

  #delete({ resource, namespace }: Route, name: string, request: Read): object {
    const before = this.#registry.get(resource.name, namespace, name);
    const left = this.#registry.delete(resource.name, namespace, name, deleteOptions(request));
    if (left !== undefined || resource.name === 'pods') return left ?? before;
    const { group, name: kind } = resource;
    const details = { name, ...(group !== '' && { group }), kind, uid: before.metadata.uid };
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  }

  #performScale({ resource, namespace }: Route, name: string, request: Read): [number, object] {
    if (resource.name !== 'deployments' && resource.name !== 'replicasets') throw noSuchPath();
    if (request.method === 'GET') return [200, scaleOf(this.#registry.get(resource.name, namespace, name))];
    if (request.method === 'PUT')
      return [200, replaceScale(this.#registry, resource.name, namespace, name, objectOf(request))];
    if (request.method !== 'PATCH') throw methodNotAllowed();
    return [200, patchScale(this.#registry, resource.name, namespace, name, request.contentType, bodyOf(request))];
  }

  #bind({ namespace, name = '' }: Route, request: Read): [number, object] {
    if (request.method !== 'POST') throw methodNotAllowed();
    const target = objectOf(request)['target'];
    const pod = this.#registry.get('pods', namespace, name);
    const nodeName = isJsonObject(target) ? textOf(target['name']) : '';
    this.#store.put('pods', { ...pod, spec: { ...pod.spec, nodeName } });
    return [201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }];
  }
}
