import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppsV1Api, KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { guideObjects } from '../../../src/sandbox/cluster/guide-objects.ts';
import { isListening, listensBeyondLoopback } from '../../support/listeners.ts';
import { until } from '../../support/wait.ts';
import { ClusterClient, deploymentsPath, imagePatch, manifest } from './cluster-client.ts';

let directory: string;
let stateFile: string;
const running: ClusterClient[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'simulated-cluster-'));
  stateFile = join(directory, 'cluster', 'state.json');
});
afterEach(async () => {
  for (const { cluster } of running.splice(0)) await cluster.stop();
  await rm(directory, { recursive: true });
});

async function start(options: Parameters<typeof ClusterClient.start>[0] = {}): Promise<ClusterClient> {
  const client = await ClusterClient.start(options);
  running.push(client);
  return client;
}

const versionOf = ({ metadata }: { metadata: { resourceVersion: string } }) => Number(metadata.resourceVersion);

test("the first start brings up the guide's applications", async () => {
  const { cluster } = await start({ objects: guideObjects });
  const config = new KubeConfig();
  config.loadFromString(cluster.kubeconfig);
  expect(config.getContexts().map(({ name }) => name)).toEqual(['test']);
  const api = config.makeApiClient(AppsV1Api);
  const found = await until('all are available', async () => {
    const { items } = await api.listDeploymentForAllNamespaces();
    return items.every(({ spec, status }) => status?.availableReplicas === spec?.replicas) && items;
  });
  expect(
    found.map(({ metadata, spec }) => [
      metadata?.namespace,
      metadata?.name,
      spec?.replicas,
      spec?.template.spec?.containers[0]?.image,
    ]),
  ).toEqual([
    ['production', 'data-processor-deployment', 2, 'data-processor:v3.0.1'],
    ['production', 'web-service-deployment', 3, 'web-service:v2.0.0'],
    ['staging', 'api-gateway-deployment', 2, 'api-gateway:v1.5.2'],
  ]);
});

test('a second start goes on with the same objects, the same uid and higher versions', async () => {
  const first = await start({ stateFile });
  const before = await first.deployed('web');
  await first.cluster.stop();
  const second = await start({ stateFile, objects: guideObjects });
  expect(second.cluster.uid).toBe(first.cluster.uid);
  expect(await second.deployment('web')).toEqual(before);
  const token = /token: \S+/.exec(first.cluster.kubeconfig)?.[0];
  expect(second.cluster.kubeconfig).toContain(token);
  await second.patch('web', { metadata: { labels: { later: 'yes' } } });
  expect(versionOf(await second.deployment('web'))).toBeGreaterThan(versionOf(before));
  const watching = await second.watch(`${deploymentsPath}?watch=1&resourceVersion=${versionOf(before)}`);
  await watching.ended;
  expect(watching.events).toMatchObject([{ type: 'ERROR', object: { code: 410 } }]);
  expect(await readdir(join(directory, 'cluster'))).toEqual(['state.json']);
});

test('a rollout that was under way when the cluster stopped is finished after the next start', async () => {
  const first = await start({ stateFile });
  await first.deployed('web');
  const patched = await first.patch('web', imagePatch('web:v2'));
  expect(patched.code).toBe(200);
  await until('a new pod is there', async () => (await first.replicaSets()).length === 2);
  await first.cluster.stop();
  const second = await start({ stateFile });
  const done = await second.rolledOut('web');
  expect(done.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
  await until('the old pods are gone', async () => (await second.pods()).length === 3);
  expect((await second.pods()).every(({ spec }) => spec.containers[0]?.image === 'web:v2')).toBe(true);
});

test('while the API server is away nothing moves, and it comes back on the same port', async () => {
  const client = await start();
  const { port } = new URL(client.cluster.url);
  await client.send('POST', deploymentsPath, manifest('web'));
  await client.cluster.stopServing();
  expect(await isListening(Number(port))).toBe(false);
  await expect(client.send('GET', deploymentsPath)).rejects.toThrow('ECONNREFUSED');
  await client.cluster.startServing();
  expect((await client.rolledOut('web')).status.availableReplicas).toBe(3);
  expect(await listensBeyondLoopback(Number(port))).toEqual([]);
});

test('while the controllers rest what is patched stands as it was patched, and goes on afterwards', async () => {
  const client = await start();
  await client.deployed('web');
  client.cluster.pauseControllers();
  await client.patch('web', imagePatch('web:v2'));
  const { metadata, status } = await client.deployment('web');
  expect(status.observedGeneration).toBe(metadata.generation! - 1);
  expect(await client.replicaSets()).toHaveLength(1);
  client.cluster.resumeControllers();
  expect((await client.rolledOut('web')).status.observedGeneration).toBe(metadata.generation);
});

test('nothing is left after stop, not even of watches, pods in the making and requests without an answer', async () => {
  const used = () =>
    process
      .getActiveResourcesInfo()
      .filter((kind) => kind === 'Timeout' || kind.startsWith('TCP'))
      .sort();
  const before = used();
  const client = await ClusterClient.start({ stateFile, readyMilliseconds: 60_000 });
  const watching = await client.watch('/api/v1/pods?watch=1&allowWatchBookmarks=true');
  await client.send('POST', deploymentsPath, manifest('web'));
  await until('pods are in the making', () => watching.events.length >= 3);
  client.cluster.intercept = () => 'hang';
  const hanging = client.send('GET', '/version').catch(() => 'broken');
  const { port } = new URL(client.cluster.url);
  await client.cluster.stop();
  expect(await hanging).toBe('broken');
  await watching.ended;
  expect(await isListening(Number(port))).toBe(false);
  // Sockets that were just destroyed leave the list a moment later; the wait's own timer stands in it.
  await until('nothing more is in use than before', () => used().length <= before.length + 1);
});
