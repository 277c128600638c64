import {
  type Condition,
  type ContainerState,
  type ContainerStatus,
  type Pod,
  type PodStatus,
  instant,
} from './objects.ts';

type Report = { type: 'Normal' | 'Warning'; reason: string; message: string; component: string };
/** What happens to a pod next if nobody ends it, and when. */
export type Step = { afterMilliseconds: number; take: (pod: Pod) => Pod; reports: Report[] };

const restartMilliseconds = 1_000;
const restartsPlayed = 3;
const slowMilliseconds = 5_000;

const kubelet = (type: Report['type'], reason: string, message: string): Report => ({
  type,
  reason,
  message,
  component: 'kubelet',
});

function withConditions(status: PodStatus, states: { [type: string]: boolean }, at: string): Condition[] {
  return Object.entries(states).map(([type, isTrue]) => {
    const current = status.conditions?.find((condition) => condition.type === type);
    const wanted = isTrue ? 'True' : 'False';
    return current?.status === wanted ? current : { type, status: wanted, lastProbeTime: null, lastTransitionTime: at };
  });
}

type Containers = {
  ready?: boolean;
  started?: boolean;
  restartCount?: number;
  state: ContainerState;
  lastState?: ContainerState;
};

function withStatus(pod: Pod, phase: string, containers: Containers): Pod {
  const at = instant();
  const ready = containers.ready ?? false;
  const conditions = { Initialized: true, Ready: ready, ContainersReady: ready, PodScheduled: true };
  const containerStatuses = pod.spec.containers.map(({ name, image }): ContainerStatus => ({
    name,
    image,
    imageID: '',
    ready,
    started: phase === 'Running',
    restartCount: 0,
    lastState: {},
    ...containers,
  }));
  const hasStarted = phase === 'Running' || pod.status.podIP !== undefined;
  return {
    ...pod,
    status: {
      ...pod.status,
      phase,
      conditions: withConditions(pod.status, conditions, at),
      hostIP: '127.0.0.1',
      ...(hasStarted && { podIP: '10.1.0.1' }),
      startTime: pod.status.startTime ?? at,
      containerStatuses,
    },
  };
}

const waiting = (pod: Pod, reason: string, message?: string): Pod =>
  withStatus(pod, 'Pending', { state: { waiting: { reason, ...(message !== undefined && { message }) } } });

function schedule(pod: Pod, image: string): Step | undefined {
  if (image.includes('unschedulable')) {
    if (pod.status.conditions?.some(({ type }) => type === 'PodScheduled') === true) return undefined;
    const message = '0/1 nodes are available: 1 Insufficient cpu.';
    const at = instant();
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      lastProbeTime: null,
      lastTransitionTime: at,
      reason: 'Unschedulable',
      message,
    };
    return {
      afterMilliseconds: 0,
      take: (now) => ({ ...now, status: { ...now.status, phase: 'Pending', conditions: [condition] } }),
      reports: [{ type: 'Warning', reason: 'FailedScheduling', message, component: 'default-scheduler' }],
    };
  }
  const message = `Successfully assigned ${pod.metadata.namespace}/${pod.metadata.name} to node-1`;
  return {
    afterMilliseconds: 0,
    take: (now) => waiting({ ...now, spec: { ...now.spec, nodeName: 'node-1' } }, 'ContainerCreating'),
    reports: [{ type: 'Normal', reason: 'Scheduled', message, component: 'default-scheduler' }],
  };
}

function pull(image: string, reason: string | undefined, readyMilliseconds: number): Step | undefined {
  if (reason === 'ImagePullBackOff') return undefined;
  if (reason === 'ErrImagePull') {
    const message = `Back-off pulling image "${image}"`;
    return {
      afterMilliseconds: readyMilliseconds * 2,
      take: (pod) => waiting(pod, 'ImagePullBackOff', message),
      reports: [kubelet('Normal', 'BackOff', message), kubelet('Warning', 'Failed', 'Error: ImagePullBackOff')],
    };
  }
  const message = `rpc error: failed to pull and unpack image "${image}": not found`;
  return {
    afterMilliseconds: readyMilliseconds,
    take: (pod) => waiting(pod, 'ErrImagePull', message),
    reports: [
      kubelet('Warning', 'Failed', `Failed to pull image "${image}": ${message}`),
      kubelet('Warning', 'Failed', 'Error: ErrImagePull'),
    ],
  };
}

function crash(image: string, restarts: number, readyMilliseconds: number): Step | undefined {
  if (restarts >= restartsPlayed) return undefined;
  const terminated = image.includes('oom') ? { exitCode: 137, reason: 'OOMKilled' } : { exitCode: 1, reason: 'Error' };
  const message = 'back-off restarting failed container';
  return {
    afterMilliseconds: restarts === 0 ? readyMilliseconds : restartMilliseconds,
    take: (pod) => {
      const at = instant();
      return withStatus(pod, 'Running', {
        started: false,
        restartCount: restarts + 1,
        state: { waiting: { reason: 'CrashLoopBackOff', message } },
        lastState: { terminated: { ...terminated, startedAt: at, finishedAt: at } },
      });
    },
    reports: [kubelet('Warning', 'BackOff', 'Back-off restarting failed container')],
  };
}

/**
 * The life of a pod that no node really runs. The first container's image says how it goes: *bad-image* cannot be
 * pulled, *crash* and *oom* crash in a loop, *unready* runs and never becomes Ready, *unschedulable* finds no node,
 * *slow* takes 5 s to become Ready. Undefined where nothing more happens.
 */
export function nextStep(pod: Pod, readyMilliseconds: number): Step | undefined {
  const image = pod.spec.containers[0]?.image ?? '';
  const container = pod.status.containerStatuses?.[0];
  if (pod.spec.nodeName === undefined) return schedule(pod, image);
  if (image.includes('bad-image')) return pull(image, container?.state.waiting?.reason, readyMilliseconds);
  if (image.includes('crash') || image.includes('oom')) {
    return crash(image, container?.restartCount ?? 0, readyMilliseconds);
  }
  if (container?.state.running === undefined) {
    const isUnready = image.includes('unready');
    return {
      afterMilliseconds: readyMilliseconds,
      take: (now) => withStatus(now, 'Running', { state: { running: { startedAt: instant() } } }),
      reports: [
        kubelet('Normal', 'Started', `Started container ${container?.name ?? pod.spec.containers[0]?.name ?? ''}`),
        ...(isUnready
          ? [kubelet('Warning', 'Unhealthy', 'Readiness probe failed: HTTP probe failed with statuscode: 503')]
          : []),
      ],
    };
  }
  if (container.ready || image.includes('unready')) return undefined;
  const { running } = container.state;
  return {
    afterMilliseconds: image.includes('slow') ? slowMilliseconds : readyMilliseconds,
    take: (now) => withStatus(now, 'Running', { ready: true, state: { running } }),
    reports: [],
  };
}
