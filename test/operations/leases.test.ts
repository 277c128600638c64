import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { registerApplication } from '../../src/operations/applications.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import {
  alice,
  authorizedTicket,
  deployApplication,
  grace,
  openTestWorld,
  type Replica,
  type TestWorld,
} from '../support/desk.ts';
import { recordsOf, untilEnded } from '../support/outcomes.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
/** Takes requests only: what it starts is left for others to follow once its lease is over. */
let creator: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5, mustBeSimulated: true });
  creator = await world.openReplica({ follows: false });
});
afterAll(() => world.close());

const replicas: Replica[] = [];
const openFollower = async () => {
  const replica = await world.openReplica({ isMortal: true });
  replicas.push(replica);
  return replica;
};
afterEach(async () => {
  for (const replica of replicas.splice(0)) await replica.stop();
});

const deployed = async (image = 'web:v1') => {
  const application = await deployApplication(world, creator.desk, { replicas: 1, image });
  await authorizedTicket(creator.desk, application.name);
  return application;
};
const start = (replica: Replica, { name }: { name: string }) =>
  redeploy(replica.desk, alice, { applicationName: name });
const rowOf = async (id: string) => {
  const [row] = await world.sql<{ follower: string; fence: number; until: string; isOver: boolean }>(
    `select follower, fence, followed_until as until, followed_until <= clock_timestamp() as "isOver" from operation where id = ?`,
    [id],
  );
  return row!;
};
const followedBy = (replica: Replica, { id }: { id: string }, seconds = 15) =>
  until('it is taken over', async () => (await rowOf(id)).follower === replica.desk.processId, seconds);
/** As if its time had passed, and its follower with it. */
const orphan = (...ids: string[]) =>
  world.sql(`update operation set follower = 'gone', followed_until = clock_timestamp() where id = any(?::uuid[])`, [
    `{${ids.join(',')}}`,
  ]);
const generationOf = async ({ namespace, name }: { namespace: string; name: string }) =>
  (await world.cluster.api.apps.readNamespacedDeployment({ namespace, name })).metadata!.generation;
/** A rollout that goes on until somebody ends it. */
const unready = () => deployed('web:unready');
const end = async ({ namespace, name }: { namespace: string; name: string }) => {
  await world.cluster.api.apps.deleteNamespacedDeployment({ namespace, name });
};

describe('handing over', () => {
  test('a replica that stops in order hands its operations over at once', async () => {
    const [first, second] = [await openFollower(), await openFollower()];
    const application = await unready();
    const operation = await start(first, application);
    await first.stop();
    expect((await rowOf(operation.id)).isOver || (await rowOf(operation.id)).fence === 2).toBe(true);
    await followedBy(second, operation);
    expect(await recordsOf(world, application.name, 'OPERATION_TAKE_OVER')).toMatchObject([
      { username: null, data: { follower: second.desk.processId, fence: 2 } },
    ]);
    await end(application);
    expect(await untilEnded(second.desk, operation)).toMatchObject({ errorMessage: 'object has been deleted' });
  });

  test('a replica that dies is replaced within ten seconds, and what it had landed is not sent again', async () => {
    const [first, second] = [await openFollower(), await openFollower()];
    const application = await unready();
    const operation = await start(first, application);
    await first.die();
    await followedBy(second, operation, 10);
    expect((await rowOf(operation.id)).fence).toBe(2);
    expect(await generationOf(application)).toBe(2);
    await end(application);
    await untilEnded(second.desk, operation);
  });

  test('replicas share out what nobody follows: each operation has one follower and one restart', async () => {
    const { name, namespace } = await deployApplication(world, creator.desk, { replicas: 0 });
    const names = Array.from({ length: 20 }, (_, i) => `${name}-${i}`);
    for (const one of names)
      await world.cluster.createDeployment(namespace, { name: one, image: 'web:v1', replicas: 0 });
    const targets = names.map((deploymentName) => ({ namespace, deploymentName }));
    await registerApplication(creator.desk, grace, { name, owners: { users: ['alice'] }, targets });
    await authorizedTicket(creator.desk, name);
    const started = await Promise.all(
      names.map((deploymentName) => redeploy(creator.desk, alice, { applicationName: name, deploymentName })),
    );
    await orphan(...started.map(({ id }) => id));
    const followers = await Promise.all([openFollower(), openFollower(), openFollower()]);
    for (const operation of started) {
      expect(await untilEnded(creator.desk, operation)).toMatchObject({ rolloutStatus: 'COMPLETED' });
      const { fence, follower } = await rowOf(operation.id);
      expect(fence).toBe(2);
      expect(followers.map(({ desk }) => desk.processId)).toContain(follower);
    }
    expect(await recordsOf(world, name, 'OPERATION_TAKE_OVER')).toHaveLength(20);
    for (const one of names) expect(await generationOf({ namespace, name: one })).toBe(2);
  });
});

describe('while no replica runs', () => {
  test("Kubernetes' deadline that passes is seen by the next one", async () => {
    const application = await unready();
    const { name, namespace } = application;
    await world.cluster.api.apps.patchNamespacedDeployment(
      { namespace, name, body: { spec: { progressDeadlineSeconds: 1 } } },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    );
    const first = await openFollower();
    const operation = await start(first, application);
    await first.stop();
    await until('the deadline has passed', async () => {
      const { status } = await world.cluster.api.apps.readNamespacedDeploymentStatus({ namespace, name });
      return status?.conditions?.some(({ reason }) => reason === 'ProgressDeadlineExceeded');
    });
    await openFollower();
    expect(await untilEnded(creator.desk, operation)).toMatchObject({
      rolloutStatus: 'TIMED_OUT',
      errorMessage: `deployment "${name}" exceeded its progress deadline`,
    });
  });

  test('our own time-out that passes is seen by the next one', async () => {
    const first = await openFollower();
    const operation = await start(first, await unready());
    await first.stop();
    await world.sql(`update operation set landed_at = landed_at - interval '1 hour' where id = ?`, [operation.id]);
    await openFollower();
    const { rolloutStatus, errorMessage } = await untilEnded(creator.desk, operation);
    expect(rolloutStatus).toBe('TIMED_OUT');
    expect(errorMessage).toMatch(/^not finished after 900 seconds: /);
  });
});

test('every event of every operation has the next number, without gap or double', async () => {
  const rows = await world.sql<{ sequences: number[]; last: number }>(
    `select array_agg(e.sequence order by e.sequence) as sequences, o.sequence as last
     from operation o join operation_event e on e.operation_id = o.id group by o.id`,
  );
  expect(rows.length).toBeGreaterThan(20);
  for (const { sequences, last } of rows) {
    expect(sequences).toEqual(Array.from({ length: last }, (_, i) => i + 1));
  }
});
