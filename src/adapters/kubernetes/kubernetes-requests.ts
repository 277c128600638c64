import type { KubeConfig } from '@kubernetes/client-node';
import { request as send } from 'undici';
import type { Dispatcher } from 'undici';
import { inSpan } from '../../domain/tracing.ts';
import type { Tracing } from '../../domain/tracing.ts';
import { Credentials } from './credentials.ts';
import type { Access } from './credentials.ts';
import { away, credentialsFailed, refusal, unanswered } from './kubernetes-errors.ts';

type Outgoing = {
  method: Dispatcher.HttpMethod;
  url: string;
  headers?: Record<string, string>;
  body?: string;
  signal: AbortSignal;
  isWatch?: boolean;
  /** How long an answer that has begun may stay silent. */
  silentMilliseconds: number;
};

/**
 * The only way to the API server of one context: its sockets, its credentials, its time-outs and what its refusals
 * mean. Everything here throws ClusterAway, ClusterRefused or PatchConflict, or the signal's reason once it is aborted.
 */
export class KubernetesRequests {
  readonly #cluster: string;
  readonly #credentials: Credentials;
  readonly #milliseconds: number;
  readonly #tracing: Tracing | undefined;

  /** `kubeconfig` has the wanted context as its current one. */
  constructor(cluster: string, kubeconfig: KubeConfig, requestMilliseconds: number, tracing?: Tracing) {
    this.#cluster = cluster;
    this.#milliseconds = requestMilliseconds;
    this.#tracing = tracing;
    this.#credentials = new Credentials(kubeconfig, requestMilliseconds);
  }

  async getJson(path: string, query: Record<string, string> = {}, signal?: AbortSignal): Promise<unknown> {
    return this.#readJson(await this.getText(path, query, signal));
  }

  /** Without a signal the whole exchange, its credentials too, has the time of one request. */
  async getText(path: string, query: Record<string, string>, signal?: AbortSignal): Promise<string> {
    const read = (ends: AbortSignal) => this.#readText(this.#get(path, query, ends, this.#milliseconds));
    return signal ? read(signal) : this.#inTime(read);
  }

  /** Sends the object as it stands. */
  postJson(path: string, query: Record<string, string>, object: object): Promise<unknown> {
    return this.#sendJson('POST', path, query, 'application/json', object);
  }

  patchJson(path: string, query: Record<string, string>, type: string, patch: object): Promise<unknown> {
    return this.#sendJson('PATCH', path, query, type, patch);
  }

