import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordLateSuccesses } from '../../src/operations/late-successes.ts';
import { findOperation } from '../../src/operations/reads.ts';
import { type RedeployInput, redeploy } from '../../src/operations/redeploys.ts';
import { rolloutAnnouncer } from '../../src/operations/rollout-announcements.ts';
import {
  alice,
  authorizedTicket,
  deployApplication,
  frank,
  openTestWorld,
  type Replica,
  type TestWorld,
} from '../support/desk.ts';
import { recordsOf, untilEnded } from '../support/outcomes.ts';
import { until } from '../support/wait.ts';

// What the Deployment itself tells of a redeploy, and what is added after the verdict.

let world: TestWorld;
let replica: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5 });
  replica = await world.openReplica({ limits: { rolloutTimeoutSeconds: 3 } });
});
afterAll(() => world.close());

type Placed = { name: string; namespace: string };
const deployed = async (image = 'web:v1'): Promise<Placed> => {
  const placed = await deployApplication(world, replica.desk, { replicas: 1, image });
  await authorizedTicket(replica.desk, placed.name);
  return placed;
};
const start = ({ name }: Placed, more: Partial<RedeployInput> = {}, { desk }: Replica = replica) =>
  redeploy(desk, alice, { applicationName: name, reason: 'it leaks', ...more });
const eventsOn = async ({ name, namespace }: Placed) => {
  const { items } = await world.cluster.api.core.listNamespacedEvent({ namespace });
  return items
    .filter(({ involvedObject, reason }) => involvedObject.name === name && reason?.startsWith('Redeploy'))
    .map(({ type, reason, message }) => ({ type, reason, message }))
    .toSorted((one, other) => other.reason!.localeCompare(one.reason!));
};

test('start and verdict stand on the Deployment as one Event each, however many replicas write them how often', async () => {
  const other = await world.openReplica();
  const placed = await deployed();
  const operation = await start(placed, {}, other); // which waits as long as it takes
  const announcers = [replica, other].map(({ desk }) => ({ desk, announce: rolloutAnnouncer() }));
  const announceAll = () => Promise.all(announcers.map(({ desk, announce }) => announce(desk)));
  await announceAll();
  const { id, durationSeconds } = await untilEnded(replica.desk, operation);
  await world.sql('update operation set followed_until = clock_timestamp() where id = ?', [id]);
  await Promise.all([announceAll(), announceAll()]);
  const [row] = await world.sql<{ ticketNo: string }>(
    'select ticket_no as "ticketNo" from ticket join operation on ticket_id = ticket.id where operation.id = ?',
    [id],
  );
  const who = `RESTART by alice, ticket ${row!.ticketNo}, operation ${id}`;
  expect(await eventsOn(placed)).toEqual([
    { type: 'Normal', reason: 'RedeployStarted', message: `${who}: it leaks` },
    { type: 'Normal', reason: 'RedeployCompleted', message: `${who}, after ${durationSeconds} s` },
  ]);
});

test('an operation that ended while nobody wrote Events is told of later, a failed one as a warning', async () => {
  const placed = await deployed('web:unready');
  const ended = await untilEnded(replica.desk, await start(placed));
  expect(ended.rolloutStatus).toBe('TIMED_OUT');
  await recordLateSuccesses(replica.desk);
  expect((await findOperation(replica.desk, frank, ended.id)).succeededLateAt).toBeNull();
  await rolloutAnnouncer()(replica.desk);
  const verdict = (await eventsOn(placed)).find(({ type }) => type === 'Warning');
  expect(verdict?.reason).toBe('RedeployTimedOut');
  expect(verdict!.message).toContain(ended.errorMessage);
});

test('a success that comes after the verdict is added to the record once, and the verdict stays', async () => {
  const placed = await deployed();
  const slow = [{ container: 'app', image: 'web:slow' }]; // takes 5 s
  const ended = await untilEnded(replica.desk, await start(placed, { images: slow }));
  await until('the late success is recorded', async () => {
    await Promise.all([recordLateSuccesses(replica.desk), recordLateSuccesses(replica.desk)]);
    return (await findOperation(replica.desk, frank, ended.id)).succeededLateAt !== null;
  });
  const operation = await findOperation(replica.desk, frank, ended.id);
  expect(operation).toMatchObject({ rolloutStatus: 'TIMED_OUT', success: false, sequence: ended.sequence });
  const records = await recordsOf(world, placed.name, 'REDEPLOY_LATE_SUCCESS');
  expect(records).toMatchObject([{ data: { verdict: 'TIMED_OUT' } }]);
});
