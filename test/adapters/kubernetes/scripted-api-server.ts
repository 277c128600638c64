import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CoreV1Event, V1Deployment, V1Pod, V1ReplicaSet } from '@kubernetes/client-node';

export type Kind = 'deployments' | 'replicasets' | 'pods' | 'events';
export type Asked = { kind: Kind; verb: 'list' | 'watch' | 'other'; query: URLSearchParams; request: IncomingMessage };
type Answer = (response: ServerResponse, asked: Asked) => void;

/** An API server that says what the test tells it to: for what a well-behaved cluster never does. */
export class ScriptedApiServer {
  readonly asked: Asked[] = [];
  readonly items: Record<Kind, object[]> = { deployments: [], replicasets: [], pods: [], events: [] };
  version = 100;
  /** Asked first; answers in place of the ordinary answer. */
  script: (asked: Asked) => Answer | undefined = () => undefined;
  readonly #watches = new Map<ServerResponse, Kind>();
  readonly #server: Server = createServer((request, response) => this.#serve(request, response));
  #directory = '';

  static async start(): Promise<ScriptedApiServer> {
    const scripted = new ScriptedApiServer();
    scripted.#server.listen(0, '127.0.0.1');
    await once(scripted.#server, 'listening');
    scripted.#directory = await mkdtemp(join(tmpdir(), 'scripted-'));
    return scripted;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Writes a kubeconfig with the context `scripted` and answers with its path. */
  async kubeconfig(user: object = { token: 'secret-token' }): Promise<string> {
    const path = join(this.#directory, 'kubeconfig');
    const config = {
      clusters: [{ name: 'scripted', cluster: { server: this.url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'scripted', user }],
      contexts: [{ name: 'scripted', context: { cluster: 'scripted', user: 'scripted' } }],
      'current-context': 'scripted',
    };
    await writeFile(path, JSON.stringify(config));
    return path;
  }

  count(kind: Kind, verb: 'list' | 'watch'): number {
    return this.asked.filter((asked) => asked.kind === kind && asked.verb === verb).length;
  }

  last(kind: Kind, verb: 'list' | 'watch'): Asked | undefined {
    return this.asked.findLast((asked) => asked.kind === kind && asked.verb === verb);
  }

  watching(kind: Kind): number {
    return [...this.#watches.values()].filter((one) => one === kind).length;
  }

  /** To every open watch of the kind: an event, or text as it stands. */
  send(kind: Kind, event: object | string): void {
    const text = typeof event === 'string' ? event : `${JSON.stringify(event)}\n`;
    for (const [response, one] of this.#watches) if (one === kind) response.write(text);
  }

  endWatches(kind?: Kind): void {
    for (const [response, one] of this.#watches) if (!kind || one === kind) response.end();
  }

  connections(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    return promise;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await rm(this.#directory, { recursive: true });
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', this.url);
    const kind = pathname.split('/').at(-1) as Kind;
    const verb = !(kind in this.items) ? 'other' : query.get('watch') === 'true' ? 'watch' : 'list';
    const asked: Asked = { kind, verb, query, request };
    this.asked.push(asked);
    const answer = this.script(asked);
    if (answer) return answer(response, asked);
    if (verb === 'watch') return this.watch(response, asked);
    if (verb === 'list') return json(200, list(this.items[kind], this.version))(response, asked);
    return status(404, 'NotFound', `${pathname} not found`)(response, asked);
  }

  /** The ordinary answer to a watch: open, and silent until `send`. */
  watch(response: ServerResponse, { kind }: Asked): void {
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    this.#watches.set(response, kind);
    response.on('close', () => this.#watches.delete(response));
  }
}

export function list(items: object[], version: number, next?: string): object {
  return { kind: 'List', metadata: { resourceVersion: String(version), continue: next }, items };
}

export function json(code: number, body: object): Answer {
  return (response) => void response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export function status(code: number, reason: string, message: string): Answer {
  return json(code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message });
}

export const reset: Answer = (response) => void response.socket?.resetAndDestroy();
export const hang: Answer = () => {};

const owner = (kind: string, name: string, uid: string) => [
  { apiVersion: 'apps/v1', kind, name, uid, controller: true, blockOwnerDeletion: true },
];

export function deployment(name: string, version = 1, generation = 1): V1Deployment {
  const metadata = { namespace: 'shop', name, uid: `${name}-uid`, resourceVersion: String(version), generation };
  const template = { spec: { containers: [{ name: 'app', image: 'web:v1' }] } };
  return { metadata, spec: { replicas: 1, selector: {}, template } };
}

export function replicaSet(name: string, deploymentName: string, version = 1): V1ReplicaSet {
  const ownerReferences = owner('Deployment', deploymentName, `${deploymentName}-uid`);
  const metadata = { namespace: 'shop', name, uid: `${name}-uid`, resourceVersion: String(version), ownerReferences };
  return { metadata, spec: { selector: {} }, status: { replicas: 1 } };
}

export function pod(name: string, replicaSetName: string, version = 1, ready = true): V1Pod {
  const ownerReferences = owner('ReplicaSet', replicaSetName, `${replicaSetName}-uid`);
  const metadata = { namespace: 'shop', name, uid: `${name}-uid`, resourceVersion: String(version), ownerReferences };
  return { metadata, status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] } };
}

/** What Kubernetes warns of about the pod of that name, so many seconds after the epoch. */
export function podEvent(name: string, podName: string, changes: Partial<CoreV1Event> = {}, seconds = 1): CoreV1Event {
  return {
    metadata: { namespace: 'shop', name, uid: `${name}-uid`, resourceVersion: String(seconds) },
    involvedObject: { kind: 'Pod', name: podName, uid: `${podName}-uid`, fieldPath: 'spec.containers{app}' },
    type: 'Warning',
    reason: 'Unhealthy',
    message: 'Readiness probe failed: connection refused',
    lastTimestamp: new Date(seconds * 1000),
    ...changes,
  };
}
