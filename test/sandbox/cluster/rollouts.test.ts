import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Condition, Deployment, Pod } from '../../../src/sandbox/cluster/objects.ts';
import { until } from '../../support/wait.ts';
import { ClusterClient, deploymentsPath, imagePatch, jsonPatchType, manifest } from './cluster-client.ts';

let client: ClusterClient;

beforeAll(async () => {
  client = await ClusterClient.start();
});
afterAll(() => client.cluster.stop());

const conditionOf = ({ status }: Deployment, type: string): Condition | undefined =>
  status.conditions?.find((condition) => condition.type === type);
const revisionOf = ({ metadata }: { metadata: Deployment['metadata'] }) =>
  metadata.annotations?.['deployment.kubernetes.io/revision'];
const ownedBy = (pods: Pod[], name: string) => pods.filter(({ metadata }) => metadata.labels?.['app'] === name);
const waitingReason = (pod: Pod) => pod.status.containerStatuses?.[0]?.state.waiting?.reason;
const setsOf = async (name: string) =>
  (await client.replicaSets()).filter(({ metadata }) => metadata.ownerReferences?.[0]?.name === name);

test('a rolling update keeps within 25 % surge and loses no available pod of three', async () => {
  await client.deployed('web');
  const watching = await client.watch(`${deploymentsPath}?watch=1&fieldSelector=metadata.name%3Dweb`);
  await client.patch('web', imagePatch('web:v2'));
  const done = await client.rolledOut('web');
  watching.stop();
  const seen = watching.events.map(({ object }) => object as unknown as Deployment);
  expect(Math.min(...seen.map(({ status }) => status.availableReplicas ?? 0))).toBe(3);
  const sizes = (await setsOf('web')).map((set) => `revision ${revisionOf(set)}: ${set.spec.replicas}`);
  expect(new Set(sizes)).toEqual(new Set(['revision 1: 0', 'revision 2: 3']));
  expect(revisionOf(done)).toBe('2');
  expect(conditionOf(done, 'Progressing')).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
  expect(conditionOf(done, 'Available')).toMatchObject({ status: 'True', reason: 'MinimumReplicasAvailable' });
  const reasons = [...new Set(seen.map((deployment) => conditionOf(deployment, 'Progressing')?.reason))];
  const order = ['NewReplicaSetAvailable', 'NewReplicaSetCreated', 'ReplicaSetUpdated'];
  expect(reasons).toEqual(order.slice(reasons[0] === order[0] ? 0 : 1));
});

test('an old template revives its ReplicaSet under the highest revision', async () => {
  await client.deployed('revived');
  const [first] = await setsOf('revived');
  const { spec } = await client.deployment('revived');
  await client.patch('revived', imagePatch('web:v2'));
  await client.rolledOut('revived');
  await client.patch('revived', [{ op: 'replace', path: '/spec/template', value: spec.template }], jsonPatchType);
  expect(revisionOf(await client.rolledOut('revived'))).toBe('3');
  const sets = await setsOf('revived');
  const again = sets.find(({ metadata }) => metadata.uid === first?.metadata.uid);
  expect(again?.metadata.annotations).toMatchObject({
    'deployment.kubernetes.io/revision': '3',
    'deployment.kubernetes.io/revision-history': '1',
  });
  expect(sets).toHaveLength(2);
});

