import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Desk } from '../../src/operations/dependencies.ts';
import { expiringTokensSweep } from '../../src/operations/expiring-tokens.ts';
import { claimMessages, recordDelivery, tidyOutbox } from '../../src/operations/outbox.ts';
import { approve } from '../../src/operations/tickets.ts';
import { revokeToken } from '../../src/operations/token-revocations.ts';
import { chainOf } from '../support/audit-chain.ts';
import {
  alice,
  authorizedTicket,
  carol,
  openTestWorld,
  registeredApplication,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { refusalOf } from '../support/outcomes.ts';

let world: TestWorld;
let desks: Desk[];
beforeAll(async () => {
  world = await openTestWorld({ mustBeSimulated: true });
  const replicas = await Promise.all([world.openReplica({ follows: false }), world.openReplica({ follows: false })]);
  desks = replicas.map(({ desk }) => ({ ...desk, notifies: true }));
});
afterAll(() => world.close());
afterEach(async () => {
  await world.sql('delete from outbox');
  await world.sql('update redeploy_grant set ended_at = now() where ended_at is null');
});

const granted = async (minutes: number) => {
  const [desk] = desks;
  const ticket = await authorizedTicket(desk!, await registeredApplication(desk!));
  await endsIn(ticket, minutes);
  await world.sql('delete from outbox');
  return ticket;
};
const endsIn = ({ id }: { id: number }, minutes: number) =>
  world.sql(`update redeploy_grant set expires = clock_timestamp() + ? * interval '1 minute' where ticket_id = ?`, [
    minutes,
    id,
  ]);
async function revoke({ id }: { id: number }): Promise<void> {
  const [grant] = await world.sql<{ applicationName: string }>(
    'select application_name as "applicationName" from redeploy_grant where ticket_id = ?',
    [id],
  );
  await revokeToken(desks[0]!, alice, { ...grant!, username: 'alice', reason: 'not needed' });
}
const sweep = expiringTokensSweep(15);
const sweepAtOnce = () => Promise.all([...desks, ...desks].map((desk) => sweep(desk)));
const told = () =>
  world.sql<{ ticketId: number; type: string }>(
    `select ticket_id as "ticketId", notification ->> 'type' as type from outbox order by id`,
  );

test('a token that ends within the time is told of once, by two replicas that look at the same moment', async () => {
  const tickets = [await granted(14), await granted(14), await granted(1)];
  await sweepAtOnce();
  await sweepAtOnce();
  const ids = (await told()).map(({ ticketId }) => ticketId);
  expect(ids.toSorted((a, b) => a - b)).toEqual(tickets.map(({ id }) => id));
  for (const { type } of await told()) expect(type).toBe('token.expiring');
});

test('it is not told of again once that is delivered, up to its end', async () => {
  const ticket = await granted(14);
  await sweepAtOnce();
  for (const claimed of await claimMessages(desks[0]!, 8)) await recordDelivery(desks[0]!, claimed);
  await endsIn(ticket, 1);
  await tidyOutbox(desks[0]!);
  await sweepAtOnce();
  expect(await told()).toHaveLength(1);
});

test('what is told names the person, the application and the end', async () => {
  const ticket = await granted(10);
  await sweepAtOnce();
  const [claimed] = await claimMessages(desks[0]!, 8);
  const { data, applications } = claimed!.message;
  expect(data).toMatchObject({ ticketNo: ticket.ticketNo, status: 'AUTHORIZED', requester: 'alice', username: null });
  const [grant] = await world.sql<{ expires: string }>('select expires from redeploy_grant where ticket_id = ?', [
    ticket.id,
  ]);
  expect(data.expires).toBe(new Date(grant!.expires).toISOString());
  expect(applications).toEqual([data.applicationName]);
});

test('nothing of it stands in the record: nothing has happened yet', async () => {
  const ticket = await granted(10);
  const before = await chainOf(world, ticket.id);
  await sweepAtOnce();
  expect(await chainOf(world, ticket.id)).toEqual(before);
});

test.for([
  ['ends later', (ticket: { id: number }) => endsIn(ticket, 16)],
  ['has ended', (ticket: { id: number }) => endsIn(ticket, -1)],
  [
    'is used up',
    ({ id }: { id: number }) => world.sql('update redeploy_grant set uses = 1, max_uses = 1 where ticket_id = ?', [id]),
  ],
  [
    'is revoked',
    async (ticket: { id: number }) => {
      await revoke(ticket);
      await world.sql('delete from outbox');
    },
  ],
] as const)('a token that %s is not told of', async ([, change]) => {
  await change(await granted(10));
  await sweepAtOnce();
  expect(await told()).toEqual([]);
});

test('a token that is not issued yet is not told of', async () => {
  const [desk] = desks;
  const ticket = await ticketFor(desk!, await registeredApplication(desk!));
  const tokens = { ...desk!.tokens, ping: async () => undefined, put: () => Promise.reject(new Error('away')) };
  await approve({ ...desk!, tokens }, carol, ticket).catch(() => undefined);
  await world.sql('delete from outbox');
  await endsIn(ticket, 10);
  const [{ status } = { status: '' }] = await world.sql<{ status: string }>('select status from ticket where id = ?', [
    ticket.id,
  ]);
  expect(status).toBe('APPROVED');
  await sweepAtOnce();
  expect(await told()).toEqual([]);
});

test('a revocation is told of, once', async () => {
  const ticket = await granted(10);
  await revoke(ticket);
  expect(await told()).toEqual([{ ticketId: ticket.id, type: 'token.revoked' }]);
  expect((await refusalOf(revoke(ticket))).code).toBe('NOT_FOUND');
  expect(await told()).toHaveLength(1);
});
