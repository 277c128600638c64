import type { DeploymentSnapshot, PodSnapshot, ReplicaSetSnapshot, RolloutSnapshot } from './cluster.ts';
import { type FailFast, graceSeconds, podFailures } from './pod-failures.ts';
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
  /** Since when every new pod has been doomed. */
  doomedSince: Date | null;
};

export type VerdictLimits = { rolloutTimeoutSeconds: number; verifyTimeoutSeconds: number; failFast: FailFast };

export type Verdict = RolloutState & {
  /** The revision that this rollout made; for SUPERSEDED the one that replaced it. 0 while unknown. */
  revision: number;
  /** The ReplicaSet whose template carries our change. */
  newReplicaSet: { name: string; revision: number } | null;
  oldPods: string[];
  doomedSince: Date | null;
};

type Outcome = { status: RolloutStatus; message: string };

const secondsSince = (then: Date, now: Date): number => (now.getTime() - then.getTime()) / 1000;

/** kubectl's answer, in kubectl's order and words (kubectl rollout status); null when it would say done. */
function kubectlAnswer(attempt: Attempt, deployment: DeploymentSnapshot): Outcome | null {
  const { replicas, updatedReplicas, availableReplicas, observedGeneration } = deployment.status;
  const waiting = (what: string): Outcome => ({
    status: 'PROGRESSING',
    message: `Waiting for deployment "${attempt.deploymentName}" rollout to finish: ${what}...`,
  });
  if (deployment.generation > observedGeneration || observedGeneration < attempt.generation) {
    return { status: 'PROGRESSING', message: 'Waiting for deployment spec update to be observed...' };
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

function doomedGrace(ours: PodSnapshot[], failures: PodFailure[], failFast: FailFast): number | null {
  const graces = ours
    .filter((pod) => !pod.terminating)
    .map((pod) => {
      const counting = failures.filter(({ pod: name }) => name === pod.name).map((f) => graceSeconds(f, failFast));
      return counting.reduce(
        (shortest, grace) => (grace !== null && (shortest === null || grace < shortest) ? grace : shortest),
        null,
      );
    });
  if (graces.length === 0 || graces.includes(null)) return null;
  return Math.max(...(graces as number[]));
}

/**
 * Somebody's newer template, once the controller has given it its revision, which it does not while the Deployment
 * is paused. A Deployment from before our patch (the watches are late) is no newer one, and neither is a mere
 * change of spec.replicas.
 */
function isSuperseded(attempt: Attempt, deployment: DeploymentSnapshot, ours: ReplicaSetSnapshot | undefined): boolean {
  const isNewer = ours
    ? deployment.revision > ours.revision
    : deployment.templateOperationId !== attempt.operationId && !deployment.paused;
  return (
    isNewer &&
    deployment.generation > attempt.generation &&
    deployment.status.observedGeneration >= deployment.generation
  );
}

/** Somebody's new image leaves our annotation in the template, so that their ReplicaSet carries it, too: ours came first. */
const findOurs = (replicaSets: readonly ReplicaSetSnapshot[], operationId: string): ReplicaSetSnapshot | undefined =>
  replicaSets
    .filter((set) => set.templateOperationId === operationId)
    .toSorted((one, other) => one.revision - other.revision)[0];

/** What evicts or preempts a pod leaves it behind, ended, for as long as its ReplicaSet lives: it is no part of the rollout. */
const isLeftBehind = (pod: PodSnapshot): boolean =>
  !pod.terminating && (pod.phase === 'Failed' || pod.phase === 'Succeeded');

/** What keeps the rollout from going on, beside kubectl's words. */
function remarkOn(deployment: DeploymentSnapshot): string {
  const refused = deployment.conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  const remarks = [
    ...(refused ? [`${refused.reason}: ${refused.message}`] : []),
    ...(deployment.paused ? ['the deployment is paused'] : []),
  ];
  return remarks.length === 0 ? '' : ` (${remarks.join('; ')})`;
}

/** The tracker's heart: what a rollout's state means for this attempt. Pure; every row of it is a row of its test. */
export function judge(attempt: Attempt, snapshot: RolloutSnapshot, limits: VerdictLimits, now: Date): Verdict {
  const { deployment } = snapshot;
  const isGone = deployment === null || deployment.uid !== attempt.deploymentUid;
  const ours = findOurs(snapshot.replicaSets, attempt.operationId);
  const pods = snapshot.pods.filter((pod) => !isLeftBehind(pod));
  const newPods = pods.filter((pod) => pod.replicaSetUid === ours?.uid);
  const otherPods = pods.filter((pod) => pod.replicaSetUid !== ours?.uid);
  const oldPods = [...new Set([...attempt.oldPods, ...otherPods.map((pod) => pod.name)])];
  const present = new Set(snapshot.pods.map((pod) => pod.name));
  const terminated = oldPods.filter((name) => !present.has(name));
  const failures = newPods.flatMap(podFailures);
  const grace = doomedGrace(newPods, failures, limits.failFast);
  const doomedSince = grace === null ? null : (attempt.doomedSince ?? now);
  const names = newPods.filter((pod) => !pod.terminating).map((pod) => pod.name);

  function outcome(): Outcome {
    if (isGone) return { status: 'FAILED', message: 'object has been deleted' };
    if (isSuperseded(attempt, deployment, ours)) {
      return {
        status: 'SUPERSEDED',
        message: `superseded by revision ${deployment.revision} of deployment "${attempt.deploymentName}"`,
      };
    }
    const answer = attempt.status === 'VERIFYING' ? null : kubectlAnswer(attempt, deployment);
    if (answer === null) {
      const verified = verify(deployment, attempt, { ours: newPods, old: otherPods });
      const since = attempt.verifyingSince;
      if (verified.status === 'COMPLETED' || since === null || secondsSince(since, now) < limits.verifyTimeoutSeconds)
        return verified;
      return {
        status: 'TIMED_OUT',
        message: `not verified after ${limits.verifyTimeoutSeconds} seconds: ${verified.message}`,
      };
    }
    if (answer.status === 'TIMED_OUT') return answer;
    if (doomedSince !== null && secondsSince(doomedSince, now) >= grace!) {
      const { pod, reason, message } = failures.find((failure) => failure.isDoomed)!;
      return { status: 'FAILED', message: `every new pod fails: ${pod}: ${reason}: ${message}` };
    }
    const message = answer.message + remarkOn(deployment);
    if (secondsSince(attempt.landedAt, now) >= limits.rolloutTimeoutSeconds) {
      return { status: 'TIMED_OUT', message: `not finished after ${limits.rolloutTimeoutSeconds} seconds: ${message}` };
    }
    return { ...answer, message };
  }

  return {
    ...outcome(),
    replicas: {
      desired: isGone ? 0 : deployment.replicas,
      // Before our change is observed the status still counts the pods of the template before it.
      updated:
        isGone || deployment.status.observedGeneration < attempt.generation ? 0 : deployment.status.updatedReplicas,
      ready: newPods.filter((pod) => pod.ready && !pod.terminating).length,
      available: isGone ? 0 : deployment.status.availableReplicas,
      old: otherPods.length,
    },
    newPods: names.slice(0, podListLimit),
    newPodCount: names.length,
    terminatedPods: terminated.slice(0, podListLimit),
    terminatedPodCount: terminated.length,
    failures: failures.slice(0, podListLimit),
    revision: isGone ? 0 : deployment.revision,
    newReplicaSet: ours ? { name: ours.name, revision: ours.revision } : null,
    oldPods,
    doomedSince,
  };
}
