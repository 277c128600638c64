import { setTimeout as pause } from 'node:timers/promises';
import { ClusterAway, type ClusterChange, type Cluster, ClusterRefused } from '../domain/cluster.ts';
import type { Operation } from '../domain/operation.ts';
import { type PodFailure, rolloutTransitions } from '../domain/rollout.ts';
import { judge, timeOutOf, type Verdict } from '../domain/rollout-verdict.ts';
import { isFinal } from '../domain/transitions.ts';
import { CrashLogs } from './crash-logs.ts';
import type { Dependencies } from './dependencies.ts';
import { sendPatch } from './patch-sending.ts';
import { ProgressPace } from './progress-pace.ts';
import { leaseTickMs, releaseLeases, renewLeases, takeOverOperations } from './rollout-leases.ts';
import {
  type Lease,
  LeaseLost,
  type Recorded,
  recordTimeOut,
  recordVerdict,
  recordWaiting,
  stateOf,
} from './rollout-writes.ts';
import { WorkQueue } from './work-queue.ts';
import type { Span } from '../domain/tracing.ts';
import { beginSpan, tellSpan } from './rollout-spans.ts';

type Followed = {
  operation: Operation;
  lease: Lease;
  cluster: Cluster;
  /** What was recorded last; an event is written only when something differs. Null while nothing is known of it. */
  lastState: string | null;
  /** Of its events, but for changes of status: they are told at once. */
  pace: ProgressPace;
  /** All that was wrong at the last look; undefined = what is recorded. */
  failures: readonly PodFailure[] | undefined;
  logs: CrashLogs;
  /** Since when the watches have had something that no look has brought to the record yet. */
  changedSince: number | null;
  /** Since when the cluster could not be asked, and whether it was said. */
  awaySince: number | null;
  isWaitingTold: boolean;
  /** From here to the verdict, or until another process goes on. */
  span: Span | undefined;
  settled: PromiseWithResolvers<Operation | null>;
};

/** A cluster that is away for less is not worth an event. */
const tellWaitingAfterMs = 1_000;

/** What ends a rollout may wait so long for the logs that tell why. */
const finalLogsMs = 2_000;

/**
 * Follows every operation that this process holds the lease of: sends its patch, then brings what the watches see
 * to the pure verdict and writes down what changed. Watch callbacks only put a key in the queue.
 */
export class RolloutFollower {
  private readonly deps: Dependencies;
  /** By cluster: one that hangs keeps none of the others waiting. */
  private readonly queues: ReadonlyMap<string, WorkQueue>;
  private readonly followed = new Map<string, Followed>();
  /** At most one unfinished operation stands on a target. */
  private readonly byTarget = new Map<string, string>();
  /** PostgreSQL's clock, as of the last renewal. */
  private clock = { at: Date.now(), read: performance.now() };
  private isStopping = false;

  constructor(deps: Dependencies) {
    this.deps = deps;
    const options = {
      concurrency: 8,
      onFailure: (operationId: string, error: unknown) => {
        if (this.followed.get(operationId)?.isWaitingTold) return; // once is enough
        deps.log.warn({ operationId, err: error }, 'rollout looked at in vain');
      },
    };
    const queueOf = (cluster: string) => [cluster, new WorkQueue((id) => this.work(id), options)] as const;
    this.queues = new Map(deps.clusters.names.map(queueOf));
  }

  /**
   * Follows an operation whose lease this process has from its creation. Resolves with its state once the patch's fate is
   * known; null where that is not known here, or after `waitMs`: it goes on either way, perhaps in another process.
   */
  async adopt(operation: Operation, waitMs = 10_000): Promise<Operation | null> {
    if (this.isStopping) await this.release();
    const followed = this.isStopping ? null : this.follow(operation);
    if (!followed) return null;
    const patience = setTimeout(followed.settled.resolve, waitMs, null);
    const settled = await followed.settled.promise;
    clearTimeout(patience);
    return settled;
  }

