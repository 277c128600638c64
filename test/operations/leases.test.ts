import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { registerApplication } from '../../src/operations/applications.ts';
import { sendPatch } from '../../src/operations/patch-sending.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import {
  type Lease,
  LeaseLost,
  recordLanding,
  recordRefusal,
  recordWaiting,
  renewPrecondition,
} from '../../src/operations/rollout-writes.ts';
import { lockTicket } from '../../src/operations/ticket-locks.ts';
import { approve } from '../../src/operations/tickets.ts';
import { inTransaction } from '../../src/operations/transaction.ts';
import type { Operation } from '../../src/domain/operation.ts';
import {
  alice,
  authorizedTicket,
  carol,
  deployApplication,
  grace,
  openTestWorld,
  type Replica,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { contentOf, recordsOf, untilEnded } from '../support/outcomes.ts';
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
  const replica = await world.openReplica();
  replicas.push(replica);
  return replica;
};
afterEach(async () => {
  world.cluster.simulated!.intercept = undefined;
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
const leaseOf = (operation: Operation): Lease => ({
  operationId: operation.id,
  ticketId: operation.ticket.id,
  fence: operation.fence,
});
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
    expect(await generationOf(application).catch(() => 'gone')).toBe('gone');
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

describe('the fence', () => {
  test('who lost the lease writes nothing', async () => {
    const application = await deployed();
    const operation = await start(creator, application);
    await world.sql(`update operation set fence = 2, follower = 'another' where id = ?`, [operation.id]);
    const cluster = creator.desk.clusters.get(operation.cluster)!;
    const deployment = (await cluster.readDeployment(operation.namespace, operation.deploymentName))!;
    const before = await contentOf(world);
    for (const write of [
      () => recordLanding(creator.desk, leaseOf(operation), deployment),
      () => recordRefusal(creator.desk, leaseOf(operation), 'refused'),
      () => recordWaiting(creator.desk, leaseOf(operation), 'waiting'),
      () => renewPrecondition(creator.desk, leaseOf(operation), deployment),
    ]) {
      await expect(write()).rejects.toThrow(LeaseLost);
    }
    expect(await contentOf(world)).toEqual(before);
  });

  test('a sender that slept over its lease restarts nothing a second time', async () => {
    const application = await deployed();
    const operation = await start(creator, application);
    const sent = Promise.withResolvers<void>();
    const awake = Promise.withResolvers<void>();
    let patches = 0;
    world.cluster.simulated!.intercept = async ({ method, query }) => {
      if (method !== 'PATCH' || query.get('fieldManager') !== 'cratos-redeploy') return undefined;
      patches += 1;
      if (patches > 1) return undefined;
      sent.resolve();
      await awake.promise;
      return undefined;
    };
    const cluster = creator.desk.clusters.get(operation.cluster)!;
    const sleeping = expect(sendPatch(creator.desk, cluster, operation, leaseOf(operation))).rejects.toThrow(LeaseLost);
    await sent.promise;
    await orphan(operation.id);
    const successor = await openFollower();
    await until('somebody else restarts it', async () => (await generationOf(application)) === 2);
    awake.resolve();
    await sleeping;
    expect(await untilEnded(successor.desk, operation)).toMatchObject({ rolloutStatus: 'COMPLETED' });
    expect(patches).toBe(2);
    expect(await generationOf(application)).toBe(2);
    expect((await rowOf(operation.id)).fence).toBe(2);
    expect(await recordsOf(world, application.name, 'DEPLOYMENT_UPDATE')).toHaveLength(1);
  });

  test('a patch that changed the object before its sender lost the lease is found, not sent again', async () => {
    const application = await deployed();
    const operation = await start(creator, application);
    await world.sql('update operation set fence = 2 where id = ?', [operation.id]);
    const cluster = creator.desk.clusters.get(operation.cluster)!;
    await expect(sendPatch(creator.desk, cluster, operation, leaseOf(operation))).rejects.toThrow(LeaseLost);
    await orphan(operation.id);
    const successor = await openFollower();
    expect(await untilEnded(successor.desk, operation)).toMatchObject({ rolloutStatus: 'COMPLETED' });
    expect(await generationOf(application)).toBe(2);
  });

  test('a landing that is told again, as after a commit whose answer was lost, changes nothing', async () => {
    const application = await deployed();
    const operation = await start(creator, application);
    const cluster = creator.desk.clusters.get(operation.cluster)!;
    const landed = await sendPatch(creator.desk, cluster, operation, leaseOf(operation));
    const again = await sendPatch(creator.desk, cluster, operation, leaseOf(operation));
    expect(again.landedAt).toEqual(landed.landedAt);
    expect(await recordsOf(world, application.name, 'DEPLOYMENT_UPDATE')).toHaveLength(1);
    expect(await generationOf(application)).toBe(2);
  });
});

describe('locks', () => {
  test('an orphan whose ticket is locked does not keep a replica from renewing its other leases', async () => {
    const follower = await openFollower();
    const [followed, orphaned] = [await unready(), await deployed()];
    const operation = await start(follower, followed);
    const left = await start(creator, orphaned);
    await orphan(left.id);
    const release = Promise.withResolvers<void>();
    const holding = world.hold('select 1 from ticket where id = ? for update', [left.ticket.id], release.promise);
    const seen = new Set<string>();
    await until(
      'the lease was renewed again and again',
      async () => seen.add((await rowOf(operation.id)).until).size > 3,
    );
    expect((await rowOf(operation.id)).fence).toBe(1);
    expect((await rowOf(left.id)).fence).toBe(1);
    release.resolve();
    await holding;
    expect(await untilEnded(follower.desk, left)).toMatchObject({ rolloutStatus: 'COMPLETED' });
    await end(followed);
    await untilEnded(follower.desk, operation);
  });

  test('a process that sleeps in the middle of a transaction loses its locks, and its change', async () => {
    const { name } = await deployed();
    const { id, ticketNo } = await ticketFor(creator.desk, name);
    const locked = Promise.withResolvers<void>();
    const awake = Promise.withResolvers<void>();
    const sleeping = inTransaction(creator.desk, async (em, now) => {
      const ticket = await lockTicket(em, { id });
      ticket.decideBy = now;
      await em.flush();
      locked.resolve();
      await awake.promise;
    });
    const failed = expect(sleeping).rejects.toThrow();
    await locked.promise;
    expect((await approve(creator.desk, carol, { ticketNo })).status).toBe('AUTHORIZED');
    awake.resolve();
    await failed;
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
