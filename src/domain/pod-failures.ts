import type { ContainerSnapshot, DeploymentSnapshot, PodSnapshot, PodWarning } from './cluster.ts';
import type { PodFailure } from './rollout.ts';

/** How long a pod may stay doomed before the rollout is given up, in seconds (0 for crash loops: restarts are counted instead). */
export type FailFast = { pullErrorSeconds: number; configErrorSeconds: number; crashLoopRestarts: number };

export const defaultFailFast: FailFast = { pullErrorSeconds: 30, configErrorSeconds: 10, crashLoopRestarts: 3 };

/** A failure as it is seen now, whatever was seen before. */
export type Finding = Omit<PodFailure, 'since' | 'log'>;

const pullErrors = new Set(['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName']);
const configErrors = new Set(['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError']);

/** A Secret or ConfigMap that the kubelet has not fetched yet comes by waiting. */
const isPassing = (message: string): boolean => /failed to sync .* cache/.test(message);

function containerFailure(container: ContainerSnapshot): Omit<Finding, 'pod'> | null {
  const { waiting, terminated, restartCount, init, running } = container;
  const about = { container: container.name, restarts: restartCount, exitCode: terminated?.exitCode ?? null };
  const ended = terminated && `${terminated.reason}, exit code ${terminated.exitCode}${lastWords(terminated.message)}`;
  if (waiting && pullErrors.has(waiting.reason)) return { ...about, ...waiting, isDoomed: true };
  if (waiting && configErrors.has(waiting.reason)) {
    return { ...about, ...waiting, isDoomed: !isPassing(waiting.message) };
  }
  if (waiting?.reason === 'CrashLoopBackOff') {
    const message = `${waiting.message} (${ended ?? 'no exit code known'})`;
    return { ...about, reason: waiting.reason, message, isDoomed: true };
  }
  // Between its end and its next start; an init container that succeeds ends, too.
  if (terminated && !waiting && !running && !(init && terminated.exitCode === 0)) {
    return { ...about, reason: terminated.reason || 'Error', message: `terminated (${ended})`, isDoomed: false };
  }
  return null;
}

/**
 * What the container left as its termination message, or why it could not be started. Well-formed also where it is cut
 * within a character: PostgreSQL stores no half of one.
 */
const lastWords = (message: string): string =>
  message.trim() === '' ? '' : `: ${message.trim().slice(0, 300).toWellFormed()}`;

/** What is wrong with a pod: at most one finding per container, and what it was warned of. */
export function podFailures(pod: PodSnapshot, warnings: readonly PodWarning[]): Finding[] {
  const aboutPod = { pod: pod.name, container: null, exitCode: null, restarts: 0, isDoomed: false };
  if (isLeftBehind(pod)) {
    return pod.phase === 'Failed' ? [{ ...aboutPod, reason: pod.reason || 'Failed', message: pod.message }] : [];
  }
  const found: Finding[] = pod.containers.flatMap((container) => {
    const failure = containerFailure(container);
    return failure ? [{ pod: pod.name, ...failure }] : [];
  });
  if (pod.unschedulable !== null) found.push({ ...aboutPod, reason: 'Unschedulable', message: pod.unschedulable });
  const warned = warnings.filter((warning) => isPresent(warning, pod));
  return [...found, ...warned.map(({ container, reason, message }) => ({ ...aboutPod, container, reason, message }))];
}

/** An Event stays for an hour: what it warned of counts only as long as the pod still looks like it. */
function isPresent({ reason, container }: PodWarning, pod: PodSnapshot): boolean {
  if (pod.ready) return false;
  if (reason !== 'Unhealthy') return pod.phase === 'Pending';
  return pod.phase === 'Running' && !pod.containers.some(({ name, ready }) => name === container && ready);
}

/** What evicts or preempts a pod leaves it behind, ended, for as long as its ReplicaSet lives: it is no part of the rollout. */
export const isLeftBehind = (pod: PodSnapshot): boolean =>
  !pod.terminating && (pod.phase === 'Failed' || pod.phase === 'Succeeded');

/**
 * What keeps Kubernetes from creating pods at all: quota, webhook, LimitRange, pod security. It dooms, save a quota
 * in which old pods that end still make room.
 */
export function creationFailure({ conditions }: DeploymentSnapshot, isRoomMade: boolean): Finding | null {
  const refused = conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  if (!refused) return null;
  const { reason, message } = refused;
  const isDoomed = !(isRoomMade && message.includes('exceeded quota'));
  return { pod: null, container: null, reason, message, exitCode: null, restarts: 0, isDoomed };
}

/** ErrImagePull and ImagePullBackOff take turns, and so do a crash and the pause after it. */
function troubleOf({ reason, container, exitCode }: Finding): string {
  if (pullErrors.has(reason)) return 'pull';
  if (configErrors.has(reason)) return 'configuration';
  return isCrash({ reason, container, exitCode }) ? 'crash' : reason;
}

/** A container that ran and ended: what has a log. */
export const isCrash = ({ reason, container, exitCode }: Pick<Finding, 'reason' | 'container' | 'exitCode'>): boolean =>
  reason === 'CrashLoopBackOff' ||
  (container !== null && exitCode !== null && !pullErrors.has(reason) && !configErrors.has(reason));

const keyOf = (finding: Finding): string =>
  JSON.stringify([finding.pod, finding.container, troubleOf(finding), finding.isDoomed]);

/** The same trouble has lasted since it was seen first; what was not doomed before has only begun to be. */
export function lasting(findings: readonly Finding[], before: readonly PodFailure[], now: Date): PodFailure[] {
  const sinceOf = new Map(before.map((failure) => [keyOf(failure), failure.since]));
  return findings.map((finding) => ({ ...finding, since: sinceOf.get(keyOf(finding)) ?? now.toISOString() }));
}

/** Whether this failure has lasted long enough to count against the rollout. */
export function isGivenUp(failure: PodFailure, failFast: FailFast, now: Date): boolean {
  const grace = graceSeconds(failure, failFast);
  return grace !== null && now.getTime() - Date.parse(failure.since ?? '') >= grace * 1000;
}

/** Seconds for which this failure must last before it counts against the rollout; null while it does not count yet. */
export function graceSeconds(failure: Finding, failFast: FailFast): number | null {
  if (!failure.isDoomed) return null;
  const trouble = troubleOf(failure);
  if (trouble === 'pull') return failFast.pullErrorSeconds;
  if (trouble !== 'crash') return failFast.configErrorSeconds;
  return failure.restarts >= failFast.crashLoopRestarts ? 0 : null;
}