  /** Runs until aborted; then hands its operations to the other replicas. */
  async run(signal: AbortSignal): Promise<void> {
    const clusters = this.deps.clusters.names.map((name) => this.deps.clusters.get(name)!);
    const listeners = clusters.map((cluster) => cluster.onChange((change) => this.changed(cluster.name, change)));
    const stop = () => {
      this.isStopping = true;
      for (const { settled } of this.followed.values()) settled.resolve(null);
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      try {
        await this.tick();
      } catch (error) {
        this.deps.log.warn({ err: error }, 'leases not renewed');
      }
      await pause(leaseTickMs, undefined, { signal }).catch(() => undefined);
    }
    for (const end of listeners) end();
    await Promise.all([...this.queues.values()].map((queue) => queue.stop()));
    for (const id of this.followed.keys()) this.letGo(id);
    await this.release();
  }

  private async release(): Promise<void> {
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
    for (const operation of await takeOverOperations(this.deps)) this.follow(operation);
    // Time alone can decide: deadlines of ours, and the grace of doomed pods.
    for (const followed of this.followed.values()) this.lookAt(followed);
  }

  private follow(operation: Operation): Followed | null {
    const cluster = this.deps.clusters.get(operation.cluster);
    if (!cluster) {
      this.deps.log.error({ operationId: operation.id, cluster: operation.cluster }, 'no such cluster here');
      return null;
    }
    const { id: operationId, fence } = operation;
    const followed = {
      operation,
      lease: { operationId, ticketId: operation.ticket.id, fence },
      cluster,
      lastState: null,
      pace: new ProgressPace(),
      failures: undefined,
      logs: new CrashLogs(cluster, operation.namespace, operation.failures),
      changedSince: null,
      awaySince: null,
      isWaitingTold: false,
      span: this.deps.tracing && beginSpan(this.deps.tracing, operation),
      settled: Promise.withResolvers<Operation | null>(),
    };
    this.followed.set(operationId, followed);
    this.byTarget.set(targetKey(operation.cluster, operation), operationId);
    this.lookAt(followed);
    return followed;
  }

  private letGo(id: string): void {
    const followed = this.followed.get(id);
    if (!followed) return;
    followed.settled.resolve(null);
    followed.span?.end();
    this.followed.delete(id);
    const target = targetKey(followed.operation.cluster, followed.operation);
    if (this.byTarget.get(target) === id) this.byTarget.delete(target);
    this.queueOf(followed).forget(id);
  }

  private changed(clusterName: string, change: ClusterChange): void {
    if (change === 'all') {
      for (const one of this.followed.values()) if (one.operation.cluster === clusterName) this.notice(one);
      return;
    }
    const followed = this.followed.get(this.byTarget.get(targetKey(clusterName, change)) ?? '');
    if (followed) this.notice(followed);
  }

  private notice(followed: Followed): void {
    followed.changedSince ??= performance.now();
    this.lookAt(followed);
  }

  private lookAt(followed: Followed): void {
    this.queueOf(followed).add(followed.operation.id);
  }

  private queueOf({ operation }: Followed): WorkQueue {
    return this.queues.get(operation.cluster)!;
  }

  private async work(id: string): Promise<void> {
    const followed = this.followed.get(id);
    if (!followed) return;
    await (followed.span ? followed.span.run(() => this.workOn(followed)) : this.workOn(followed));
  }

  private async workOn(followed: Followed): Promise<void> {
    const { id } = followed.operation;
    try {
      if (!followed.operation.landedAt) {
        this.wrote(followed, await sendPatch(this.deps, followed.cluster, followed.operation, followed.lease));
      }
      if (!followed.operation.isFinished()) await this.look(followed);
      followed.awaySince = null;
      followed.isWaitingTold = false;
    } catch (error) {
      if (error instanceof ClusterAway || error instanceof ClusterRefused) await this.wait(followed, error);
      if (!(error instanceof LeaseLost)) throw error;
      this.deps.log.warn({ operationId: id }, error.message);
      // Not what this process may have taken over anew meanwhile.
      if (this.followed.get(id) === followed) this.letGo(id);
    }
  }

