import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ClusterRefused, PatchConflict, operationAnnotation } from '../../src/domain/cluster.ts';
import type { DeploymentPatch } from '../../src/domain/cluster.ts';
import { FollowedCluster, restartPatch, specPatch } from '../support/followed-cluster.ts';
import { until } from '../support/wait.ts';

// What reads and patches do, on a real control plane and on the simulated cluster alike.

let followed: FollowedCluster;

beforeAll(async () => {
  followed = await FollowedCluster.open();
});

beforeEach(() => followed.enterNamespace());

afterAll(() => followed.close());

test('the identity is the uid of the namespace kube-system', async () => {
  const { metadata } = await followed.test.api.core.readNamespace({ name: 'kube-system' });
  expect(await followed.cluster.identity()).toBe(metadata?.uid);
});

test('a missing Deployment reads as null, in a missing namespace too', async () => {
  expect(await followed.cluster.readDeployment(followed.namespace, 'nobody')).toBeNull();
  expect(await followed.cluster.readDeployment('nowhere', 'nobody')).toBeNull();
  await until('the view is filled', () => followed.seen('nobody'));
  expect(followed.cluster.snapshot(followed.namespace, 'nobody')).toEqual({
    deployment: null,
    replicaSets: [],
    pods: [],
    warnings: [],
  });
});

test('a patch of a missing Deployment is refused as not found', async () => {
  const refused = await followed.cluster
    .patchDeployment(followed.namespace, 'nobody', restartPatch('one', undefined))
    .catch((e: unknown) => e);
  expect(refused).toBeInstanceOf(ClusterRefused);
  expect(refused).toMatchObject({
    status: 404,
    reason: 'NotFound',
    message: 'deployments.apps "nobody" not found',
  });
});

