import type { DeploymentSnapshot, PodSnapshot, ReplicaSetSnapshot, RolloutSnapshot } from './cluster.ts';
import { creationFailure, type FailFast, isGivenUp, isLeftBehind, lasting, podFailures } from './pod-failures.ts';
import { type PodFailure, podListLimit, type RolloutState, type RolloutStatus } from './rollout.ts';

/** One attempt: what ties a verdict to our own change and to no other rollout. */
export type Attempt = {
  operationId: string;
  deploymentName: string;
  deploymentUid: string;
  /** The generation that our patch returned. */
  generation: number;
  /** Progressing.lastUpdateTime as read before the patch: an old deadline that still stands is not ours. */
  progressingBefore: string | null;
  /** The status so far. */
  status: RolloutStatus;
  /** Old pods seen so far, by name; those that are gone from the cluster are the terminated ones. */
  oldPods: readonly string[];
  landedAt: Date;
  verifyingSince: Date | null;
  /** The replicas that Kubernetes called done; null before. */
  verifyingReplicas: number | null;
  /** The ReplicaSet that was found to be ours once, and its revision then; null while it is looked for. */
  newReplicaSet: string | null;
  revision: number | null;
  /** Brings back a ReplicaSet as it was, so that the operation's id stands in no template. */
  isRollback: boolean;
  /** What was wrong at the last look: whose trouble has lasted since then. */
  failures: readonly PodFailure[];
};

export type VerdictLimits = { rolloutTimeoutSeconds: number; verifyTimeoutSeconds: number; failFast: FailFast };

export type Verdict = RolloutState & {
  /** The revision that this rollout made; for SUPERSEDED the one that replaced it. 0 while unknown. */
  revision: number;
  /** The ReplicaSet whose template carries our change. */
  newReplicaSet: { name: string; revision: number } | null;
  oldPods: string[];
  /** All that `failures` has the first hundred of. */
  allFailures: PodFailure[];
};

/** As kubectl says it. */
export const notObserved = 'Waiting for deployment spec update to be observed...';

type Outcome = { status: RolloutStatus; message: string };

const secondsSince = (then: Date, now: Date): number => (now.getTime() - then.getTime()) / 1000;

const isObserved = ({ generation }: Attempt, { generation: newest, status }: DeploymentSnapshot): boolean =>
  status.observedGeneration >= Math.max(generation, newest);

/** kubectl's answer, in kubectl's order and words (kubectl rollout status); null when it would say done. */
function kubectlAnswer(attempt: Attempt, deployment: DeploymentSnapshot): Outcome | null {
  const { replicas, updatedReplicas, availableReplicas } = deployment.status;
  const waiting = (what: string): Outcome => ({
    status: 'PROGRESSING',
    message: `Waiting for deployment "${attempt.deploymentName}" rollout to finish: ${what}...`,
  });
  if (!isObserved(attempt, deployment)) {
    return { status: 'PROGRESSING', message: notObserved };
  }
  const progressing = deployment.conditions.find(({ type }) => type === 'Progressing');
  if (progressing?.reason === 'ProgressDeadlineExceeded' && progressing.lastUpdateTime !== attempt.progressingBefore) {
    return { status: 'TIMED_OUT', message: `deployment "${attempt.deploymentName}" exceeded its progress deadline` };
  }
  if (updatedReplicas < deployment.replicas) {
    return waiting(`${updatedReplicas} out of ${deployment.replicas} new replicas have been updated`);
  }
  if (replicas > updatedReplicas) {
    return waiting(`${replicas - updatedReplicas} old replicas are pending termination`);
  }
  if (availableReplicas < updatedReplicas) {
    return waiting(`${availableReplicas} of ${updatedReplicas} updated replicas are available`);
  }
  return null;
}

/** Kubernetes said done; it is true only once our own pods are ready and the old ones gone. */
function verify(deployment: DeploymentSnapshot, attempt: Attempt, pods: { ours: PodSnapshot[]; old: PodSnapshot[] }) {
  const done = `deployment "${attempt.deploymentName}" successfully rolled out`;
  const waiting = `Waiting for deployment "${attempt.deploymentName}" to be verified`;
  const wasScaledAway = (attempt.verifyingReplicas ?? 0) > 0;
  if (deployment.replicas === 0 && pods.old.length === 0 && !wasScaledAway) {
    return { status: 'COMPLETED', message: `${done} (it has zero replicas: no pod was restarted)` } as const;
  }
  const ready = pods.ours.filter((pod) => pod.ready && !pod.terminating).length;
  // A later scale-up does not reopen what Kubernetes called done.
  const wanted = Math.min(deployment.replicas, attempt.verifyingReplicas ?? deployment.replicas);
  if (ready < wanted)
    return { status: 'VERIFYING', message: `${waiting}: ${ready} of ${wanted} new pods are ready...` } as const;
  if (pods.old.length > 0) {
    return {
      status: 'VERIFYING',
      message: `${waiting}: ${pods.old.length} old pods are still terminating...`,
    } as const;
  }
  return { status: 'COMPLETED', message: done } as const;
}

