import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ContainerStatus, Pod } from '../../../src/sandbox/cluster/objects.ts';
import { playsAnnotation } from '../../../src/sandbox/cluster/pod-plays.ts';
import { until } from '../../support/wait.ts';
import { ClusterClient, deploymentsPath, imagePatch, jsonPatchType, manifest } from './cluster-client.ts';

let client: ClusterClient;

beforeAll(async () => {
  client = await ClusterClient.start();
});
afterAll(() => client.cluster.stop());

const first = ({ status }: Pod): ContainerStatus | undefined => status.containerStatuses?.[0];
const waiting = (pod: Pod) => first(pod)?.state.waiting;
const conditionOf = ({ status }: Pod, type: string) => status.conditions?.find((condition) => condition.type === type);
const podsOf = (name: string) => client.pods(`app=${name}`);

const create = (name: string, image: string, replicas = 1, template: object = {}, annotations: object = {}) =>
  client.send('POST', deploymentsPath, {
    ...manifest(name, {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name }, annotations },
        spec: { containers: [{ name: 'web', image }], ...template },
      },
    }),
  });

let placed = 0;
/** A Deployment of its own for each test that runs beside others. */
const nextName = (): string => `app-${(placed += 1)}`;
const cacheSync = 'failed to sync secret cache: timed out waiting for the condition';
const badName = 'Failed to apply default image tag "web:invalid-name": couldn\'t parse image reference';
const noImage = 'Container image "web:never-pull" is not present with pull policy of Never';
const noVolume = 'MountVolume.SetUp failed for volume "config" : configmap "config" not found';
const probe = 'probe failed: HTTP probe failed with statuscode: 503';

// The words are those of the kubelet of Kubernetes 1.20.
test.concurrent.for<
  [play: string, what: string, seen: (pod: Pod) => unknown, expected: unknown, warning?: [string, string]]
>([
  [
    'bad-image',
    'ImagePullBackOff',
    (pod) => waiting(pod),
    { reason: 'ImagePullBackOff', message: 'Back-off pulling image "web:bad-image"' },
    ['Failed', 'Error: ImagePullBackOff'],
  ],
  ['invalid-name', 'InvalidImageName', (pod) => waiting(pod)?.reason, 'InvalidImageName', ['InspectFailed', badName]],
  [
    'never-pull',
    'ErrImageNeverPull',
    (pod) => waiting(pod),
    { reason: 'ErrImageNeverPull', message: noImage },
    ['ErrImageNeverPull', noImage],
  ],
  [
    'config-error',
    'a Secret that is missing',
    (pod) => waiting(pod),
    { reason: 'CreateContainerConfigError', message: 'secret "web" not found' },
    ['Failed', 'Error: secret "web" not found'],
  ],
  [
    'cache-sync',
    'a configuration error that is none',
    (pod) => waiting(pod),
    { reason: 'CreateContainerConfigError', message: cacheSync },
    ['Failed', `Error: ${cacheSync}`],
  ],
  ['cache-sync', 'a Ready container in the end', (pod) => first(pod)?.ready, true],
  ['create-error', 'CreateContainerError', (pod) => waiting(pod)?.reason, 'CreateContainerError'],
  ['run-error', 'RunContainerError', (pod) => waiting(pod)?.reason, 'RunContainerError'],
  [
    'crash',
    'CrashLoopBackOff after each restart',
    (pod) => [waiting(pod)?.reason, first(pod)?.lastState.terminated?.exitCode, first(pod)?.restartCount],
    ['CrashLoopBackOff', 1, 2],
    ['BackOff', 'Back-off restarting failed container'],
  ],
  [
    'oom',
    'OOMKilled',
    (pod) => [first(pod)?.lastState.terminated?.reason, first(pod)?.lastState.terminated?.exitCode],
    ['OOMKilled', 137],
  ],
  [
    'unready',
    'a container that runs and is not Ready',
    (pod) => [pod.status.phase, conditionOf(pod, 'Ready')?.message],
    ['Running', 'containers with unready status: [web]'],
    ['Unhealthy', `Readiness ${probe}`],
  ],
  [
    'unlive',
    'restarts by the kubelet',
    (pod) => [first(pod)?.restartCount, first(pod)?.lastState.terminated?.exitCode],
    [1, 137],
    ['Unhealthy', `Liveness ${probe}`],
  ],
  [
    'unschedulable',
    'a pod that no node takes',
    (pod) => [conditionOf(pod, 'PodScheduled')?.reason, pod.spec.nodeName],
    ['Unschedulable', undefined],
    ['FailedScheduling', '0/1 nodes are available: 1 Insufficient cpu.'],
  ],
  ['mount-error', 'FailedMount', (pod) => waiting(pod)?.reason, 'ContainerCreating', ['FailedMount', noVolume]],
  [
    'sandbox-error',
    'FailedCreatePodSandBox',
    (pod) => waiting(pod)?.reason,
    'ContainerCreating',
    ['FailedCreatePodSandBox', 'Failed to create pod sandbox: rpc error'],
  ],
])('the image web:%s leads to %s', async ([play, , seen, expected, warning]) => {
  const name = nextName();
  expect((await create(name, `web:${play}`)).code).toBe(201);
  const pod = await until(`${play} is seen`, async () => {
    const [pod] = await podsOf(name);
    return pod !== undefined && JSON.stringify(seen(pod)) === JSON.stringify(expected) && pod;
  });
  if (warning === undefined) return;
  const [reason, message] = warning;
  await until(`the warning ${reason} is told of`, async () => {
    const told = await client.events(`involvedObject.uid=${pod.metadata.uid},type=Warning,reason=${reason}`);
    return told.some((event) => event.message?.startsWith(message));
  });
});

