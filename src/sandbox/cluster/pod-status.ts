import { podIP } from './container-life.ts';
import { type Condition, type Container, type ContainerStatus, type Pod, type PodStatus, instant } from './objects.ts';

type Finding = { type: string; status: boolean; reason?: string; message?: string };

const names = (statuses: ContainerStatus[]): string => `[${statuses.map(({ name }) => name).join(' ')}]`;

function condition(current: PodStatus, { type, status, reason, message }: Finding): Condition {
  const known = current.conditions?.find((candidate) => candidate.type === type);
  const wanted = status ? 'True' : 'False';
  const at = known?.status === wanted ? known.lastTransitionTime : instant();
  return {
    type,
    status: wanted,
    lastProbeTime: null,
    ...(at !== undefined && { lastTransitionTime: at }),
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
  };
}

export const isDone = ({ state }: ContainerStatus): boolean => state.terminated?.exitCode === 0;
const hasRun = ({ state, lastState }: ContainerStatus): boolean =>
  state.waiting === undefined || lastState.terminated !== undefined;

/** Phase and conditions as the kubelet draws them from the statuses of the containers. */
export function withContainers(pod: Pod, init: ContainerStatus[], containers: ContainerStatus[]): Pod {
  const incomplete = init.filter((status) => !isDone(status));
  const unready = containers.filter(({ ready }) => !ready);
  const isInitialized = incomplete.length === 0;
  const notReady = { reason: 'ContainersNotReady', message: `containers with unready status: ${names(unready)}` };
  const isReady = isInitialized && unready.length === 0;
  const findings: Finding[] = [
    {
      type: 'Initialized',
      status: isInitialized,
      ...(!isInitialized && {
        reason: 'ContainersNotInitialized',
        message: `containers with incomplete status: ${names(incomplete)}`,
      }),
    },
    { type: 'Ready', status: isReady, ...(!isReady && notReady) },
    { type: 'ContainersReady', status: isReady, ...(!isReady && notReady) },
    { type: 'PodScheduled', status: true },
  ];
  const isRunning = isInitialized && containers.every(hasRun);
  return {
    ...pod,
    status: {
      ...pod.status,
      phase: isRunning ? 'Running' : 'Pending',
      conditions: findings.map((finding) => condition(pod.status, finding)),
      hostIP: '127.0.0.1',
      ...([...init, ...containers].some(hasRun) && { podIP }),
      startTime: pod.status.startTime ?? instant(),
      ...(init.length > 0 && { initContainerStatuses: init }),
      containerStatuses: containers,
    },
  };
}

/** A pod that its node has just taken: nothing runs yet. */
export function placed(pod: Pod): Pod {
  const { initContainers = [], containers } = pod.spec;
  const reason = initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating';
  const waiting = ({ name, image }: Container): ContainerStatus => ({
    name,
    image,
    imageID: '',
    ready: false,
    started: false,
    restartCount: 0,
    state: { waiting: { reason } },
    lastState: {},
  });
  const bound = { ...pod, spec: { ...pod.spec, nodeName: 'node-1' } };
  return withContainers(bound, initContainers.map(waiting), containers.map(waiting));
}

export function withCondition(status: PodStatus, finding: Finding): PodStatus {
  return { ...status, phase: 'Pending', conditions: [condition(status, finding)] };
}
