import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import {
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  type V1Deployment,
  type V1Pod,
  Watch,
} from '@kubernetes/client-node';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { type RolloutStatusSubscription, RolloutStatusDocument } from '../../src/documents/generated/graphql.ts';
import { spreadOf } from '../harness/statistics.ts';
import type { Placed, Watched, Watcher, WatcherOrder } from './rollout-watcher.ts';

/** Of progress two events a second are told: each change has its own. */
const betweenChangesMs = 1_100;
const patienceMs = 60_000;

const strategic = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch);
const config = new KubeConfig();
let apps: AppsV1Api;
let core: CoreV1Api;
let placed: Placed;
let kubeconfig: string;

/** How many pods came up, and when each number of them was first known of. */
class Known {
  private readonly instants = new Map<number, number>();
  private reached = Promise.withResolvers<void>();

  tell(count: number): void {
    if (!this.instants.has(count)) this.instants.set(count, performance.now());
    this.reached.resolve();
    this.reached = Promise.withResolvers();
  }

  async instantOf(count: number): Promise<number> {
    const late = AbortSignal.timeout(patienceMs);
    while (!this.instants.has(count)) {
      const timedOut = new Promise<never>((_resolve, reject) => {
        late.addEventListener('abort', () => reject(new Error(`nobody told of ${count} pods`)), { once: true });
      });
      await Promise.race([this.reached.promise, timedOut]);
    }
    return this.instants.get(count)!;
  }
}

type Watching = {
  /** Pods that are ready: of those kubectl tells nothing, but of the available ones. */
  ready: Known;
  available: Known;
  stop: () => void;
};

/** The limit: bare watches of the pods and of the Deployment, which have the namespace for themselves. */
async function watchApiServer(): Promise<Watching> {
  const { namespace } = placed;
  const [ready, available] = [new Known(), new Known()];
  const readyPods = new Set<string>();
  const podChange = (_type: string, { metadata, status }: V1Pod) => {
    const isReady = status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    if (isReady) ready.tell(readyPods.add(metadata!.name!).size);
  };
  const deploymentChange = (_type: string, { status }: V1Deployment) => available.tell(status?.availableReplicas ?? 0);
  const ignore = (): void => undefined;
  const bare = new Watch(config);
  const watches = await Promise.all([
    bare.watch(`/api/v1/namespaces/${namespace}/pods`, {}, podChange, ignore),
    bare.watch(`/apis/apps/v1/namespaces/${namespace}/deployments`, {}, deploymentChange, ignore),
  ]);
  return { ready, available, stop: () => watches.forEach((watch) => watch.abort()) };
}

function watchWithKubectl(kubectl: string): Watching {
  const { namespace, name, replicas } = placed;
  const known = new Known();
  const args = ['--kubeconfig', kubeconfig, '--namespace', namespace, 'rollout', 'status', '-w', `deployment/${name}`];
  const child = spawn(kubectl, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface(child.stdout).on('line', (line) => {
    const [, available] = /: (\d+) of \d+ updated replicas are available/.exec(line) ?? [];
    if (available !== undefined) known.tell(Number(available));
    if (line.endsWith('successfully rolled out')) known.tell(replicas);
  });
  return { ready: known, available: known, stop: () => void child.kill() };
}

function subscribe({ url, token, operationId }: Exclude<Watcher, { kubectl: string }>): Watching {
  const [ready, available] = [new Known(), new Known()];
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
  });
  client.subscribe<RolloutStatusSubscription>(
    { query: RolloutStatusDocument.toString(), variables: { operationId } },
    {
      next: ({ data }) => {
        if (!data) return;
        ready.tell(data.rolloutStatus.replicas.ready);
        available.tell(data.rolloutStatus.replicas.available);
      },
      error: (error) => process.stderr.write(`${String(error)}\n`),
      complete: () => undefined,
    },
  );
  return { ready, available, stop: () => void client.dispose() };
}

async function place(): Promise<void> {
  const { namespace, name, replicas } = placed;
  const labels = { app: name };
  const containers = [{ name: 'app', image: 'web:unready-v1' }];
  await core.createNamespace({ body: { metadata: { name: namespace } } });
  await apps.createNamespacedDeployment({
    namespace,
    body: {
      metadata: { name },
      spec: {
        replicas,
        strategy: { type: 'Recreate' },
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers } },
      },
    },
  });
  await untilRunning();
}

/** All of the newest template, none ready yet, and nothing else. */
async function untilRunning(): Promise<V1Pod[]> {
  const { namespace, name, replicas } = placed;
  for (;;) {
    const { status, metadata } = await apps.readNamespacedDeployment({ namespace, name });
    const { items } = await core.listNamespacedPod({ namespace });
    const isWhole = status?.observedGeneration === metadata?.generation && status?.updatedReplicas === replicas;
    const isRunning = (pod: V1Pod) => pod.status?.phase === 'Running' && !pod.metadata?.deletionTimestamp;
    if (isWhole && items.length === replicas && items.every(isRunning)) return items;
    await pause(100);
  }
}

async function makeReady({ metadata }: V1Pod): Promise<void> {
  const body = { status: { conditions: [{ type: 'Ready', status: 'True' }] } };
  await core.patchNamespacedPodStatus({ namespace: placed.namespace, name: metadata!.name!, body }, strategic);
}

async function restart(): Promise<void> {
  const { namespace, name } = placed;
  const annotations = { 'kubectl.kubernetes.io/restartedAt': crypto.randomUUID() };
  const body = { spec: { template: { metadata: { annotations } } } };
  await apps.patchNamespacedDeployment({ namespace, name, body }, strategic);
}

async function watch(watcher: Watcher): Promise<Watched> {
  const pods = await untilRunning();
  const api = await watchApiServer();
  const watching = 'kubectl' in watcher ? watchWithKubectl(watcher.kubectl) : subscribe(watcher);
  try {
    await watching.available.instantOf(0);
    const ready: number[] = [];
    const available: number[] = [];
    for (const [index, pod] of pods.entries()) {
      await pause(betweenChangesMs);
      await makeReady(pod);
      const came = await api.ready.instantOf(index + 1);
      ready.push((await watching.ready.instantOf(index + 1)) - came);
      const changed = await api.available.instantOf(index + 1);
      available.push((await watching.available.instantOf(index + 1)) - changed);
    }
    return { ready: spreadOf(ready).median, available: spreadOf(available).median };
  } finally {
    watching.stop();
    api.stop();
  }
}

async function carryOut(order: WatcherOrder): Promise<Watched | null> {
  if ('watch' in order) return watch(order.watch);
  if ('restart' in order) await restart();
  else {
    ({ place: placed, kubeconfig } = order);
    config.loadFromFile(kubeconfig);
    apps = config.makeApiClient(AppsV1Api);
    core = config.makeApiClient(CoreV1Api);
    await place();
  }
  return null;
}

process.on('message', (order: WatcherOrder) => {
  carryOut(order).then(
    (done) => process.send!({ done }),
    (error: unknown) => process.send!({ failed: String(error instanceof Error ? error.stack : error) }),
  );
});
process.once('disconnect', () => process.exit());