/** What the states of a container are called, one after the other, as a watch sees them. */
async function statesOf(image: string, count: number): Promise<string[]> {
  const name = nextName();
  const watching = await client.watch(`/api/v1/pods?watch=1&labelSelector=app%3D${name}`);
  await create(name, image);
  const states = () => {
    const all = watching.events.map(({ object }) => {
      const { state, restartCount } = first(object as unknown as Pod) ?? {};
      const reason = state?.waiting?.reason ?? state?.terminated?.reason ?? 'running';
      return reason === 'CrashLoopBackOff' ? `${reason} ${restartCount}` : reason;
    });
    return all.slice(1).filter((state, index) => state !== all[index]);
  };
  const seen = await until(`${image} has gone through ${count} states`, () => states().length >= count && states());
  watching.stop();
  return seen.slice(0, count);
}

test.concurrent.for<[image: string, states: string[]]>([
  ['web:bad-image', ['ErrImagePull', 'ImagePullBackOff', 'ErrImagePull', 'ImagePullBackOff']],
  ['web:crash', ['running', 'Error', 'CrashLoopBackOff 1', 'running', 'Error', 'CrashLoopBackOff 2']],
  ['web:oom', ['running', 'OOMKilled', 'CrashLoopBackOff 1', 'running', 'OOMKilled', 'CrashLoopBackOff 2']],
])('the states of a container of %s follow one another as %j', async ([image, states]) => {
  expect(await statesOf(image, states.length + 1)).toEqual(['ContainerCreating', ...states]);
});

test.concurrent('a failing readiness probe is told of again and again, of its container', async () => {
  const name = nextName();
  const readinessProbe = { tcpSocket: { port: 5432 } };
  await create(name, 'web:v1', 1, { containers: [{ name: 'web', image: 'web:unready', readinessProbe }] });
  const [pod] = await until('a pod is there', async () => {
    const pods = await podsOf(name);
    return pods.length > 0 && pods;
  });
  const event = await until('it is told of twice', async () => {
    const [event] = await client.events(`involvedObject.uid=${pod?.metadata.uid},reason=Unhealthy`);
    return (event?.count ?? 0) > 1 && event;
  });
  expect(event.message).toBe('Readiness probe failed: dial tcp 10.1.0.1:5432: connect: connection refused');
  expect(event.involvedObject['fieldPath']).toBe('spec.containers{web}');
});

