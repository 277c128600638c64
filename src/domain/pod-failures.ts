import type { ContainerSnapshot, PodSnapshot } from './cluster.ts';
import type { PodFailure } from './rollout.ts';

/** How long a pod may stay doomed before the rollout is given up, in seconds (0 for crash loops: restarts are counted instead). */
export type FailFast = { pullErrorSeconds: number; configErrorSeconds: number; crashLoopRestarts: number };

export const defaultFailFast: FailFast = { pullErrorSeconds: 30, configErrorSeconds: 10, crashLoopRestarts: 3 };

const pullErrors = new Set(['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName']);
const configErrors = new Set(['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError']);

/** A Secret or ConfigMap that the kubelet has not fetched yet comes by waiting. */
const isPassing = (message: string): boolean => /failed to sync .* cache/.test(message);

function containerFailure(container: ContainerSnapshot): Omit<PodFailure, 'pod'> | null {
  const { waiting, terminated, restartCount } = container;
  const about = { container: container.name, restarts: restartCount, exitCode: terminated?.exitCode ?? null };
  if (!waiting) return null;
  if (pullErrors.has(waiting.reason)) return { ...about, ...waiting, isDoomed: true };
  if (configErrors.has(waiting.reason)) return { ...about, ...waiting, isDoomed: !isPassing(waiting.message) };
  if (waiting.reason === 'CrashLoopBackOff') {
    const why = terminated ? `${terminated.reason}, exit code ${terminated.exitCode}` : 'no exit code known';
    return { ...about, reason: waiting.reason, message: `${waiting.message} (${why})`, isDoomed: true };
  }
  return null;
}

/** What is wrong with a pod, at most one finding per container. */
export function podFailures(pod: PodSnapshot): PodFailure[] {
  const found = pod.containers.flatMap((container) => containerFailure(container) ?? []);
  if (pod.unschedulable !== null) {
    const message = pod.unschedulable;
    found.push({ container: null, reason: 'Unschedulable', message, exitCode: null, restarts: 0, isDoomed: false });
  }
  return found.map((failure) => ({ pod: pod.name, ...failure }));
}

/** Seconds for which this failure must last before it counts against the rollout; null while it does not count yet. */
export function graceSeconds(failure: PodFailure, failFast: FailFast): number | null {
  if (!failure.isDoomed) return null;
  if (pullErrors.has(failure.reason)) return failFast.pullErrorSeconds;
  if (configErrors.has(failure.reason)) return failFast.configErrorSeconds;
  return failure.restarts >= failFast.crashLoopRestarts ? 0 : null;
}