/**
 * Somebody's newer template, once the controller has given it its revision, which it does not while the Deployment
 * is paused. A Deployment from before our patch (the watches are late) is no newer one, and neither is a mere
 * change of spec.replicas.
 */
function isSuperseded(attempt: Attempt, deployment: DeploymentSnapshot, ours: ReplicaSetSnapshot | undefined): boolean {
  const revision = ours?.revision ?? attempt.revision;
  const standing = attempt.isRollback ? deployment.operationId : deployment.templateOperationId;
  const isNewer =
    revision === null ? standing !== attempt.operationId && !deployment.paused : deployment.revision > revision;
  return isNewer && deployment.generation > attempt.generation && isObserved(attempt, deployment);
}

/**
 * Ours came first: somebody's new image leaves our annotation in the template, so that their ReplicaSet carries it,
 * too. After a rollback only the ReplicaSets themselves carry it: the controller copies the Deployment's annotations
 * to the one that it makes the newest. Once found, it is the one of that name: a later rollback may number it anew.
 */
function findOurs(attempt: Attempt, replicaSets: readonly ReplicaSetSnapshot[]): ReplicaSetSnapshot | undefined {
  if (attempt.newReplicaSet !== null) return replicaSets.find(({ name }) => name === attempt.newReplicaSet);
  const idOf = ({ operationId, templateOperationId }: ReplicaSetSnapshot) =>
    attempt.isRollback ? operationId : templateOperationId;
  return replicaSets
    .filter((set) => idOf(set) === attempt.operationId)
    .toSorted((one, other) => one.revision - other.revision)[0];
}

/** What keeps the rollout from going on, beside kubectl's words. */
function remarkOn(attempt: Attempt, deployment: DeploymentSnapshot): string {
  // Before our change is observed it is our predecessor's.
  const refused = isObserved(attempt, deployment) ? creationFailure(deployment, false) : null;
  const remarks = [
    ...(refused ? [`${refused.reason}: ${refused.message}`] : []),
    ...(deployment.paused ? ['the deployment is paused'] : []),
  ];
  return remarks.length === 0 ? '' : ` (${remarks.join('; ')})`;
}

/** The pods of a rollout, told apart by the ReplicaSet that owns them. */
function sortPods(snapshot: RolloutSnapshot, ours: ReplicaSetSnapshot | undefined) {
  const ofOurs = snapshot.pods.filter((pod) => pod.replicaSetUid === ours?.uid);
  return {
    /** Of our ReplicaSet, those that were left behind included. */
    ofOurs,
    ours: ofOurs.filter((pod) => !isLeftBehind(pod)),
    old: snapshot.pods.filter((pod) => pod.replicaSetUid !== ours?.uid && !isLeftBehind(pod)),
  };
}

/** What is wrong, what is worst first. */
function findFailures(
  attempt: Attempt,
  snapshot: RolloutSnapshot,
  pods: PodSnapshot[],
  isRoomMade: boolean,
  now: Date,
) {
  const { deployment } = snapshot;
  const refused = deployment && isObserved(attempt, deployment) ? creationFailure(deployment, isRoomMade) : null;
  const warnings = Map.groupBy(snapshot.warnings, ({ podUid }) => podUid);
  const found = pods
    .filter((pod) => !pod.terminating)
    .flatMap((pod) => podFailures(pod, warnings.get(pod.uid) ?? []))
    .toSorted((one, other) => Number(other.isDoomed) - Number(one.isDoomed));
  return lasting(refused ? [refused, ...found] : found, attempt.failures, now);
}

/** Says why where no new pod will come up by waiting: each of them is doomed for its time, or none can be created. */
function doomOf(ours: PodSnapshot[], failures: PodFailure[], failFast: FailFast, now: Date): string | null {
  const names = ours.filter((pod) => !pod.terminating).map((pod) => pod.name);
  const doomed = failures.filter((failure) => isGivenUp(failure, failFast, now));
  if (names.length === 0) {
    const refused = doomed.find(({ pod }) => pod === null);
    return refused ? `no new pod can be created: ${refused.reason}: ${refused.message}` : null;
  }
  const pods = new Set(doomed.map(({ pod }) => pod));
  if (!names.every((name) => pods.has(name))) return null;
  const { pod, reason, message } = doomed.find(({ pod }) => pod !== null)!;
  return `every new pod fails: ${pod}: ${reason}: ${message}`;
}