test("a ReplicaSet takes over its Deployment's annotations, save kubectl's and the controller's own", async () => {
  await client.deployed('noted');
  const annotations = { theirs: 'kept', 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
  await client.patch('noted', { metadata: { annotations } });
  const taken = await until('the annotation is copied', async () => {
    const [set] = await setsOf('noted');
    return set?.metadata.annotations?.['theirs'] === 'kept' && set.metadata.annotations;
  });
  expect(Object.keys(taken).sort()).toEqual([
    'deployment.kubernetes.io/desired-replicas',
    'deployment.kubernetes.io/max-replicas',
    'deployment.kubernetes.io/revision',
    'theirs',
  ]);
});

test('a bad image stops the rollout at one pod while the old ones serve on', async () => {
  await client.deployed('broken', { progressDeadlineSeconds: 1 });
  await client.patch('broken', imagePatch('web:bad-image'));
  const pods = await until('the image is given up', async () => {
    const pods = ownedBy(await client.pods(), 'broken');
    return pods.some((pod) => waitingReason(pod) === 'ImagePullBackOff') && pods;
  });
  expect(pods).toHaveLength(4);
  const late = await until('the deadline has passed', async () => {
    const deployment = await client.deployment('broken');
    return conditionOf(deployment, 'Progressing')?.status === 'False' && deployment;
  });
  const [newSet] = (await setsOf('broken')).filter((set) => revisionOf(set) === '2');
  expect(conditionOf(late, 'Progressing')).toMatchObject({
    reason: 'ProgressDeadlineExceeded',
    message: `ReplicaSet "${newSet?.metadata.name}" has timed out progressing.`,
  });
  expect(late.status).toMatchObject({ replicas: 4, updatedReplicas: 1, availableReplicas: 3, unavailableReplicas: 1 });
});

test('Recreate starts no new pod before the last old one is gone', async () => {
  await client.deployed('recreated', { strategy: { type: 'Recreate' } });
  const old = ownedBy(await client.pods(), 'recreated').map(({ metadata }) => metadata.name);
  const watching = await client.watch('/api/v1/pods?watch=1&labelSelector=app%3Drecreated');
  await client.patch('recreated', imagePatch('web:v2'));
  await client.rolledOut('recreated');
  watching.stop();
  const firstNew = watching.events.findIndex(
    ({ type, object }) => type === 'ADDED' && !old.includes(object.metadata.name ?? ''),
  );
  const lastGone = watching.events.findLastIndex(({ type }) => type === 'DELETED');
  expect(lastGone).toBeGreaterThan(0);
  expect(firstNew).toBeGreaterThan(lastGone);
});

test('a paused Deployment says so and does not roll until it is resumed', async () => {
  await client.deployed('paused');
  await client.patch('paused', { spec: { paused: true } });
  await client.patch('paused', imagePatch('web:v2'));
  const paused = await until('the change is observed', async () => {
    const deployment = await client.deployment('paused');
    return deployment.status.observedGeneration === deployment.metadata.generation && deployment;
  });
  expect(conditionOf(paused, 'Progressing')).toMatchObject({ status: 'Unknown', reason: 'DeploymentPaused' });
  expect(await setsOf('paused')).toHaveLength(1);
  await client.patch('paused', { spec: { paused: null } });
  expect(revisionOf(await client.rolledOut('paused'))).toBe('2');
});

test('scaling makes no ReplicaSet and no revision, and nothing is left of zero replicas', async () => {
  await client.deployed('sized');
  await client.patch('sized', { spec: { replicas: 5 } });
  expect(revisionOf(await client.rolledOut('sized'))).toBe('1');
  await client.patch('sized', { spec: { replicas: 0 } });
  const { status } = await client.rolledOut('sized');
  expect(status.replicas).toBeUndefined();
  await until('the pods are gone', async () => ownedBy(await client.pods(), 'sized').length === 0);
  expect(await setsOf('sized')).toHaveLength(1);
});

test('terminating pods are not counted and stay in sight until they are gone', async () => {
  await client.deployed('ending', { replicas: 2 });
  const watching = await client.watch('/api/v1/pods?watch=1&labelSelector=app%3Dending');
  await client.patch('ending', { spec: { replicas: 1 } });
  await until('a pod is gone', () => watching.events.some(({ type }) => type === 'DELETED'));
  watching.stop();
  const marked = watching.events.find(({ object }) => 'deletionTimestamp' in object.metadata);
  expect(marked?.type).toBe('MODIFIED');
  expect((await client.rolledOut('ending')).status.replicas).toBe(1);
});

test('no more old ReplicaSets are kept than the history holds', async () => {
  await client.deployed('short', { replicas: 1, revisionHistoryLimit: 1 });
  for (const image of ['web:v2', 'web:v3', 'web:v4']) {
    await client.patch('short', imagePatch(image));
    await client.rolledOut('short');
  }
  await until('the history is cleaned', async () => (await setsOf('short')).length === 2);
  expect(new Set((await setsOf('short')).map(revisionOf))).toEqual(new Set(['3', '4']));
});

test('a deleted Deployment takes its ReplicaSets and pods along', async () => {
  await client.deployed('doomed');
  expect((await client.send('DELETE', `${deploymentsPath}/doomed`)).body).toMatchObject({ status: 'Success' });
  await until('its pods are gone', async () => ownedBy(await client.pods(), 'doomed').length === 0);
  expect(await setsOf('doomed')).toEqual([]);
});

test('a deleted Deployment can leave its ReplicaSets behind, or go last itself', async () => {
  await client.deployed('left');
  await client.send('DELETE', `${deploymentsPath}/left?propagationPolicy=Orphan`);
  await until('it is gone', async () => (await client.send('GET', `${deploymentsPath}/left`)).code === 404);
  expect(ownedBy(await client.pods(), 'left')).toHaveLength(3);
  await client.deployed('last');
  await client.send('DELETE', `${deploymentsPath}/last?propagationPolicy=Foreground`);
  await until('it is gone', async () => (await client.send('GET', `${deploymentsPath}/last`)).code === 404);
  expect(ownedBy(await client.pods(), 'last')).toEqual([]);
});

test('a namespace goes with everything in it', async () => {
  await client.send('POST', '/api/v1/namespaces', { metadata: { name: 'brief' } });
  const inside = deploymentsPath.replace('default', 'brief');
  await client.send('POST', inside, manifest('web'));
  await until('pods are there', async () => {
    const { body } = await client.send('GET', '/api/v1/namespaces/brief/pods');
    return (body['items'] as unknown[]).length === 3;
  });
  expect((await client.send('DELETE', '/api/v1/namespaces/brief')).body).toMatchObject({
    status: { phase: 'Terminating' },
  });
  await until('it is gone', async () => (await client.send('GET', '/api/v1/namespaces/brief')).code === 404);
  expect((await client.send('GET', inside)).body['items']).toEqual([]);
});

test('what happens is told in events', async () => {
  await client.deployed('told', { replicas: 1 });
  const { body } = await client.send(
    'GET',
    '/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dtold',
  );
  const [event] = body['items'] as { reason: string; message: string }[];
  const [set] = await setsOf('told');
  expect(event).toMatchObject({
    reason: 'ScalingReplicaSet',
    message: `Scaled up replica set ${set?.metadata.name} to 1`,
  });
});
