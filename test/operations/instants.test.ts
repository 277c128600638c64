import { afterAll, beforeAll, expect, test } from 'vitest';
import { resumeApprovedTickets } from '../../src/operations/issue-tokens.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { cancelTicket, completeTicket } from '../../src/operations/ticket-endings.ts';
import { approve, reject } from '../../src/operations/tickets.ts';
import { revokeToken } from '../../src/operations/token-revocations.ts';
import { ownLocks } from '../support/database.ts';
import {
  alice,
  authorizedTicket,
  carol,
  deployApplication,
  openTestWorld,
  registeredApplication,
  type Replica,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { chainOf } from '../support/audit-chain.ts';
import { refusalOf } from '../support/outcomes.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
let replica: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5, mustBeSimulated: true });
  replica = await world.openReplica({ follows: false });
});
afterAll(() => world.close());

type Held = { id: number; ticketNo: string; applicationName: string };

const pending = async (): Promise<Held> => {
  const applicationName = await registeredApplication(replica.desk);
  const { id, ticketNo } = await ticketFor(replica.desk, applicationName);
  return { id, ticketNo, applicationName };
};
const authorized = async (): Promise<Held> => {
  const { name: applicationName } = await deployApplication(world, replica.desk, { replicas: 0 });
  const { id, ticketNo } = await authorizedTicket(replica.desk, applicationName);
  return { id, ticketNo, applicationName };
};
const approved = async (): Promise<Held> => {
  const held = await authorized();
  await world.sql(`update ticket set status = 'APPROVED' where id = ?`, [held.id]);
  await world.sql(`update ticket_entry set completed = false where ticket_id = ?`, [held.id]);
  return held;
};

/** Holds the ticket until somebody waits for it and `enough` is true; answers with the moment at which it was let go. */
async function hold({ id }: Held, enough: () => Promise<boolean> = async () => true): Promise<Date> {
  const released = Promise.withResolvers<void>();
  const holding = world.hold('select 1 from ticket where id = ? for update', [id], released.promise);
  try {
    await until('somebody waits for it', async () => {
      // Who waits for a row holds its lock in the queue.
      const queue = `select 1 from ${ownLocks} and locktype = 'tuple' and relation = 'ticket'::regclass`;
      return (await world.sql(queue)).length > 0 && (await enough());
    });
    const [row] = await world.sql<{ now: string }>('select clock_timestamp()::timestamptz(3) as now');
    return new Date(row!.now);
  } finally {
    released.resolve();
    await holding;
  }
}

const isHeld =
  ({ id }: Held) =>
  async () =>
    (await world.sql('select 1 from ticket where id = ? for update skip locked', [id])).length === 0;

/** Begins the work while somebody else holds the ticket. */
async function whileHeld(ticket: Held, work: () => Promise<unknown>): Promise<{ freeAt: Date; done: unknown }> {
  const freeing = hold(ticket);
  await until('the ticket is held', isHeld(ticket));
  const working = work().catch((error: unknown) => error);
  return { freeAt: await freeing, done: await working };
}

test.each<[string, () => Promise<Held>, (ticket: Held) => Promise<unknown>]>([
  ['an approval', pending, (ticket) => approve(replica.desk, carol, ticket)],
  ['a rejection', pending, (ticket) => reject(replica.desk, carol, ticket)],
  ['a cancellation', pending, (ticket) => cancelTicket(replica.desk, alice, ticket)],
  ['a completion', authorized, (ticket) => completeTicket(replica.desk, alice, ticket)],
  ['issuing tokens', approved, () => resumeApprovedTickets(replica.desk)],
  ['a redeploy', authorized, ({ applicationName }) => redeploy(replica.desk, alice, { applicationName })],
  [
    'a revocation',
    authorized,
    ({ applicationName }) => revokeToken(replica.desk, alice, { applicationName, username: 'alice', reason: 'over' }),
  ],
])('%s that had to wait for the ticket is recorded as of when its turn came', async (_, begin, work) => {
  const ticket = await begin();
  const before = (await chainOf(world, ticket.id)).length;
  const { freeAt, done } = await whileHeld(ticket, () => work(ticket));
  expect(done).not.toBeInstanceOf(Error);
  const records = (await chainOf(world, ticket.id)).slice(before);
  expect(records.length).toBeGreaterThan(0);
  for (const { at } of records) expect(at.getTime()).toBeGreaterThanOrEqual(freeAt.getTime());
});

test('a token runs two hours from the very instant of the approval', async () => {
  const ticket = await pending();
  await whileHeld(ticket, () => approve(replica.desk, carol, ticket));
  const [row] = await world.sql<{ [name: string]: string }>(
    `select t.approved_at as decided, a.at as approved, g.granted_at as granted, (g.expires - interval '2 hours') as begun
     from ticket t join approval a on a.ticket_id = t.id join redeploy_grant g on g.ticket_id = t.id where t.id = ?`,
    [ticket.id],
  );
  expect(new Set(Object.values(row!).map((instant) => new Date(instant).toISOString())).size).toBe(1);
});

test('whose turn comes after the time to decide is over comes too late', async () => {
  const ticket = await pending();
  const soon = `update ticket set decide_by = clock_timestamp() + interval '400 milliseconds' where id = ?`;
  await world.sql(soon, [ticket.id]);
  const isOver = async () =>
    (await world.sql('select 1 from ticket where id = ? and decide_by < clock_timestamp()', [ticket.id])).length > 0;
  const freeing = hold(ticket, isOver);
  await until('the ticket is held', isHeld(ticket));
  const approving = refusalOf(approve(replica.desk, carol, ticket));
  await freeing;
  expect(await approving).toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('expired') });
});
