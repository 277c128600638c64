import type {
  ContainerSnapshot,
  DeploymentSnapshot,
  PodSnapshot,
  PodWarning,
  ReplicaSetSnapshot,
  RolloutSnapshot,
} from '../../src/domain/cluster.ts';
import { defaultFailFast } from '../../src/domain/pod-failures.ts';
import { type Attempt, judge, type Verdict } from '../../src/domain/rollout-verdict.ts';

export const now = new Date('2025-08-22T10:20:00.000Z');
export const secondsAgo = (seconds: number): Date => new Date(now.getTime() - seconds * 1000);

export const limits = { rolloutTimeoutSeconds: 900, verifyTimeoutSeconds: 300, failFast: defaultFailFast };

/** Landed a minute ago as generation 5 of three replicas, and revision 5; before it stood generation 4. */
export const attempt = (changes: Partial<Attempt> = {}): Attempt => ({
  operationId: 'op-1',
  deploymentName: 'web',
  deploymentUid: 'deployment-1',
  generation: 5,
  progressingBefore: '2025-08-22T09:00:00Z',
  status: 'PROGRESSING',
  oldPods: [],
  landedAt: secondsAgo(60),
  verifyingSince: null,
  verifyingReplicas: null,
  newReplicaSet: null,
  revision: null,
  isRollback: false,
  failures: [],
  ...changes,
});

type DeploymentChanges = Partial<Omit<DeploymentSnapshot, 'status'>> & {
  status?: Partial<DeploymentSnapshot['status']>;
};

/** Carries our change, observed, and by its own account done. */
export const deployment = ({ status, ...changes }: DeploymentChanges = {}): DeploymentSnapshot => ({
  uid: 'deployment-1',
  resourceVersion: '500',
  generation: 5,
  paused: false,
  replicas: 3,
  strategy: 'RollingUpdate',
  containers: [{ name: 'app', image: 'web:v1' }],
  revision: 5,
  operationId: 'op-1',
  templateOperationId: 'op-1',
  conditions: [progressing('NewReplicaSetAvailable')],
  ...changes,
  status: {
    observedGeneration: changes.generation ?? 5,
    replicas: 3,
    updatedReplicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    ...status,
  },
});

export const progressing = (reason: string, lastUpdateTime = '2025-08-22T10:19:30Z') => ({
  type: 'Progressing',
  status: reason === 'ProgressDeadlineExceeded' ? 'False' : 'True',
  reason,
  message: '',
  lastUpdateTime,
});

export const replicaFailure = (reason: string, message: string) => ({
  type: 'ReplicaFailure',
  status: 'True',
  reason,
  message,
  lastUpdateTime: '2025-08-22T10:19:30Z',
});

const replicaSet = (uid: string, revision: number, operationId: string | null): ReplicaSetSnapshot => ({
  uid,
  name: uid,
  deploymentUid: 'deployment-1',
  revision,
  replicas: 3,
  operationId,
  templateOperationId: operationId,
});
export const ourSet = (changes: Partial<ReplicaSetSnapshot> = {}) => ({
  ...replicaSet('web-new', 5, 'op-1'),
  ...changes,
});
export const oldSet = replicaSet('web-old', 4, null);

export const container = (changes: Partial<ContainerSnapshot> = {}): ContainerSnapshot => ({
  name: 'app',
  init: false,
  ready: false,
  running: false,
  restartCount: 0,
  waiting: null,
  terminated: null,
  ...changes,
});

/** Ready and running in our ReplicaSet. */
export const pod = (name: string, changes: Partial<PodSnapshot> = {}): PodSnapshot => ({
  uid: `uid-of-${name}`,
  name,
  replicaSetUid: 'web-new',
  phase: 'Running',
  reason: '',
  message: '',
  ready: true,
  terminating: false,
  unschedulable: null,
  containers: [container({ ready: true, running: true })],
  ...changes,
});
export const newPods = [pod('web-new-1'), pod('web-new-2'), pod('web-new-3')];
export const oldPod = (name: string, changes: Partial<PodSnapshot> = {}) =>
  pod(name, { replicaSetUid: 'web-old', ...changes });
/** Of our ReplicaSet, with a container that waits. */
export const waitingPod = (name: string, reason: string, message = '', changes: Partial<ContainerSnapshot> = {}) =>
  pod(name, {
    phase: 'Pending',
    ready: false,
    containers: [container({ waiting: { reason, message }, ...changes })],
  });
export const crashingPod = (name: string, restartCount: number, exitCode = 1, reason = 'Error') =>
  waitingPod(name, 'CrashLoopBackOff', 'back-off restarting failed container', {
    restartCount,
    terminated: { reason, message: '', exitCode, finishedAt: '2025-08-22T10:19:50Z' },
  });

/** Running, and not ready: as while its probes fail. */
export const unreadyPod = (name: string, changes: Partial<PodSnapshot> = {}) =>
  pod(name, { ready: false, containers: [container({ running: true })], ...changes });
/** What an Event says about the pod of that name. */
export const warning = (podName: string, reason: string, message: string, container: string | null = null) =>
  ({ podUid: `uid-of-${podName}`, container, reason, message, at: '2025-08-22T10:19:50Z' }) satisfies PodWarning;

export type Scene = {
  attempt?: Partial<Attempt>;
  deployment?: DeploymentSnapshot | null;
  replicaSets?: ReplicaSetSnapshot[];
  pods?: PodSnapshot[];
  warnings?: PodWarning[];
  /** The same was seen so many seconds ago. */
  seenBefore?: number;
};

export const snapshotOf = (scene: Scene): RolloutSnapshot => ({
  deployment: scene.deployment === undefined ? deployment() : scene.deployment,
  replicaSets: scene.replicaSets ?? [oldSet, ourSet()],
  pods: scene.pods ?? newPods,
  warnings: scene.warnings ?? [],
});

/** Without changes: a rollout that is done and verified. */
export const verdictOn = (scene: Scene, strictness: Partial<typeof limits> = {}): Verdict => {
  const first = attempt(scene.attempt);
  const look = (before: Attempt, at: Date) => judge(before, snapshotOf(scene), { ...limits, ...strictness }, at);
  if (scene.seenBefore === undefined) return look(first, now);
  return look({ ...first, failures: look(first, secondsAgo(scene.seenBefore)).allFailures }, now);
};
