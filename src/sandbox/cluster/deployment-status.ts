import {
  actualReplicas,
  availableReplicas,
  maxUnavailable,
  readyReplicas,
  specReplicas,
} from './deployment-arithmetic.ts';
import { type Condition, type Deployment, type DeploymentStatus, type ReplicaSet, instant } from './objects.ts';

export const conditionOf = (status: { conditions?: Condition[] }, type: string): Condition | undefined =>
  status.conditions?.find((condition) => condition.type === type);

export const condition = (type: string, status: string, reason: string, message: string): Condition => ({
  type,
  status,
  lastUpdateTime: instant(),
  lastTransitionTime: instant(),
  reason,
  message,
});

/** A condition of the same status and reason is left as it is, its message and times too. */
export function withCondition(conditions: Condition[], next: Condition): Condition[] {
  const current = conditions.find(({ type }) => type === next.type);
  if (current?.status === next.status && current.reason === next.reason) return conditions;
  const kept = conditions.filter(({ type }) => type !== next.type);
  const { lastTransitionTime = next.lastTransitionTime } = current?.status === next.status ? current : next;
  return [...kept, { ...next, ...(lastTransitionTime !== undefined && { lastTransitionTime }) }];
}

const without = (conditions: Condition[], type: string): Condition[] =>
  conditions.filter((condition) => condition.type !== type);

export const hasProgressDeadline = ({ spec }: Deployment): boolean =>
  spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds < 2 ** 31 - 1;

const leaveZerosOut = (status: DeploymentStatus): DeploymentStatus =>
  Object.fromEntries(Object.entries(status).filter(([, value]) => value !== 0 && value !== undefined));

export function calculateStatus(
  deployment: Deployment,
  all: ReplicaSet[],
  newReplicaSet: ReplicaSet | undefined,
): DeploymentStatus {
  const { spec, status, metadata } = deployment;
  const available = availableReplicas(all);
  const isAvailable = available >= spec.replicas - maxUnavailable(spec);
  return leaveZerosOut({
    observedGeneration: metadata.generation ?? 0,
    replicas: actualReplicas(all),
    updatedReplicas: newReplicaSet?.status.replicas ?? 0,
    readyReplicas: readyReplicas(all),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, specReplicas(all) - available),
    ...(status.collisionCount !== undefined && { collisionCount: status.collisionCount }),
    conditions: withCondition(
      status.conditions ?? [],
      isAvailable
        ? condition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
        : condition(
            'Available',
            'False',
            'MinimumReplicasUnavailable',
            'Deployment does not have minimum availability.',
          ),
    ),
  });
}

export const isComplete = ({ spec, metadata }: Deployment, status: DeploymentStatus): boolean =>
  (status.updatedReplicas ?? 0) === spec.replicas &&
  (status.replicas ?? 0) === spec.replicas &&
  (status.availableReplicas ?? 0) === spec.replicas &&
  (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);

function isProgressing(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

/** When the progress deadline passes; undefined where none is running. */
export function deadlineAt(deployment: Deployment, status: DeploymentStatus): number | undefined {
  const progressing = conditionOf(status, 'Progressing');
  const isSettled =
    progressing?.reason === 'NewReplicaSetAvailable' || progressing?.reason === 'ProgressDeadlineExceeded';
  if (!hasProgressDeadline(deployment) || progressing?.lastUpdateTime === undefined || isSettled) return undefined;
  return Date.parse(progressing.lastUpdateTime) + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000;
}

function hasTimedOut(deployment: Deployment, status: DeploymentStatus): boolean {
  if (conditionOf(status, 'Progressing')?.reason === 'ProgressDeadlineExceeded') return true;
  const deadline = deadlineAt(deployment, status);
  return deadline !== undefined && deadline < Date.now();
}

function progressConditions(
  deployment: Deployment,
  status: DeploymentStatus,
  newReplicaSet: ReplicaSet | undefined,
): Condition[] {
  const conditions = status.conditions ?? [];
  const current = conditionOf(deployment.status, 'Progressing');
  const wasComplete = status.replicas === status.updatedReplicas && current?.reason === 'NewReplicaSetAvailable';
  if (wasComplete) return conditions;
  const what =
    newReplicaSet === undefined
      ? `Deployment "${deployment.metadata.name}"`
      : `ReplicaSet "${newReplicaSet.metadata.name}"`;
  if (isComplete(deployment, status)) {
    const done = condition('Progressing', 'True', 'NewReplicaSetAvailable', `${what} has successfully progressed.`);
    return withCondition(conditions, done);
  }
  if (isProgressing(deployment.status, status)) {
    const progress = condition('Progressing', 'True', 'ReplicaSetUpdated', `${what} is progressing.`);
    // Each progress restarts the deadline, so that the condition is renewed although status and reason stay.
    if (current?.status === 'True' && current.lastTransitionTime !== undefined) {
      progress.lastTransitionTime = current.lastTransitionTime;
    }
    return [...without(conditions, 'Progressing'), progress];
  }
  if (hasTimedOut(deployment, status)) {
    const late = condition('Progressing', 'False', 'ProgressDeadlineExceeded', `${what} has timed out progressing.`);
    return withCondition(conditions, late);
  }
  return conditions;
}

/** The status after a step of a rollout, with the verdict on its progress. */
export function rolloutStatus(
  deployment: Deployment,
  all: ReplicaSet[],
  newReplicaSet: ReplicaSet | undefined,
): DeploymentStatus {
  const status = calculateStatus(deployment, all, newReplicaSet);
  let conditions = hasProgressDeadline(deployment)
    ? progressConditions(deployment, status, newReplicaSet)
    : without(status.conditions ?? [], 'Progressing');
  const failure = [newReplicaSet, ...all]
    .map((replicaSet) => replicaSet && conditionOf(replicaSet.status, 'ReplicaFailure'))
    .find((found) => found !== undefined);
  conditions =
    failure === undefined
      ? without(conditions, 'ReplicaFailure')
      : withCondition(
          conditions,
          condition('ReplicaFailure', failure.status, failure.reason ?? '', failure.message ?? ''),
        );
  return { ...status, conditions };
}