  async #sendJson(
    method: 'POST' | 'PATCH',
    path: string,
    query: Record<string, string>,
    type: string,
    object: object,
  ): Promise<unknown> {
    const text = this.#inTime((signal) =>
      this.#readText({
        ...this.#get(path, query, signal, this.#milliseconds),
        method,
        headers: { accept: 'application/json', 'content-type': type },
        body: JSON.stringify(object),
      }),
    );
    return this.#readJson(await text);
  }

  #readText(outgoing: Outgoing): Promise<string> {
    return this.#guard(async () => (await this.#exchange(outgoing)).body.text());
  }

  /** Ended as soon as it is done: an AbortSignal.timeout would go off later, and make an error for nobody. */
  async #inTime<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(new DOMException('no answer', 'TimeoutError')), this.#milliseconds);
    try {
      return await act(patience.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The bytes of a watch as they come. Ends when the API server ends it; leaving the loop closes the connection. */
  async *watch(
    path: string,
    query: Record<string, string>,
    signal: AbortSignal,
    silentMilliseconds: number,
  ): AsyncGenerator<Buffer, void, undefined> {
    const outgoing = { ...this.#get(path, query, signal, silentMilliseconds), isWatch: true };
    const { body } = await this.#guard(() => this.#exchange(outgoing));
    // Tells that the watch stands, before anything has happened in it.
    yield Buffer.alloc(0);
    const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await this.#guard(() => chunks.next());
        if (done) return;
        yield value;
      }
    } finally {
      body.destroy();
    }
  }

  /** Ends every socket, and with it every request under way. */
  async close(): Promise<void> {
    await this.#credentials.close();
  }

  #readJson(text: string): unknown {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // JSON.parse quotes what it could not read: not for a log.
      throw away(this.#cluster, 'its answer is not JSON');
    }
  }

  #get(path: string, query: Record<string, string>, signal: AbortSignal, silentMilliseconds: number): Outgoing {
    const url = `${this.#credentials.server}${path}?${new URLSearchParams(query).toString()}`;
    return { method: 'GET', url, headers: { accept: 'application/json' }, signal, silentMilliseconds };
  }

  async #exchange(outgoing: Outgoing): Promise<Dispatcher.ResponseData> {
    let access = await this.#access(outgoing.signal);
    let response = await this.#sendInSpan(outgoing, access);
    if (response.statusCode === 401) {
      await response.body.dump();
      this.#credentials.renew(access);
      access = await this.#access(outgoing.signal);
      response = await this.#sendInSpan(outgoing, access);
    }
    if (response.statusCode >= 200 && response.statusCode < 300) return response;
    throw refusal(this.#cluster, outgoing.method, response.statusCode, await response.body.text());
  }

  /** A span for each request that is part of a trace, which goes on with it; watches are of none. */
  #sendInSpan(outgoing: Outgoing, access: Access): Promise<Dispatcher.ResponseData> {
    const tracing = this.#tracing;
    if (!tracing?.traceparent || outgoing.isWatch) return this.#send(outgoing, access);
    const { method, url, headers } = outgoing;
    const { hostname, pathname } = new URL(url);
    const attributes = {
      'http.request.method': method,
      'server.address': hostname,
      'url.path': pathname,
      'k8s.cluster.name': this.#cluster,
    };
    return inSpan(tracing, `${method} ${resourceOf(pathname)}`, { kind: 'client', attributes }, async (span) => {
      const response = await this.#send(
        { ...outgoing, headers: { ...headers, traceparent: span.traceparent } },
        access,
      );
      span.set({ 'http.response.status_code': response.statusCode });
      if (response.statusCode >= 400) span.fail(String(response.statusCode));
      return response;
    });
  }

  #send(outgoing: Outgoing, access: Access): Promise<Dispatcher.ResponseData> {
    return send(outgoing.url, {
      method: outgoing.method,
      headers: { 'user-agent': 'cratos-redeploy', ...outgoing.headers, ...access.headers },
      body: outgoing.body,
      signal: outgoing.signal,
      dispatcher: outgoing.isWatch ? access.watches : access.requests,
      headersTimeout: this.#milliseconds,
      bodyTimeout: outgoing.silentMilliseconds,
    });
  }

  /** An exec plugin may hang or fail, and its output may hold a token: nothing of what it says goes further. */
  async #access(signal: AbortSignal): Promise<Access> {
    const { promise: stopped, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(signal.reason as Error);
    const timer = setTimeout(
      () => reject(away(this.#cluster, 'its credentials did not come in time')),
      this.#milliseconds,
    );
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      signal.throwIfAborted();
      const access = this.#credentials.access().catch((error: unknown) => {
        throw credentialsFailed(this.#cluster, error);
      });
      return await Promise.race([access, stopped]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #guard<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      throw unanswered(this.#cluster, error, this.#milliseconds);
    }
  }
}

/** Of a path of the API its resource, and nothing that names an object: pods/log, deployments. */
function resourceOf(path: string): string {
  const [, resource = 'api', subresource] =
    /^\/(?:api|apis\/[^/]+)\/[^/]+(?:\/namespaces\/[^/]+)?\/(\w+)(?:\/[^/]+(?:\/(\w+))?)?$/.exec(path) ?? [];
  return subresource === undefined ? resource : `${resource}/${subresource}`;
}
