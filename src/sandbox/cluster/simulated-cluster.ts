import { randomBytes, randomInt } from 'node:crypto';
import { ApiServer } from './api-server.ts';
import type { IsAllowed } from './authorization.ts';
import { DeploymentController } from './deployment-controller.ts';
import { EventRecorder } from './event-recorder.ts';
import type { Intercept } from './faults.ts';
import { GarbageCollector } from './garbage-collector.ts';
import { type SeedObject, guideObjects } from './guide-objects.ts';
import { Kubelet } from './kubelet.ts';
import { type KubernetesObject, controllerOf } from './objects.ts';
import { QuotaController } from './quota.ts';
import { Randomness } from './randomness.ts';
import { Registry } from './registry.ts';
import { ReplicaSetController } from './replica-set-controller.ts';
import { StateKeeper, readState } from './saved-state.ts';
import { type Change, Store } from './store.ts';
import type { WorkQueue } from './work-queue.ts';

export type { Access } from './authorization.ts';
export { type SimulatedAnswer, type SimulatedRequest, tooManyRequests } from './faults.ts';

/** Long enough that a client sees a change before the controllers have observed it, as in a real cluster. */
const controllerLatencyMilliseconds = 5;

export type SimulatedClusterOptions = {
  /** The name of the kubeconfig's context. */
  name: string;
  /** 0, the default, takes any free one. */
  port?: number;
  /** Everything is kept there, and a start with the same file goes on where the last one ended. */
  stateFile?: string;
  /** How long a container takes to start, to become ready, and to end. */
  readyMilliseconds?: number;
  /** Makes names and uids repeatable. */
  seed?: number;
  /** What stands there on the first start; the guide's applications unless given. */
  objects?: readonly SeedObject[];
};

export type SimulatedCluster = {
  url: string;
  kubeconfig: string;
  /** The uid of the namespace kube-system. */
  uid: string;
  /** Resets every open socket, as an API server that dies. */
  breakConnections(): void;
  /** Leaves every open watch open and sends nothing more on it. */
  silenceWatches(): void;
  /** The API server is away; the controllers rest meanwhile. */
  stopServing(): Promise<void>;
  startServing(): Promise<void>;
  /** Nothing changes by itself any more: what is patched stands as it was patched. */
  pauseControllers(): void;
  resumeControllers(): void;
  /** Forgets the history: a watch from an older resourceVersion gets 410 Gone. */
  compact(): void;
  /** Asked before each request. */
  intercept: Intercept | undefined;
  /** What the service may do; everything unless set. Refused requests get 403, and a SelfSubjectAccessReview tells. */
  isAllowed: IsAllowed;
  stop(): Promise<void>;
};

const kubeconfigOf = (name: string, url: string, token: string): string => {
  const quoted = JSON.stringify(name);
  // Plain http is refused by @kubernetes/client-node unless TLS verification is off.
  return `apiVersion: v1
kind: Config
clusters:
  - name: ${quoted}
    cluster:
      server: ${url}
      insecure-skip-tls-verify: true
users:
  - name: ${quoted}
    user:
      token: ${token}
contexts:
  - name: ${quoted}
    context:
      cluster: ${quoted}
      user: ${quoted}
current-context: ${quoted}
`;
};

function seedObjects(registry: Registry, objects: readonly SeedObject[]): void {
  for (const name of ['default', 'kube-system']) registry.create('namespaces', '', { metadata: { name } });
  for (const { resource, namespace, object } of objects) registry.create(resource, namespace, structuredClone(object));
}

const keyOf = ({ metadata }: KubernetesObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;

/** Wakes the controllers whose objects a change concerns. */
function wake(store: Store, change: Change, deployments: WorkQueue, replicaSets: WorkQueue): void {
  const { object, type } = change;
  const { namespace = '' } = object.metadata;
  const owner = controllerOf(object);
  if (object.kind === 'Deployment') deployments.add(keyOf(object));
  if (object.kind === 'ReplicaSet') {
    replicaSets.add(keyOf(object));
    if (owner !== undefined) deployments.add(`${namespace}/${owner.name}`);
  }
  if (object.kind !== 'Pod' || owner === undefined) return;
  replicaSets.add(`${namespace}/${owner.name}`);
  if (type !== 'DELETED') return;
  // With Recreate the new pods wait until the old ones are gone, which no status of a ReplicaSet tells.
  const replicaSet = store.get('replicasets', namespace, owner.name);
  const deployment = replicaSet && controllerOf(replicaSet);
  if (deployment !== undefined) deployments.add(`${namespace}/${deployment.name}`);
}

/** A Kubernetes cluster in miniature: the real API over HTTP, real controllers' arithmetic, pods that only pretend. */
export async function startSimulatedCluster(options: SimulatedClusterOptions): Promise<SimulatedCluster> {
  const { name, port = 0, stateFile, readyMilliseconds = 300, objects = guideObjects } = options;
  const saved = readState(stateFile);
  const token = saved?.token ?? randomBytes(16).toString('hex');
  const store = new Store(saved);
  const randomness = new Randomness((options.seed ?? randomInt(2 ** 32)) + store.version);
  const registry = new Registry(store, randomness);
  const { record } = new EventRecorder(store, randomness);
  const deployments = new DeploymentController(store, registry, record, controllerLatencyMilliseconds);
  const replicaSets = new ReplicaSetController(store, registry, record, controllerLatencyMilliseconds);
  const collector = new GarbageCollector(store, registry, controllerLatencyMilliseconds);
  const quotas = new QuotaController(store, controllerLatencyMilliseconds);
  const kubelet = new Kubelet(store, record, readyMilliseconds);
  const server = new ApiServer(store, registry, token, port);

  if (saved === undefined) seedObjects(registry, objects);
  await server.listen();
  const keeper = stateFile === undefined ? undefined : new StateKeeper(stateFile, store, token);
  const unsubscribe = store.subscribe((change) => {
    wake(store, change, deployments.queue, replicaSets.queue);
    collector.onChange(change);
    quotas.onChange(change);
    kubelet.onChange(change);
  });
  for (const deployment of store.list('deployments')) deployments.queue.add(keyOf(deployment));
  for (const replicaSet of store.list('replicasets')) replicaSets.queue.add(keyOf(replicaSet));
  collector.takeOver();
  kubelet.takeOver();
  const workers = [deployments.queue, replicaSets.queue, collector.queue, quotas.queue, kubelet];
  const pauseControllers = (): void => workers.forEach((worker) => worker.pause());
  const resumeControllers = (): void => workers.forEach((worker) => worker.resume());

  return {
    url: server.url,
    kubeconfig: kubeconfigOf(name, server.url, token),
    uid: registry.get('namespaces', '', 'kube-system').metadata.uid,
    breakConnections: () => server.breakConnections(),
    silenceWatches: () => server.silenceWatches(),
    stopServing: async () => {
      pauseControllers();
      await server.close();
    },
    startServing: async () => {
      await server.listen();
      resumeControllers();
    },
    pauseControllers,
    resumeControllers,
    compact: () => store.compact(),
    get intercept() {
      return server.intercept;
    },
    set intercept(intercept) {
      server.intercept = intercept;
    },
    get isAllowed() {
      return server.isAllowed;
    },
    set isAllowed(isAllowed) {
      server.isAllowed = isAllowed;
    },
    stop: async () => {
      for (const worker of workers) worker.stop();
      unsubscribe();
      await server.close();
      keeper?.stop();
    },
  };
}
