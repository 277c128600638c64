import { setHeaderOptions } from '@kubernetes/client-node';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ClusterAway } from '../../src/domain/cluster.ts';
import type { ClusterChange, RolloutSnapshot } from '../../src/domain/cluster.ts';
import type { TestCluster } from '../support/cluster.ts';
import { FollowedCluster, specPatch } from '../support/followed-cluster.ts';
import { until } from '../support/wait.ts';

// What the watches show of a rollout, on a real control plane and on the simulated cluster alike.

let followed: FollowedCluster;

beforeAll(async () => {
  // Real bookmarks come about once a minute: a silent watch that is cut too early is taken up again all the same.
  followed = await FollowedCluster.open({ silentMilliseconds: 3_000, requestMilliseconds: 3_000 });
});

beforeEach(() => followed.enterNamespace());

afterAll(() => followed.close());

test('the operation id reaches the Deployment, its template and the new ReplicaSet, and not the old one', async () => {
  await followed.deployed('web');
  await followed.restart('web', 'op-1');
  const { deployment, replicaSets } = await followed.done('web', 'op-1');
  expect(deployment).toMatchObject({ revision: 2, operationId: 'op-1', templateOperationId: 'op-1' });
  const byRevision = replicaSets.toSorted((a, b) => a.revision - b.revision);
  expect(byRevision).toMatchObject([
    { revision: 1, replicas: 0, operationId: null, templateOperationId: null },
    { revision: 2, replicas: 2, operationId: 'op-1', templateOperationId: 'op-1' },
  ]);
});

test("a rollout's steps are seen by the watch until the new pods are ready and the old ones gone", async () => {
  const before = await followed.deployed('web', 'web:v1', 3);
  const oldPods = before.pods.map(({ uid }) => uid);
  const steps: RolloutSnapshot[] = [];
  const changes: ClusterChange[] = [];
  const end = followed.cluster.onChange((change) => {
    changes.push(change);
    steps.push(followed.cluster.snapshot(followed.namespace, 'web'));
  });
  await followed.restart('web', 'op-1');
  const after = await followed.done('web', 'op-1');
  end();
  expect(after.pods.filter(({ uid }) => oldPods.includes(uid))).toEqual([]);
  expect(changes).toContainEqual({ namespace: followed.namespace, deploymentName: 'web' });
  expect(steps.at(-1)).toEqual(after);
  const updated = steps.map(({ deployment }) => deployment!.status.updatedReplicas);
  expect(new Set(updated).size).toBeGreaterThan(1);
  expect(steps.some(({ pods }) => pods.some((pod) => pod.terminating && oldPods.includes(pod.uid)))).toBe(true);
  expect(steps.some(({ pods }) => pods.some((pod) => !pod.ready && !oldPods.includes(pod.uid)))).toBe(true);
  const count = changes.length;
  await followed.test.api.apps.deleteNamespacedDeployment({ namespace: followed.namespace, name: 'web' });
  await until('the deletion is seen', () => followed.seen('web')?.deployment === null);
  expect(changes).toHaveLength(count);
});

test('a snapshot that was handed out stays as it was', async () => {
  const before = await followed.deployed('web');
  const copy = structuredClone(before);
  await followed.restart('web', 'op-1');
  await followed.done('web', 'op-1');
  expect(before).toEqual(copy);
});

test('a bad image shows ErrImagePull or ImagePullBackOff on the new pod while the old ones serve on', async () => {
  const before = await followed.deployed('web');
  await followed.patch('web', (version) =>
    specPatch({ template: { spec: { containers: [{ name: 'app', image: 'web:bad-image' }] } } }, version),
  );
  const failing = await until('the pull fails', () =>
    followed
      .seen('web')
      ?.pods.find(({ containers }) =>
        containers.some(({ waiting }) => waiting !== null && waiting.reason.includes('ImagePull')),
      ),
  );
  expect(['ErrImagePull', 'ImagePullBackOff']).toContain(failing.containers[0]!.waiting!.reason);
  expect(failing).toMatchObject({ phase: 'Pending', ready: false, terminating: false });
  expect(failing.replicaSetUid).not.toBe(before.replicaSets[0]!.uid);
  expect(followed.seen('web')!.deployment!.containers).toEqual([{ name: 'app', image: 'web:bad-image' }]);
  expect(followed.seen('web')!.deployment!.status.availableReplicas).toBeGreaterThan(0);
});

test('a crashing container shows its restarts, its exit code and why it waits', async () => {
  await followed.test.createDeployment(followed.namespace, { name: 'web', image: 'web:oom', replicas: 1 });
  const container = await until('it was restarted', () =>
    followed
      .seen('web')
      ?.pods[0]?.containers.find(({ restartCount, terminated }) => restartCount >= 1 && terminated !== null),
  );
  expect(container).toMatchObject({
    init: false,
    ready: false,
    waiting: { reason: 'CrashLoopBackOff' },
    terminated: { reason: 'OOMKilled', exitCode: 137 },
  });
});

test('a pod that cannot be scheduled says why', async () => {
  await followed.test.createDeployment(followed.namespace, { name: 'web', image: 'web:unschedulable', replicas: 1 });
  const pod = await until('the pod waits', () =>
    followed.seen('web')?.pods.find(({ unschedulable }) => unschedulable !== null),
  );
  expect(pod).toMatchObject({
    phase: 'Pending',
    ready: false,
    unschedulable: expect.stringContaining('nodes are available'),
  });
});

