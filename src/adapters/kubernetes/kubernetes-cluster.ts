import type {
  CoreV1Event,
  KubeConfig,
  V1Deployment,
  V1Namespace,
  V1Pod,
  V1ReplicaSet,
  V1SelfSubjectAccessReview,
} from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { ClusterRefused } from '../../domain/cluster.ts';
import type {
  Access,
  Cluster,
  ClusterChange,
  DeploymentPatch,
  DeploymentReading,
  DeploymentSnapshot,
  KubernetesEvent,
  ReplicaSetReading,
  RolloutSnapshot,
} from '../../domain/cluster.ts';
import type { Tracing } from '../../domain/tracing.ts';
import { ServerFailed, away } from './kubernetes-errors.ts';
import { KubernetesRequests } from './kubernetes-requests.ts';
import { podWarningSelector } from './pod-warnings.ts';
import { readingOfDeployment, readingOfReplicaSet } from './readings.ts';
import { Reflector } from './reflector.ts';
import type { ReflectorTiming } from './reflector.ts';
import { RolloutCache } from './rollout-cache.ts';
import { textOf, trimDeployment } from './trim.ts';
import { accessReview, accessReviewPath, appsPath, corePath, eventAbout, fieldManager } from './wire-objects.ts';

export type KubernetesTiming = ReflectorTiming & { requestMilliseconds: number };

/** A permission seldom goes; one that is missing is asked for anew each time. */
const allowedMilliseconds = 60_000;

/** The one key of a cluster that is watched as a whole. */
const everywhere = '';
/** An answer of a log that is of use here: its end, and not a whole stack trace per line. */
const logQuery = { tailLines: '20', limitBytes: '4096' };

export class KubernetesCluster implements Cluster {
  readonly name: string;
  readonly #requests: KubernetesRequests;
  /** By namespace. */
  readonly #caches: ReadonlyMap<string, RolloutCache>;
  /** By namespace: without these there is no snapshot. */
  readonly #needed = new Map<string, Watch[]>();
  readonly #watches: Watch[] = [];
  readonly #listeners = new Set<(change: ClusterChange) => void>();
  readonly #timing: KubernetesTiming;
  readonly #log: Logger;
  /** What the service may do, and until when that need not be asked again; every redeploy asks. */
  readonly #allowedUntil = new Map<string, number>();
  #uid: Promise<string> | undefined;

