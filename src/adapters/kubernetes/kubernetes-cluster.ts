import type { KubeConfig, V1Deployment, V1Pod, V1ReplicaSet } from '@kubernetes/client-node';
import { setHeaderOptions } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { ClusterRefused } from '../../domain/cluster.ts';
import type {
  Cluster,
  ClusterChange,
  DeploymentPatch,
  DeploymentSnapshot,
  ReplicaSetSnapshot,
  RolloutSnapshot,
} from '../../domain/cluster.ts';
import { away } from './kubernetes-errors.ts';
import { KubernetesRequests } from './kubernetes-requests.ts';
import { Reflector } from './reflector.ts';
import type { ReflectorTiming } from './reflector.ts';
import { RolloutCache } from './rollout-cache.ts';
import { trimDeployment, trimReplicaSet } from './trim.ts';

export type KubernetesTiming = ReflectorTiming & { requestMilliseconds: number };

const fieldManager = 'cratos-redeploy';
/** The one key of a cluster that is watched as a whole. */
const everywhere = '';

export class KubernetesCluster implements Cluster {
  readonly name: string;
  readonly #requests: KubernetesRequests;
  /** By namespace. */
  readonly #caches: ReadonlyMap<string, RolloutCache>;
  readonly #listeners = new Set<(change: ClusterChange) => void>();
  readonly #timing: KubernetesTiming;
  readonly #log: Logger;
  #uid: Promise<string> | undefined;

  constructor(
    name: string,
    kubeconfig: KubeConfig,
    namespaces: readonly string[] | undefined,
    timing: KubernetesTiming,
    log: Logger,
  ) {
    this.name = name;
    this.#timing = timing;
    this.#log = log.child({ cluster: name });
    this.#requests = new KubernetesRequests(name, kubeconfig, timing.requestMilliseconds);
    const watched = namespaces?.length ? namespaces : [everywhere];
    this.#caches = new Map(watched.map((namespace) => [namespace, new RolloutCache((change) => this.#tell(change))]));
  }

  /** Lists and watches until the signal is aborted; then ends every socket and timer, and resolves. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await Promise.all([...this.#caches].map(([namespace, cache]) => this.#reflect(namespace, cache, signal)));
    } finally {
      await this.#requests.close();
    }
  }

  identity(): Promise<string> {
    this.#uid ??= this.#readIdentity().catch((error: unknown) => {
      this.#uid = undefined;
      throw error;
    });
    return this.#uid;
  }

  async readDeployment(namespace: string, name: string): Promise<DeploymentSnapshot | null> {
    this.#refuseUnwatched(namespace);
    try {
      return trimDeployment(await this.#requests.apps.readNamespacedDeployment({ namespace, name })).snapshot;
    } catch (error) {
      if (error instanceof ClusterRefused && error.status === 404 && error.reason === 'NotFound') return null;
      throw error;
    }
  }

  async readReplicaSets(namespace: string, deploymentUid: string): Promise<ReplicaSetSnapshot[]> {
    this.#refuseUnwatched(namespace);
    const owned: ReplicaSetSnapshot[] = [];
    let from: string | undefined;
    do {
      const page = { namespace, limit: this.#timing.pageSize, _continue: from };
      const { items, metadata } = await this.#requests.apps.listNamespacedReplicaSet(page);
      for (const item of items) {
        const replicaSet = trimReplicaSet(item)?.snapshot;
        if (replicaSet?.deploymentUid === deploymentUid) owned.push(replicaSet);
      }
      from = metadata?._continue;
    } while (from);
    return owned;
  }

  async patchDeployment(namespace: string, name: string, patch: DeploymentPatch): Promise<DeploymentSnapshot> {
    this.#refuseUnwatched(namespace);
    const patched = await this.#requests.apps.patchNamespacedDeployment(
      { namespace, name, body: patch.body, fieldManager },
      setHeaderOptions('Content-Type', patch.type),
    );
    return trimDeployment(patched).snapshot;
  }

  snapshot(namespace: string, name: string): RolloutSnapshot {
    const cache = this.#caches.get(everywhere) ?? this.#caches.get(namespace);
    // Not "there is none": that would be a verdict about a Deployment that nobody has looked at.
    if (!cache) throw away(this.name, `namespace "${namespace}" is not watched`);
    if (!cache.isFilled) throw away(this.name, 'its Deployments, ReplicaSets and Pods have not been listed yet');
    return cache.snapshot(namespace, name);
  }

  onChange(listener: (change: ClusterChange) => void): () => void {
    // A wrapper of its own, so that one function may listen twice.
    const own = (change: ClusterChange) => listener(change);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  async #reflect(namespace: string, cache: RolloutCache, signal: AbortSignal): Promise<void> {
    const inside = namespace === everywhere ? '' : `namespaces/${encodeURIComponent(namespace)}/`;
    const reflectors = [
      new Reflector<V1Deployment>(
        this.#requests,
        `/apis/apps/v1/${inside}deployments`,
        cache.deployments,
        this.#timing,
        this.#log,
      ),
      new Reflector<V1ReplicaSet>(
        this.#requests,
        `/apis/apps/v1/${inside}replicasets`,
        cache.replicaSets,
        this.#timing,
        this.#log,
      ),
      new Reflector<V1Pod>(this.#requests, `/api/v1/${inside}pods`, cache.pods, this.#timing, this.#log),
    ];
    await Promise.all(reflectors.map((reflector) => reflector.run(signal)));
  }

  async #readIdentity(): Promise<string> {
    const { metadata } = await this.#requests.core.readNamespace({ name: 'kube-system' });
    if (!metadata?.uid) throw away(this.name, 'its namespace kube-system has no uid');
    return metadata.uid;
  }

  /** What is not watched could be changed, but never be followed. */
  #refuseUnwatched(namespace: string): void {
    if (this.#caches.has(everywhere) || this.#caches.has(namespace)) return;
    throw new ClusterRefused(
      403,
      'NamespaceNotWatched',
      `namespace "${namespace}" is not among those that are watched`,
    );
  }

  #tell(change: ClusterChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        // One bad listener must neither silence the others nor look like a bad event.
        this.#log.error({ err: error }, 'a listener to changes failed');
      }
    }
  }
}
