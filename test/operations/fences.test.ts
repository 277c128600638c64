import { setHeaderOptions } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { operationAnnotation, restartedAtAnnotation } from '../../src/domain/cluster.ts';
import { RedeployError } from '../../src/domain/errors.ts';
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
import { storeRows } from '../../src/operations/stored-rows.ts';
import { inTransaction } from '../../src/operations/transaction.ts';
import type { Operation } from '../../src/domain/operation.ts';
import {
  alice,
  authorizedTicket,
  carol,
  deployApplication,
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

  test('a sender that slept over its lease restarts nothing a second time, not even what was undone meanwhile', async () => {
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
    const sleeping = sendPatch(creator.desk, cluster, operation, leaseOf(operation));
    const outcome = sleeping.catch((error: unknown) => error);
    await sent.promise;
    await orphan(operation.id);
    const successor = await openFollower();
    await until('somebody else restarts it', async () => (await generationOf(application)) === 2);
    const none = { [operationAnnotation]: null, [restartedAtAnnotation]: null };
    const { namespace, name } = application;
    await world.cluster.api.apps.patchNamespacedDeployment(
      { namespace, name, body: { spec: { template: { metadata: { annotations: none } } } } },
      setHeaderOptions('Content-Type', 'application/merge-patch+json'),
    );
    awake.resolve();
    expect(await outcome).toBeInstanceOf(LeaseLost);
    await untilEnded(successor.desk, operation);
    expect(patches).toBe(2);
    expect(await generationOf(application)).toBe(3); // the successor's, and the undo of it
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
    const { operation: landed, state } = await sendPatch(creator.desk, cluster, operation, leaseOf(operation));
    expect(state).toMatchObject({
      status: 'PROGRESSING',
      message: 'Waiting for deployment spec update to be observed...',
    });
    const again = await sendPatch(creator.desk, cluster, operation, leaseOf(operation));
    expect(again).toMatchObject({ operation: { landedAt: landed.landedAt, sequence: 2 }, state: null });
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
    const ends = new Set<string>();
    await until('the lease was renewed again and again', async () => {
      const lease = await rowOf(operation.id);
      expect(lease).toMatchObject({ isOver: false, fence: 1 });
      return ends.add(lease.until).size > 2;
    });
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
    const sleeping = inTransaction(creator.desk, async (em) => {
      const { ticket } = await lockTicket(em, { id });
      ticket.summary = 'asleep';
      await storeRows(em);
      locked.resolve();
      await awake.promise;
    });
    const outcome = sleeping.catch((error: unknown) => error);
    await locked.promise;
    expect((await approve(creator.desk, carol, { ticketNo })).status).toBe('AUTHORIZED');
    awake.resolve();
    expect(await outcome).toBeInstanceOf(RedeployError);
  });
});