  constructor(
    name: string,
    kubeconfig: KubeConfig,
    namespaces: readonly string[] | undefined,
    timing: KubernetesTiming,
    log: Logger,
    tracing?: Tracing,
  ) {
    this.name = name;
    this.#timing = timing;
    this.#log = log.child({ cluster: name });
    this.#requests = new KubernetesRequests(name, kubeconfig, timing.requestMilliseconds, tracing);
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

  async readDeployment(namespace: string, name: string): Promise<DeploymentReading | null> {
    this.#refuseUnwatched(namespace);
    const path = deploymentPath(namespace, name);
    try {
      return readingOfDeployment((await this.#requests.getJson(path)) as V1Deployment);
    } catch (error) {
      if (error instanceof ClusterRefused && error.status === 404 && error.reason === 'NotFound') return null;
      throw error;
    }
  }

  async readReplicaSets(namespace: string, deploymentUid: string): Promise<ReplicaSetReading[]> {
    this.#refuseUnwatched(namespace);
    const owned: ReplicaSetReading[] = [];
    let from: string | undefined;
    do {
      const query = { limit: String(this.#timing.pageSize), ...(from && { continue: from }) };
      const page = (await this.#requests.getJson(`${appsPath(namespace)}/replicasets`, query)) as Page<V1ReplicaSet>;
      for (const item of page.items ?? []) {
        const replicaSet = readingOfReplicaSet(item);
        if (replicaSet?.deploymentUid === deploymentUid) owned.push(replicaSet);
      }
      from = page.metadata.continue;
    } while (from);
    return owned;
  }

  async readLog(namespace: string, pod: string, container: string, previous: boolean): Promise<string | null> {
    const query = { ...logQuery, container, ...(previous && { previous: 'true' }) };
    try {
      const text = await this.#requests.getText(`${corePath(namespace)}/pods/${encodeURIComponent(pod)}/log`, query);
      return textOf(text);
    } catch (error) {
      // The API server fails where it has no way to the node.
      if (error instanceof ClusterRefused || error instanceof ServerFailed) return null;
      throw error;
    }
  }

  async patchDeployment(namespace: string, name: string, patch: DeploymentPatch): Promise<DeploymentSnapshot> {
    this.#refuseUnwatched(namespace);
    const path = deploymentPath(namespace, name);
    const patched = await this.#requests.patchJson(path, { fieldManager }, patch.type, patch.body);
    return trimDeployment(patched as V1Deployment).snapshot;
  }

  async createDeployment(namespace: string, deployment: object): Promise<DeploymentSnapshot> {
    this.#refuseUnwatched(namespace);
    const created = await this.#requests.postJson(`${appsPath(namespace)}/deployments`, { fieldManager }, deployment);
    return trimDeployment(created as V1Deployment).snapshot;
  }

  async createEvent(namespace: string, event: KubernetesEvent): Promise<void> {
    try {
      await this.#requests.postJson(`${corePath(namespace)}/events`, { fieldManager }, eventAbout(namespace, event));
    } catch (error) {
      if (error instanceof ClusterRefused && error.reason === 'AlreadyExists') return;
      throw error;
    }
  }

  async isAllowed(namespace: string, access: Access): Promise<boolean> {
    const { verb, group, resource } = access;
    const key = [namespace, verb, group, resource].join(' ');
    const known = this.#allowedUntil.get(key);
    if (known !== undefined && known > performance.now()) return true;
    const review = await this.#requests.postJson(accessReviewPath, {}, accessReview(namespace, access));
    const isAllowed = (review as V1SelfSubjectAccessReview).status?.allowed === true;
    if (isAllowed) this.#allowedUntil.set(key, performance.now() + allowedMilliseconds);
    return isAllowed;
  }

  snapshot(namespace: string, name: string): RolloutSnapshot {
    const cache = this.#caches.get(this.#watchedKey(namespace));
    // Not "there is none": that would be a verdict about a Deployment that nobody has looked at.
    if (!cache) throw away(this.name, `namespace "${namespace}" is not watched`);
    if (cache.isFilled) return cache.snapshot(namespace, name);
    const why = this.outage(namespace)?.message;
    const unlisted = 'its Deployments, ReplicaSets and Pods have not been listed yet';
    throw away(this.name, why ? `${unlisted}: ${why}` : unlisted);
  }

  outage(namespace: string): { milliseconds: number; message: string } | null {
    const outages = this.#needed.get(this.#watchedKey(namespace))?.flatMap((reflector) => reflector.outage ?? []) ?? [];
    const [longest] = outages.toSorted((one, other) => one.since - other.since);
    return longest ? { milliseconds: performance.now() - longest.since, message: longest.message } : null;
  }

  /** Everything that is followed has been listed once. */
  get isListed(): boolean {
    return [...this.#caches.values()].every(({ isFilled }) => isFilled);
  }

  /** The longest of all namespaces. */
  get longestOutage(): ReturnType<Cluster['outage']> {
    const outages = [...this.#caches.keys()].flatMap((namespace) => this.outage(namespace) ?? []);
    return outages.toSorted((one, other) => other.milliseconds - one.milliseconds)[0] ?? null;
  }

  /** Resolves once that is so. */
  listed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isListed) return resolve();
      const end = this.onChange(() => {
        if (!this.isListed) return;
        end();
        resolve();
      });
    });
  }

  /** How often each watch broke off since the start, and for how long the worst of each brings nothing by now. */
  get watchStates(): WatchState[] {
    return [...Map.groupBy(this.#watches, ({ resource }) => resource)].map(([resource, watches]) => ({
      resource,
      restarts: watches.reduce((sum, { restarts }) => sum + restarts, 0),
      outageSeconds: Math.max(...watches.map(({ outage }) => (outage ? (performance.now() - outage.since) / 1000 : 0))),
    }));
  }

  onChange(listener: (change: ClusterChange) => void): () => void {
    // A wrapper of its own, so that one function may listen twice.
    const own = (change: ClusterChange) => listener(change);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  async #reflect(namespace: string, cache: RolloutCache, signal: AbortSignal): Promise<void> {
    const [apps, core] =
      namespace === everywhere ? ['/apis/apps/v1', '/api/v1'] : [appsPath(namespace), corePath(namespace)];
    const [requests, timing, log] = [this.#requests, this.#timing, this.#log];
    const needed = [
      new Reflector<V1Deployment>(requests, { path: `${apps}/deployments` }, cache.deployments, timing, log),
      new Reflector<V1ReplicaSet>(requests, { path: `${apps}/replicasets` }, cache.replicaSets, timing, log),
      new Reflector<V1Pod>(requests, { path: `${core}/pods` }, cache.pods, timing, log),
    ];
    this.#needed.set(namespace, needed);
    const events = { path: `${core}/events`, fieldSelector: podWarningSelector };
    const warnings = new Reflector<CoreV1Event>(requests, events, cache.warnings, eventTiming(timing), log);
    const all = [...needed, warnings];
    this.#watches.push(...all);
    await Promise.all(all.map((reflector) => reflector.run(signal)));
  }

  async #readIdentity(): Promise<string> {
    const { metadata } = (await this.#requests.getJson(corePath('kube-system'))) as V1Namespace;
    if (!metadata?.uid) throw away(this.name, 'its namespace kube-system has no uid');
    return metadata.uid;
  }

  #watchedKey(namespace: string): string {
    return this.#caches.has(everywhere) ? everywhere : namespace;
  }

  /** What is not watched could be changed, but never be followed. */
  #refuseUnwatched(namespace: string): void {
    if (this.#caches.has(this.#watchedKey(namespace))) return;
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

const deploymentPath = (namespace: string, name: string) =>
  `${appsPath(namespace)}/deployments/${encodeURIComponent(name)}`;

type Watch = Pick<Reflector<object>, 'resource' | 'restarts' | 'outage'>;
/** Of one resource, in all namespaces that are watched. */
export type WatchState = { resource: string; restarts: number; outageSeconds: number };

type Page<Wire> = { metadata: { continue?: string }; items: Wire[] | null };

/**
 * The API server sends no bookmarks of Events, so that a quiet watch looks like a dead one: it ends each before.
 * Whoever may not read them asks again at a slow pace.
 */
const eventTiming = (timing: KubernetesTiming): ReflectorTiming => ({
  ...timing,
  watchSeconds: Math.min(timing.watchSeconds, timing.silentMilliseconds / 1250),
  longestPauseMilliseconds: timing.longestPauseMilliseconds * 12,
});