  private async look(followed: Followed): Promise<void> {
    const { operation, cluster, logs, changedSince } = followed;
    const outage = cluster.outage(operation.namespace);
    // An old view decides nothing: what was doomed in it may have come up.
    if (outage && outage.milliseconds >= tellWaitingAfterMs) throw new ClusterAway(outage.message);
    followed.changedSince = null; // what comes from here on may not be in the snapshot any more
    const snapshot = cluster.snapshot(operation.namespace, operation.deploymentName);
    if (snapshot.deployment?.uid !== operation.deploymentUid && (await this.stands(followed))) return;
    const judged = judge(operation.attempt(followed.failures), snapshot, this.deps.limits, this.now());
    followed.failures = judged.allFailures;
    const isEnd = isFinal(rolloutTransitions, judged.status);
    if (logs.lacks(judged.failures)) await this.readLogs(followed, judged, isEnd);
    const verdict = { ...judged, failures: logs.addTo(judged.failures) };
    const state = JSON.stringify(stateOf(verdict));
    if (state === followed.lastState) return;
    const pauseMs = followed.pace.pauseAt(performance.now());
    if (verdict.status === operation.rolloutStatus && pauseMs > 0) {
      followed.changedSince = changedSince ?? followed.changedSince;
      this.queueOf(followed).addAfter(operation.id, pauseMs);
      return;
    }
    this.wrote(followed, await recordVerdict(this.deps, followed.lease, verdict));
    if (changedSince !== null) this.deps.measurements?.eventRecorded((performance.now() - changedSince) / 1000);
  }

  /** Beside the looks: an API server may take its time to get a log. Only an end waits for it, and not for long. */
  private async readLogs(followed: Followed, { failures }: Verdict, isEnd: boolean): Promise<void> {
    const reading = followed.logs.read(failures);
    if (!isEnd) return void reading.then(() => this.lookAt(followed));
    const waited = Promise.withResolvers<void>();
    const patience = setTimeout(waited.resolve, finalLogsMs);
    await Promise.race([reading, waited.promise]);
    clearTimeout(patience);
  }

  /** The watches may be late: the object that was patched may not have come to them yet. */
  private async stands({ operation, cluster }: Followed): Promise<boolean> {
    const live = await cluster.readDeployment(operation.namespace, operation.deploymentName);
    return live?.uid === operation.deploymentUid;
  }

  private wrote(followed: Followed, { operation, state }: Recorded): void {
    if (operation.rolloutStatus !== followed.operation.rolloutStatus) tellSpan(followed.span, operation);
    followed.operation = operation;
    followed.lastState = state && JSON.stringify(state);
    if (state) followed.pace.told(performance.now());
    if (operation.landedAt || operation.isFinished()) followed.settled.resolve(operation);
    if (operation.isFinished()) this.letGo(operation.id);
  }

  /**
   * What has waited for a cluster for a while says so to its subscribers, once. Our own time-outs hold all the same,
   * also where it cannot be told whether the patch ever stood there.
   */
  private async wait(followed: Followed, { message: why }: ClusterAway | ClusterRefused): Promise<void> {
    const { operation, lease } = followed;
    followed.awaySince ??= performance.now();
    const message = `Waiting for the cluster: ${why}`;
    const { rolloutStatus: status, operationStartTime, landedAt, verifyingSince } = operation;
    const times = { status, landedAt: landedAt ?? operationStartTime, verifyingSince: verifyingSince ?? null };
    const timedOut = timeOutOf(times, this.deps.limits, this.now());
    if (timedOut) return this.wrote(followed, await recordTimeOut(this.deps, lease, `${timedOut}: ${message}`));
    if (performance.now() - followed.awaySince < tellWaitingAfterMs) return;
    // Whether a pod stayed doomed meanwhile nobody knows: its time begins anew.
    followed.failures = [];
    if (followed.isWaitingTold) return;
    this.wrote(followed, await recordWaiting(this.deps, lease, message));
    followed.isWaitingTold = true;
  }

  private now(): Date {
    return new Date(this.clock.at + (performance.now() - this.clock.read));
  }
}

const targetKey = (cluster: string, target: { namespace: string; deploymentName: string }): string =>
  `${cluster}/${target.namespace}/${target.deploymentName}`;
