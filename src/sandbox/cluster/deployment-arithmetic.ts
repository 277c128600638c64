import type { DeploymentSpec, ReplicaSet } from './objects.ts';

/** The numbers of kube-controller-manager's deployment controller (deployment_util.go), under its names. */

export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
export const specReplicas = (replicaSets: ReplicaSet[]): number => sum(replicaSets.map(({ spec }) => spec.replicas));
export const actualReplicas = (replicaSets: ReplicaSet[]): number =>
  sum(replicaSets.map(({ status }) => status.replicas));
export const readyReplicas = (replicaSets: ReplicaSet[]): number =>
  sum(replicaSets.map(({ status }) => status.readyReplicas ?? 0));
export const availableReplicas = (replicaSets: ReplicaSet[]): number =>
  sum(replicaSets.map(({ status }) => status.availableReplicas ?? 0));

export const isRollingUpdate = ({ strategy }: DeploymentSpec): boolean => strategy.type === 'RollingUpdate';

function scaled(value: number | string, replicas: number, round: (value: number) => number): number {
  if (typeof value === 'number') return value;
  return round((Number.parseInt(value, 10) * replicas) / 100);
}

/** Surge rounds up, unavailable rounds down; where both come to nothing one pod may be unavailable, lest nothing moves. */
export function resolveFenceposts(spec: DeploymentSpec): { surge: number; unavailable: number } {
  const { maxSurge = '25%', maxUnavailable = '25%' } = spec.strategy.rollingUpdate ?? {};
  const surge = scaled(maxSurge, spec.replicas, Math.ceil);
  const unavailable = scaled(maxUnavailable, spec.replicas, Math.floor);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

export function maxUnavailable(spec: DeploymentSpec): number {
  if (!isRollingUpdate(spec) || spec.replicas === 0) return 0;
  return Math.min(resolveFenceposts(spec).unavailable, spec.replicas);
}

export const maxSurge = (spec: DeploymentSpec): number => (isRollingUpdate(spec) ? resolveFenceposts(spec).surge : 0);

export function newReplicaSetReplicas(spec: DeploymentSpec, all: ReplicaSet[], current: number): number {
  if (!isRollingUpdate(spec)) return spec.replicas;
  const room = spec.replicas + maxSurge(spec) - specReplicas(all);
  return room <= 0 ? current : current + Math.min(room, spec.replicas - current);
}

const annotated = ({ metadata }: ReplicaSet, annotation: string): number | undefined => {
  const value = Number.parseInt(metadata.annotations?.[annotation] ?? '', 10);
  return Number.isNaN(value) ? undefined : value;
};
export const desiredReplicas = (replicaSet: ReplicaSet): number | undefined =>
  annotated(replicaSet, desiredReplicasAnnotation);

const roundedAwayFromZero = (value: number): number => Math.trunc(value < 0 ? value - 0.5 : value + 0.5);

/** This ReplicaSet's share of the pods to add or take away when a Deployment is scaled in the middle of a rollout. */
export function proportion(
  replicaSet: ReplicaSet,
  spec: DeploymentSpec,
  statusReplicas: number,
  toAdd: number,
  added: number,
): number {
  const { replicas } = replicaSet.spec;
  if (replicas === 0 || toAdd === 0 || toAdd === added) return 0;
  const allowed = toAdd - added;
  const wasAtMost = annotated(replicaSet, maxReplicasAnnotation) ?? statusReplicas;
  const share =
    spec.replicas === 0
      ? -replicas
      : roundedAwayFromZero((replicas * (spec.replicas + maxSurge(spec))) / wasAtMost) - replicas;
  return toAdd > 0 ? Math.min(share, allowed) : Math.max(share, allowed);
}
