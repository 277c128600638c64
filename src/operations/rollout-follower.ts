import { setTimeout as pause } from 'node:timers/promises';
import { ClusterAway, type ClusterChange, type Cluster, ClusterRefused } from '../domain/cluster.ts';
import type { Operation } from '../domain/operation.ts';
import { type Attempt, judge } from '../domain/rollout-verdict.ts';
import type { Dependencies } from './dependencies.ts';
import { sendPatch } from './patch-sending.ts';
import { leaseTickMs, releaseLeases, renewLeases, takeOverOperations } from './rollout-leases.ts';
import { type Lease, LeaseLost, recordVerdict, recordWaiting, stateOf } from './rollout-writes.ts';
import { WorkQueue } from './work-queue.ts';

type Followed = {
  operation: Operation;
  lease: Lease;
  cluster: Cluster;
  /** What was recorded last; an event is written only when something differs. */
  lastState: string;
  lastWrittenAt: number;
  doomedSince: Date | null;
  /** Since when the cluster could not be asked. */
  awaySince: number | null;
  settled: PromiseWithResolvers<void>;
};

/** At most two progress events a second and operation; a change of status is told at once. */
const progressIntervalMs = 500;

/** A cluster that is away for less is not worth an event. */
const tellWaitingAfterMs = 1_000;

/**
 * Follows every operation that this process holds the lease of: sends its patch, then brings what the watches see
 * to the pure verdict and writes down what changed. Watch callbacks only put a key in the queue.
 */
export class RolloutFollower {
  private readonly deps: Dependencies;
  private readonly queue: WorkQueue;
  private readonly followed = new Map<string, Followed>();
  /** At most one unfinished operation stands on a target. */
  private readonly byTarget = new Map<string, string>();
  /** PostgreSQL's clock, as of the last renewal. */
  private clock = { at: Date.now(), read: performance.now() };

  constructor(deps: Dependencies) {
    this.deps = deps;
    this.queue = new WorkQueue((id) => this.work(id), {
      concurrency: 8,
      onFailure: (operationId, error) => deps.log.warn({ operationId, err: error }, 'rollout looked at in vain'),
    });
  }

  /**
   * Follows an operation whose lease this process has from its creation. Resolves when the patch's fate is known,
   * or after `waitMs` if Kubernetes does not answer: the operation goes on either way.
   */
  async adopt(operation: Operation, waitMs = 10_000): Promise<void> {
    const followed = this.follow(operation);
    if (!followed) return;
    const patience = new AbortController();
    const timeout = pause(waitMs, undefined, { signal: patience.signal }).catch(() => undefined);
    await Promise.race([followed.settled.promise, timeout]);
    patience.abort();
  }

  /** Runs until aborted; then hands its operations to the other replicas. */
  async run(signal: AbortSignal): Promise<void> {
    const clusters = this.deps.clusters.names.map((name) => this.deps.clusters.get(name)!);
    const listeners = clusters.map((cluster) => cluster.onChange((change) => this.changed(cluster.name, change)));
    while (!signal.aborted) {
      try {
        await this.tick();
      } catch (error) {
        this.deps.log.warn({ err: error }, 'leases not renewed');
      }
      await pause(leaseTickMs, undefined, { signal }).catch(() => undefined);
    }
    for (const end of listeners) end();
    await this.queue.stop();
    for (const { settled } of this.followed.values()) settled.resolve();
    this.followed.clear();
    await releaseLeases(this.deps).catch((error: unknown) => this.deps.log.warn({ err: error }, 'leases not released'));
  }

  get followedCount(): number {
    return this.followed.size;
  }

  private async tick(): Promise<void> {
    const ids = [...this.followed.keys()];
    const { held, now } = await renewLeases(this.deps, ids);
    this.clock = { at: now.getTime(), read: performance.now() };
    for (const id of ids) if (held.get(id) !== this.followed.get(id)?.lease.fence) this.letGo(id);
    for (const operation of await takeOverOperations(this.deps)) {
      this.deps.log.info({ operationId: operation.id, fence: operation.fence }, 'operation taken over');
      this.follow(operation);
    }
    // Time alone can decide: deadlines of ours, and the grace of doomed pods.
    for (const id of this.followed.keys()) this.queue.add(id);
  }