test('live reads and the watch agree on every field', async () => {
  await followed.deployed('web');
  const { read, view } = await followed.agreed('web');
  expect(read).toMatchObject(view.deployment!);
  expect(read.conditions.map(({ type }) => type).sort()).toEqual(['Available', 'Progressing']);
  for (const { lastUpdateTime } of read.conditions) {
    expect(lastUpdateTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  }
  const owned = await followed.cluster.readReplicaSets(followed.namespace, read.uid);
  expect(owned).toMatchObject([...view.replicaSets]);
  expect(owned).toMatchObject([{ revision: 1, replicas: 2, operationId: null, templateOperationId: null }]);
});

test('a ReplicaSet belongs to a Deployment by uid, not by a name that looks alike', async () => {
  const [one, other] = [await followed.deployed('web'), await followed.deployed('web-2')];
  expect(await followed.cluster.readReplicaSets(followed.namespace, one.deployment!.uid)).toHaveLength(1);
  expect(one.replicaSets[0]!.uid).not.toBe(other.replicaSets[0]!.uid);
  expect(await followed.cluster.readReplicaSets(followed.namespace, randomUUID())).toEqual([]);
});

test('a restart patch with a stale resourceVersion is a conflict and changes nothing', async () => {
  const before = (await followed.deployed('web')).deployment!;
  const patched = await followed.restart('web', 'first');
  expect(patched.generation).toBe(before.generation + 1);
  const settledAgain = (await followed.done('web', 'first')).deployment!;
  const late = followed.cluster.patchDeployment(
    followed.namespace,
    'web',
    restartPatch('late', before.resourceVersion),
  );
  await expect(late).rejects.toBeInstanceOf(PatchConflict);
  const after = await followed.live('web');
  expect(after.generation).toBe(settledAgain.generation);
  expect([after.operationId, after.templateOperationId]).toEqual(['first', 'first']);
});

test('a JSON patch with a stale resourceVersion is a conflict and changes nothing', async () => {
  const before = (await followed.deployed('web')).deployment!;
  const annotate = (value: string, resourceVersion: string): DeploymentPatch => ({
    type: 'application/json-patch+json',
    body: [
      { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
      { op: 'add', path: '/metadata/annotations/redeploy.cratos.dev~1operation', value },
    ],
  });
  expect((await followed.patch('web', (version) => annotate('first', version))).operationId).toBe('first');
  const late = followed.cluster.patchDeployment(followed.namespace, 'web', annotate('late', before.resourceVersion));
  await expect(late).rejects.toBeInstanceOf(PatchConflict);
  expect((await followed.live('web')).operationId).toBe('first');
});

test('two patches with the same resourceVersion cannot both land', async () => {
  await followed.deployed('web');
  const { generation } = await followed.live('web');
  const outcome = await until('one of two patches lands', async () => {
    const { resourceVersion } = await followed.live('web');
    const both = ['a', 'b'].map((id) =>
      followed.cluster.patchDeployment(followed.namespace, 'web', restartPatch(id, resourceVersion)),
    );
    const outcomes = await Promise.allSettled(both);
    return outcomes.some(({ status }) => status === 'fulfilled') && outcomes;
  });
  expect(outcome.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect((await followed.live('web')).generation).toBe(generation + 1);
});

test('an invalid patch is refused in the words of Kubernetes and changes nothing', async () => {
  const before = (await followed.deployed('web')).deployment!;
  const refused = await followed.cluster
    .patchDeployment(followed.namespace, 'web', specPatch({ replicas: -1 }))
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ClusterRefused);
  expect(refused).toMatchObject({ status: 422, reason: 'Invalid', message: expect.stringContaining('spec.replicas') });
  expect((await followed.live('web')).generation).toBe(before.generation);
});

test('a deleted Deployment is null, live and in the view, and one of the same name has another uid', async () => {
  const before = await followed.deployed('web');
  await followed.test.api.apps.deleteNamespacedDeployment({ namespace: followed.namespace, name: 'web' });
  await until('the deletion is seen', () => followed.seen('web')?.deployment === null);
  expect(await followed.cluster.readDeployment(followed.namespace, 'web')).toBeNull();
  expect((await followed.deployed('web')).deployment!.uid).not.toBe(before.deployment!.uid);
});

test('a strategic merge patch of annotations leaves the others alone', async () => {
  await followed.test.createDeployment(followed.namespace, {
    name: 'web',
    image: 'web:v1',
    annotations: { theirs: 'kept' },
  });
  await followed.restart('web', 'op-1');
  const { metadata, spec } = await followed.test.api.apps.readNamespacedDeployment({
    namespace: followed.namespace,
    name: 'web',
  });
  expect(metadata?.annotations).toMatchObject({ theirs: 'kept', [operationAnnotation]: 'op-1' });
  expect(spec?.template.spec?.containers).toMatchObject([{ name: 'app', image: 'web:v1' }]);
  expect(spec?.template.metadata?.labels).toEqual({ app: 'web' });
});

test('a patch that changes nothing answers with the Deployment as it is and moves no version', async () => {
  await followed.deployed('web');
  const { before, after } = await until('nothing else wrote meanwhile', async () => {
    const before = await followed.live('web');
    const after = await followed.cluster.patchDeployment(followed.namespace, 'web', specPatch({ replicas: 2 }));
    return before.resourceVersion === after.resourceVersion && { before, after };
  });
  expect(before).toMatchObject(after);
});

test('a change of annotations on the Deployment alone moves its generation and rolls nothing', async () => {
  await followed.deployed('web');
  const before = await followed.live('web');
  const after = await followed.patch('web', (resourceVersion) => ({
    type: 'application/strategic-merge-patch+json',
    body: { metadata: { resourceVersion, annotations: { [operationAnnotation]: 'stopped' } } },
  }));
  expect(after).toMatchObject({ generation: before.generation + 1, operationId: 'stopped' });
  expect(after.templateOperationId).toBeNull();
  const observed = await until('the controller has seen it', () => {
    const snapshot = followed.seen('web');
    return snapshot?.deployment?.status.observedGeneration === after.generation && snapshot;
  });
  expect(observed.deployment?.revision).toBe(1);
  expect(observed.replicaSets).toMatchObject([{ templateOperationId: null }]);
});