/** The tracker's heart: what a rollout's state means for this attempt. Pure; every row of it is a row of its test. */
export function judge(attempt: Attempt, snapshot: RolloutSnapshot, limits: VerdictLimits, now: Date): Verdict {
  const { deployment } = snapshot;
  const isGone = deployment === null || deployment.uid !== attempt.deploymentUid;
  const ours = findOurs(attempt, snapshot.replicaSets);
  const pods = sortPods(snapshot, ours);
  // A rollback revives pods that were old ones before.
  const newNames = new Set(pods.ofOurs.map((pod) => pod.name));
  const oldPods = [...new Set([...attempt.oldPods, ...pods.old.map((pod) => pod.name)])].filter(
    (name) => !newNames.has(name),
  );
  const present = new Set(snapshot.pods.map((pod) => pod.name));
  const terminated = oldPods.filter((name) => !present.has(name));
  const isRoomMade = terminated.length > 0 || pods.old.some(({ terminating }) => terminating);
  const failures = isGone ? [] : findFailures(attempt, snapshot, pods.ofOurs, isRoomMade, now);
  const names = pods.ours.filter((pod) => !pod.terminating).map((pod) => pod.name);

  function outcome(): Outcome {
    if (isGone) return { status: 'FAILED', message: 'object has been deleted' };
    if (isSuperseded(attempt, deployment, ours)) {
      return {
        status: 'SUPERSEDED',
        message: `superseded by revision ${deployment.revision} of deployment "${attempt.deploymentName}"`,
      };
    }
    const answer = attempt.status === 'VERIFYING' ? null : kubectlAnswer(attempt, deployment);
    const state = answer ?? verify(deployment, attempt, pods);
    if (state.status === 'TIMED_OUT' || state.status === 'COMPLETED') return state;
    const doom = doomOf(pods.ours, failures, limits.failFast, now);
    if (doom !== null) return { status: 'FAILED', message: doom };
    const message = state.message + (answer ? remarkOn(attempt, deployment) : '');
    // What Kubernetes calls done has the time of its verification, from now on.
    const hasBegun = answer !== null || attempt.status === 'VERIFYING';
    const timedOut = hasBegun ? timeOutOf(attempt, limits, now) : null;
    return timedOut ? { status: 'TIMED_OUT', message: `${timedOut}: ${message}` } : { ...state, message };
  }

  return {
    ...outcome(),
    replicas: {
      desired: isGone ? 0 : deployment.replicas,
      // Before our change is observed the status still counts the pods of the template before it.
      updated:
        isGone || deployment.status.observedGeneration < attempt.generation ? 0 : deployment.status.updatedReplicas,
      ready: pods.ours.filter((pod) => pod.ready && !pod.terminating).length,
      available: isGone ? 0 : deployment.status.availableReplicas,
      old: pods.old.length,
    },
    newPods: names.slice(0, podListLimit),
    newPodCount: names.length,
    terminatedPods: terminated.slice(0, podListLimit),
    terminatedPodCount: terminated.length,
    failures: failures.slice(0, podListLimit),
    revision: isGone ? 0 : deployment.revision,
    newReplicaSet: ours ? { name: ours.name, revision: ours.revision } : null,
    oldPods,
    allFailures: failures,
  };
}

/** Our own patience has come to its end, also where the cluster cannot be asked; null before. */
export function timeOutOf(
  attempt: Pick<Attempt, 'status' | 'landedAt' | 'verifyingSince'>,
  limits: VerdictLimits,
  now: Date,
): string | null {
  const { rolloutTimeoutSeconds, verifyTimeoutSeconds } = limits;
  if (attempt.status !== 'VERIFYING') {
    const isOver = secondsSince(attempt.landedAt, now) >= rolloutTimeoutSeconds;
    return isOver ? `not finished after ${rolloutTimeoutSeconds} seconds` : null;
  }
  const isOver = attempt.verifyingSince !== null && secondsSince(attempt.verifyingSince, now) >= verifyTimeoutSeconds;
  return isOver ? `not verified after ${verifyTimeoutSeconds} seconds` : null;
}

/**
 * Whether a rollout that was given up (TIMED_OUT or FAILED) has come to its end by now all the same: our ReplicaSet
 * is still the newest, and all is as COMPLETED wants it.
 */
export function lateSuccess(attempt: Attempt, { deployment, ...rest }: RolloutSnapshot): boolean {
  const ours = findOurs(attempt, rest.replicaSets);
  if (!deployment || deployment.uid !== attempt.deploymentUid || !ours || ours.revision !== deployment.revision) {
    return false;
  }
  // Scaled to nothing meanwhile is no success.
  if (deployment.replicas === 0 || kubectlAnswer(attempt, deployment) !== null) return false;
  const pods = sortPods({ deployment, ...rest }, ours);
  return verify(deployment, { ...attempt, verifyingReplicas: null }, pods).status === 'COMPLETED';
}
