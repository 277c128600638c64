import { ContainerLife, repeatMilliseconds } from './container-life.ts';
import type { Report } from './event-recorder.ts';
import type { Container, ContainerStatus, Pod } from './objects.ts';
import { isPlayed } from './pod-plays.ts';
import { isDone, placed, withCondition, withContainers } from './pod-status.ts';

/** What happens to a pod or one of its containers next if nobody ends it, and when. */
export type Step = {
  /** Tells the steps of a pod apart that are under way at the same time. */
  key: string;
  afterMilliseconds: number;
  everyMilliseconds?: number;
  take: (pod: Pod) => Pod;
  reports: Report[];
};

const warning = (reason: string, message: string, component = 'kubelet'): Report => ({
  type: 'Warning',
  reason,
  message,
  component,
});

function schedule(pod: Pod): Step {
  const key = 'schedule';
  if (isPlayed(pod, 'unschedulable')) {
    const message = '0/1 nodes are available: 1 Insufficient cpu.';
    const finding = { type: 'PodScheduled', status: false, reason: 'Unschedulable', message };
    return {
      key,
      afterMilliseconds: 0,
      everyMilliseconds: repeatMilliseconds,
      take: (now) => ({ ...now, status: withCondition(now.status, finding) }),
      reports: [warning('FailedScheduling', message, 'default-scheduler')],
    };
  }
  const message = `Successfully assigned ${pod.metadata.namespace}/${pod.metadata.name} to node-1`;
  return {
    key,
    afterMilliseconds: 0,
    take: placed,
    reports: [{ type: 'Normal', reason: 'Scheduled', message, component: 'default-scheduler' }],
  };
}

/** What keeps every container of the pod from being created. */
function obstacle(pod: Pod): Report | undefined {
  if (isPlayed(pod, 'mount-error')) {
    return warning('FailedMount', 'MountVolume.SetUp failed for volume "config" : configmap "config" not found');
  }
  if (!isPlayed(pod, 'sandbox-error')) return undefined;
  const why = `networkPlugin cni failed to set up pod "${pod.metadata.name}_${pod.metadata.namespace}" network`;
  return warning('FailedCreatePodSandBox', `Failed to create pod sandbox: rpc error: code = Unknown desc = ${why}`);
}

/** As Kubernetes 1.20 leaves an evicted pod: its conditions and containers are gone from the status. */
function evict(afterMilliseconds: number): Step {
  const message = 'The node was low on resource: memory. ';
  const take = (now: Pod): Pod => {
    const { startTime, qosClass } = now.status;
    return {
      ...now,
      status: {
        phase: 'Failed',
        reason: 'Evicted',
        message,
        ...(startTime && { startTime }),
        ...(qosClass && { qosClass }),
      },
    };
  };
  return { key: 'evict', afterMilliseconds, take, reports: [warning('Evicted', message)] };
}

function containerSteps(pod: Pod, isInit: boolean, readyMilliseconds: number): Step[] {
  const { initContainerStatuses: init = [], containerStatuses = [] } = pod.status;
  const statuses = isInit ? init : containerStatuses;
  const containers: Container[] = (isInit ? pod.spec.initContainers : pod.spec.containers) ?? [];
  return statuses.flatMap((status) => {
    const container = containers.find(({ name }) => name === status.name);
    const turn = container && new ContainerLife(pod, container, status, isInit, readyMilliseconds).next();
    if (turn === undefined) return [];
    const { become, ...when } = turn;
    const changed = (all: ContainerStatus[] = []) => all.map((one) => (one.name === status.name ? become(one) : one));
    const take = (now: Pod): Pod => {
      const { initContainerStatuses = [], containerStatuses: others = [] } = now.status;
      return isInit
        ? withContainers(now, changed(initContainerStatuses), others)
        : withContainers(now, initContainerStatuses, changed(others));
    };
    return [{ ...when, key: `${isInit ? 'init ' : ''}${status.name}`, take }];
  });
}

/** The life of a pod that no node really runs; what it plays is asked for as `pod-plays.ts` says. */
export function nextSteps(pod: Pod, readyMilliseconds: number): Step[] {
  if (pod.status.phase === 'Failed' || pod.status.phase === 'Succeeded') return [];
  if (pod.spec.nodeName === undefined) return [schedule(pod)];
  // Placed by somebody else, through the API.
  if (pod.status.containerStatuses === undefined)
    return [{ key: 'place', afterMilliseconds: 0, take: placed, reports: [] }];
  const found = obstacle(pod);
  if (found !== undefined) {
    const take = (now: Pod): Pod => now;
    const everyMilliseconds = repeatMilliseconds;
    return [{ key: 'obstacle', afterMilliseconds: readyMilliseconds, everyMilliseconds, take, reports: [found] }];
  }
  const isRunning = pod.status.containerStatuses.some(({ state }) => state.running !== undefined);
  if (isRunning && isPlayed(pod, 'evicted')) return [evict(readyMilliseconds)];
  const isInitialized = (pod.status.initContainerStatuses ?? []).every(isDone);
  if (isInitialized) return containerSteps(pod, false, readyMilliseconds);
  return containerSteps(pod, true, readyMilliseconds).slice(0, 1);
}