test.concurrent('a failing init container keeps the others waiting', async () => {
  const name = nextName();
  await create(name, 'web:v1', 1, {
    initContainers: [
      { name: 'fine', image: 'i:v1' },
      { name: 'setup', image: 'i:crash' },
    ],
  });
  const pod = await until('the init container is restarted', async () => {
    const [pod] = await podsOf(name);
    return (pod?.status.initContainerStatuses?.[1]?.restartCount ?? 0) > 0 && pod;
  });
  expect(pod.status.phase).toBe('Pending');
  expect(pod.status.initContainerStatuses).toMatchObject([
    { name: 'fine', ready: true, restartCount: 0, state: { terminated: { exitCode: 0, reason: 'Completed' } } },
    { name: 'setup', ready: false, lastState: { terminated: { exitCode: 1, reason: 'Error' } } },
  ]);
  expect(waiting(pod)).toEqual({ reason: 'PodInitializing' });
  expect(conditionOf(pod, 'Initialized')).toMatchObject({
    status: 'False',
    message: 'containers with incomplete status: [setup]',
  });
});

test.concurrent('one container that fails does not keep the others from running', async () => {
  const name = nextName();
  const containers = [
    { name: 'web', image: 'web:v1' },
    { name: 'sidecar', image: 'sidecar:never-pull' },
  ];
  await create(name, '', 1, { containers });
  const pod = await until('the first is ready', async () => {
    const [pod] = await podsOf(name);
    return pod !== undefined && first(pod)?.ready === true && pod;
  });
  expect(conditionOf(pod, 'Ready')?.message).toBe('containers with unready status: [sidecar]');
  expect((await client.deployment(name)).status.availableReplicas).toBeUndefined();
});

const isCrashing = (pod: Pod) => (first(pod)?.restartCount ?? 0) > 0;

test.concurrent('the template can ask one pod of three to crash, the others are well', async () => {
  const name = nextName();
  await create(name, 'web:v1', 3, {}, { [playsAnnotation]: 'crash@1' });
  const pods = await until('all have shown how they are', async () => {
    const pods = await podsOf(name);
    return pods.length === 3 && pods.every((pod) => first(pod)?.ready === true || isCrashing(pod)) && pods;
  });
  expect(pods.filter(isCrashing)).toHaveLength(1);
});

test.concurrent('a Deployment can ask its next pods to fail, and lets a rollback succeed', async () => {
  const name = nextName();
  await create(name, 'web:v1');
  await client.rolledOut(name);
  const before = await client.deployment(name);
  const asked = (play: string | null) => client.patch(name, { metadata: { annotations: { [playsAnnotation]: play } } });
  await asked('config-error');
  await client.patch(name, { spec: { template: { metadata: { annotations: { restartedAt: 'now' } } } } });
  await until('the new pod fails', async () =>
    (await podsOf(name)).some((pod) => waiting(pod)?.reason === 'CreateContainerConfigError'),
  );
  expect((await podsOf(name)).filter((pod) => first(pod)?.ready)).toHaveLength(1);
  await asked(null);
  await client.patch(name, [{ op: 'replace', path: '/spec/template', value: before.spec.template }], jsonPatchType);
  await client.rolledOut(name);
  await client.patch(name, imagePatch('web:v2'));
  await client.rolledOut(name);
});

test.concurrent('of a ReplicaSet that is evicted the first pod stays as Failed, and the one in its place is well', async () => {
  const name = nextName();
  await create(name, 'web:evicted', 2);
  await client.rolledOut(name);
  const pods = await podsOf(name);
  expect(pods).toHaveLength(3);
  const [evicted] = pods.filter(({ status }) => status.phase === 'Failed');
  expect(evicted?.status).toMatchObject({ reason: 'Evicted', message: 'The node was low on resource: memory. ' });
  expect(evicted?.status.containerStatuses).toBeUndefined();
});