  private follow(operation: Operation): Followed | null {
    const cluster = this.deps.clusters.get(operation.cluster);
    if (!cluster) {
      this.deps.log.error({ operationId: operation.id, cluster: operation.cluster }, 'no such cluster here');
      return null;
    }
    const { id: operationId, fence } = operation;
    const lease = { operationId, ticketId: operation.ticket.id, fence };
    const settled = Promise.withResolvers<void>();
    const followed = {
      operation,
      lease,
      cluster,
      lastState: '',
      lastWrittenAt: 0,
      doomedSince: null,
      awaySince: null,
      settled,
    };
    this.followed.set(operationId, followed);
    this.byTarget.set(targetKey(operation.cluster, operation), operationId);
    this.queue.add(operationId);
    return followed;
  }

  private letGo(id: string): void {
    const followed = this.followed.get(id);
    if (!followed) return;
    followed.settled.resolve();
    this.followed.delete(id);
    const target = targetKey(followed.operation.cluster, followed.operation);
    if (this.byTarget.get(target) === id) this.byTarget.delete(target);
    this.queue.forget(id);
  }

  private changed(clusterName: string, change: ClusterChange): void {
    if (change === 'all') {
      for (const [id, { operation }] of this.followed) if (operation.cluster === clusterName) this.queue.add(id);
      return;
    }
    const id = this.byTarget.get(targetKey(clusterName, change));
    if (id !== undefined) this.queue.add(id);
  }

  private async work(id: string): Promise<void> {
    const followed = this.followed.get(id);
    if (!followed) return;
    try {
      if (!followed.operation.landedAt) {
        this.wrote(followed, await sendPatch(this.deps, followed.cluster, followed.operation, followed.lease));
        followed.settled.resolve();
      }
      if (!followed.operation.isFinished()) await this.look(followed);
      followed.awaySince = null;
    } catch (error) {
      if (error instanceof ClusterAway || error instanceof ClusterRefused) await this.tellWaiting(followed, error);
      if (!(error instanceof LeaseLost)) throw error;
      this.deps.log.warn({ operationId: id }, error.message);
      // Not what this process may have taken over anew meanwhile.
      if (this.followed.get(id) === followed) this.letGo(id);
    }
  }

  private async look(followed: Followed): Promise<void> {
    const { operation, cluster } = followed;
    const attempt: Attempt = operation.attempt(followed.doomedSince);
    const snapshot = cluster.snapshot(operation.namespace, operation.deploymentName);
    if (snapshot.deployment?.uid !== operation.deploymentUid && (await this.stands(followed))) return;
    const verdict = judge(attempt, snapshot, this.deps.limits, this.now());
    followed.doomedSince = verdict.doomedSince;
    const state = JSON.stringify(stateOf(verdict));
    if (state === followed.lastState) return;
    const sinceWritten = performance.now() - followed.lastWrittenAt;
    if (verdict.status === operation.rolloutStatus && sinceWritten < progressIntervalMs) {
      this.queue.addAfter(operation.id, progressIntervalMs - sinceWritten);
      return;
    }
    this.wrote(followed, await recordVerdict(this.deps, followed.lease, verdict), state);
  }

  /** The watches may be late: the object that was patched may not have come to them yet. */
  private async stands({ operation, cluster }: Followed): Promise<boolean> {
    const live = await cluster.readDeployment(operation.namespace, operation.deploymentName);
    return live?.uid === operation.deploymentUid;
  }

  private wrote(followed: Followed, operation: Operation, state = ''): void {
    followed.operation = operation;
    followed.lastState = state;
    if (state !== '') followed.lastWrittenAt = performance.now();
    if (operation.isFinished()) this.letGo(operation.id);
  }

  /** What has waited for a cluster for a while says so to its subscribers, once. */
  private async tellWaiting(followed: Followed, error: ClusterAway | ClusterRefused): Promise<void> {
    followed.awaySince ??= performance.now();
    if (performance.now() - followed.awaySince < tellWaitingAfterMs) return;
    const message = `Waiting for the cluster: ${error.message}`;
    if (followed.lastState === message) return;
    this.wrote(followed, await recordWaiting(this.deps, followed.lease, message), message);
  }

  private now(): Date {
    return new Date(this.clock.at + (performance.now() - this.clock.read));
  }
}

const targetKey = (cluster: string, target: { namespace: string; deploymentName: string }): string =>
  `${cluster}/${target.namespace}/${target.deploymentName}`;