test('scaling moves the generation and makes no ReplicaSet', async () => {
  const before = (await followed.deployed('web')).deployment!;
  await followed.patch('web', (version) => specPatch({ replicas: 3 }, version));
  const after = await until('it is scaled', () => {
    const snapshot = followed.settled('web');
    return snapshot && snapshot.deployment?.replicas === 3 && snapshot;
  });
  expect(after.deployment).toMatchObject({ generation: before.generation + 1, revision: 1 });
  expect(after.replicaSets).toHaveLength(1);
});

test('a paused Deployment says so and does not roll', async () => {
  await followed.deployed('web');
  await followed.patch('web', (version) => specPatch({ paused: true }, version));
  await followed.restart('web', 'op-1');
  const paused = await until('the controller has seen it', () => {
    const snapshot = followed.seen('web');
    const deployment = snapshot?.deployment;
    return (
      deployment?.templateOperationId === 'op-1' &&
      deployment.status.observedGeneration === deployment.generation &&
      snapshot
    );
  });
  expect(paused.deployment).toMatchObject({ paused: true, revision: 1 });
  expect(paused.replicaSets).toHaveLength(1);
});

test('a ReplicaSet keeps the operation id after an undo took it from the Deployment and its template', async () => {
  await followed.deployed('web');
  await followed.restart('web', 'op-1');
  const { deployment } = await followed.done('web', 'op-1');
  // What `kubectl rollout undo` sends: the former template, and the former ReplicaSet's annotations.
  const { items } = await followed.test.api.apps.listNamespacedReplicaSet({
    namespace: followed.namespace,
    labelSelector: 'app=web',
  });
  const former = items.find(({ metadata }) => metadata?.annotations?.['deployment.kubernetes.io/revision'] === '1')!;
  const template = { metadata: { labels: { app: 'web' } }, spec: former.spec!.template!.spec };
  await followed.test.api.apps.patchNamespacedDeployment(
    {
      namespace: followed.namespace,
      name: 'web',
      body: [
        { op: 'replace', path: '/spec/template', value: template },
        { op: 'replace', path: '/metadata/annotations', value: { 'deployment.kubernetes.io/revision': '2' } },
      ],
    },
    setHeaderOptions('Content-Type', 'application/json-patch+json'),
  );
  const undone = await until('the undo is done', () => {
    const snapshot = followed.settled('web');
    return snapshot && snapshot.deployment?.revision === 3 && snapshot;
  });
  expect(undone.deployment).toMatchObject({ operationId: null, templateOperationId: null });
  const kept = undone.replicaSets.find(({ templateOperationId }) => templateOperationId === 'op-1');
  expect(kept).toMatchObject({ operationId: 'op-1', revision: 2, replicas: 0 });
  expect(await followed.cluster.readReplicaSets(followed.namespace, deployment!.uid)).toContainEqual(
    expect.objectContaining(kept!),
  );
  // The former ReplicaSet is revived with the next number; no third one is made.
  expect(new Set(undone.replicaSets.map(({ revision }) => revision))).toEqual(new Set([2, 3]));
});

test('pods of a ReplicaSet that is cleaned away stay in the view until they are gone', async () => {
  await followed.test.createDeployment(followed.namespace, {
    name: 'web',
    image: 'web:v1',
    replicas: 2,
    revisionHistoryLimit: 0,
  });
  const before = await until('it is up', () => followed.settled('web'));
  await followed.restart('web', 'op-1');
  const after = await until('the restart is done', () => {
    const snapshot = followed.settled('web');
    return snapshot && snapshot.deployment?.operationId === 'op-1' && snapshot.replicaSets.length === 1 && snapshot;
  });
  expect(after.replicaSets[0]!.uid).not.toBe(before.replicaSets[0]!.uid);
  const { items } = await followed.test.api.core.listNamespacedPod({ namespace: followed.namespace });
  const uids = items.map(({ metadata }) => metadata?.uid);
  expect(new Set(uids)).toEqual(new Set(after.pods.map(({ uid }) => uid)));
});

const faults: [string, (test: TestCluster) => Promise<void>][] = [
  ['every connection breaks', (test) => test.breakWatches()],
  ['every connection falls silent', async ({ relay }) => relay.freeze()],
  [
    'the API server is away for a while',
    async ({ relay }) => {
      await relay.close();
      const away = await followed.live('web').catch((error: unknown) => error);
      expect(away).toBeInstanceOf(ClusterAway);
      await relay.serve();
    },
  ],
];
test.for(faults)('nothing is lost when %s in the midst of a rollout', async ([, fault]) => {
  const before = await followed.deployed('web', 'web:v1', 3);
  await followed.restart('web', 'op-1');
  await until('the first new pod is there', () =>
    followed.seen('web')?.pods.some(({ uid }) => !before.pods.some((old) => old.uid === uid)),
  );
  await fault(followed.test);
  const after = await followed.done('web', 'op-1');
  expect(after.replicaSets).toHaveLength(2);
  const { read, view } = await followed.agreed('web');
  expect(read).toMatchObject(view.deployment!);
});
