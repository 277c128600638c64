import { type IncomingHttpHeaders, type IncomingMessage, request as httpRequest } from 'node:http';
import type { ClusterEvent, Deployment, Pod, ReplicaSet } from '../../../src/sandbox/cluster/objects.ts';
import { type SimulatedCluster, startSimulatedCluster } from '../../../src/sandbox/cluster/simulated-cluster.ts';
import type { SimulatedClusterOptions } from '../../../src/sandbox/cluster/simulated-cluster.ts';
import { until } from '../../support/wait.ts';

export type Answer = { code: number; body: Record<string, unknown> & { message?: string; reason?: string } };
export type WatchEvent = {
  type: string;
  object: { kind: string; metadata: { name?: string; resourceVersion: string } };
};

export const jsonPatchType = 'application/json-patch+json';
export const mergePatchType = 'application/merge-patch+json';
export const strategicPatchType = 'application/strategic-merge-patch+json';
export const deploymentsPath = '/apis/apps/v1/namespaces/default/deployments';

export const manifest = (name: string, spec: object = {}, image = 'web:v1'): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'web', image }] } },
    ...spec,
  },
});

export const imagePatch = (image: string): object => ({
  spec: { template: { spec: { containers: [{ name: 'web', image }] } } },
});

export type Watching = { events: WatchEvent[]; ended: Promise<void>; stop: () => void };

/** Bare HTTP to a simulated cluster, one socket for each request. */
export class ClusterClient {
  readonly cluster: SimulatedCluster;

  constructor(cluster: SimulatedCluster) {
    this.cluster = cluster;
  }

  /** Without the guide's objects, with quick pods. */
  static async start(options: Partial<SimulatedClusterOptions> = {}): Promise<ClusterClient> {
    const cluster = await startSimulatedCluster({
      name: 'test',
      readyMilliseconds: 20,
      seed: 1,
      objects: [],
      ...options,
    });
    return new ClusterClient(cluster);
  }

  #request(method: string, path: string, contentType: string, body: string | undefined): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = { ...(body !== undefined && { 'content-type': contentType }) };
      const request = httpRequest(this.cluster.url + path, { method, headers, agent: false }, resolve);
      request.on('error', reject);
      request.end(body);
    });
  }

  async send(method: string, path: string, body?: object | string, contentType = 'application/json'): Promise<Answer> {
    const text = typeof body === 'object' ? JSON.stringify(body) : body;
    const response = await this.#request(method, path, contentType, text);
    let answer = '';
    for await (const chunk of response) answer += String(chunk);
    return { code: response.statusCode ?? 0, body: JSON.parse(answer) as Answer['body'] };
  }

  /** An answer as it came, which need not be JSON. */
  async text(path: string): Promise<{ code: number; headers: IncomingHttpHeaders; text: string }> {
    const response = await this.#request('GET', path, '', undefined);
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return { code: response.statusCode ?? 0, headers: response.headers, text };
  }

  patch(name: string, body: object, contentType = strategicPatchType): Promise<Answer> {
    return this.send('PATCH', `${deploymentsPath}/${name}`, body, contentType);
  }

  async watch(path: string): Promise<Watching> {
    const response = await this.#request('GET', path, '', undefined);
    const events: WatchEvent[] = [];
    let rest = '';
    response.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) events.push(JSON.parse(line) as WatchEvent);
    });
    const ended = new Promise<void>((resolve) => {
      response.once('close', resolve);
      response.once('error', () => resolve());
    });
    return { events, ended, stop: () => response.destroy() };
  }

  async deployment(name: string): Promise<Deployment> {
    return (await this.send('GET', `${deploymentsPath}/${name}`)).body as unknown as Deployment;
  }

  async replicaSets(): Promise<ReplicaSet[]> {
    const { body } = await this.send('GET', '/apis/apps/v1/namespaces/default/replicasets');
    return (body as unknown as { items: ReplicaSet[] }).items;
  }

  async pods(labelSelector = ''): Promise<Pod[]> {
    const query = `labelSelector=${encodeURIComponent(labelSelector)}`;
    const { body } = await this.send('GET', `/api/v1/namespaces/default/pods?${query}`);
    return (body as unknown as { items: Pod[] }).items;
  }

  async events(fieldSelector: string): Promise<ClusterEvent[]> {
    const query = `fieldSelector=${encodeURIComponent(fieldSelector)}`;
    const { body } = await this.send('GET', `/api/v1/namespaces/default/events?${query}`);
    return (body as unknown as { items: ClusterEvent[] }).items;
  }

  /** Creates it and waits until it is rolled out. */
  async deployed(name: string, spec: object = {}, image?: string): Promise<Deployment> {
    await this.send('POST', deploymentsPath, manifest(name, spec, image));
    return this.rolledOut(name);
  }

  async rolledOut(name: string): Promise<Deployment> {
    return until(`${name} is rolled out`, async () => {
      const deployment = await this.deployment(name);
      const { replicas } = deployment.spec;
      const { observedGeneration, updatedReplicas = 0, availableReplicas = 0, ...status } = deployment.status;
      const isSized =
        updatedReplicas === replicas && availableReplicas === replicas && (status.replicas ?? 0) === replicas;
      return isSized && observedGeneration === deployment.metadata.generation && deployment;
    });
  }
}
