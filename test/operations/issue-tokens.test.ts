import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { tokenKey } from '../../src/adapters/redis/redis-tokens.ts';
import { resumeApprovedTickets } from '../../src/operations/issue-tokens.ts';
import { entriesOfTickets, findTicket } from '../../src/operations/reads.ts';
import { approve } from '../../src/operations/tickets.ts';
import { revokeToken } from '../../src/operations/token-revocations.ts';
import { findToken } from '../../src/operations/tokens.ts';
import { type EmbeddedRedis, startRedis } from '../../src/sandbox/redis.ts';
import {
  alice,
  authorizedTicket,
  carol,
  frank,
  openTestWorld,
  person,
  registeredApplication,
  type Replica,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { contentOf, recordsOf, refusalOf } from '../support/outcomes.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
let replica: Replica;
let redis: Redis;
/** A replica with a Redis of its own that can go away. */
let lonely: Replica;
let ownRedis: EmbeddedRedis;
let application: string;
beforeAll(async () => {
  world = await openTestWorld();
  redis = new Redis(world.redisUrl);
  ownRedis = await startRedis();
  replica = await world.openReplica({ follows: false });
  lonely = await world.openReplica({ follows: false, redisUrl: ownRedis.url });
});
beforeEach(async () => {
  application = await registeredApplication(replica.desk);
});
afterAll(async () => {
  redis.disconnect();
  await world.close();
  await ownRedis.stop();
});

const redisGoesAway = async () => {
  await ownRedis.stop();
  await until('its absence is noticed', () =>
    lonely.desk.tokens.ping().then(
      () => false as const,
      () => true,
    ),
  );
};
const redisComesBack = async () => {
  ownRedis = await startRedis({ port: Number(new URL(ownRedis.url).port) });
  await until('its return is noticed', () =>
    lonely.desk.tokens.ping().then(
      () => true,
      () => false as const,
    ),
  );
};

/** As a process does whose Redis goes away just after it looked: the approval is committed, no key is written. */
async function approveAndLoseRedis(ticketNo: string): Promise<string> {
  const { tokens } = lonely.desk;
  const desk = {
    ...lonely.desk,
    tokens: {
      ping: async () => {
        await tokens.ping();
        await redisGoesAway();
      },
      put: tokens.put.bind(tokens),
      get: tokens.get.bind(tokens),
      remove: tokens.remove.bind(tokens),
    },
  };
  return (await approve(desk, carol, { ticketNo })).status;
}

test("the token lies under the guide's key, with the guide's fields, and vanishes at its very millisecond", async () => {
  const odd = person('ali ce:{ü}%', 'ADMIN');
  const { ticketNo, id } = await ticketFor(replica.desk, application);
  await world.sql('update ticket set username = ?, subject = ? where id = ?', [odd.username, odd.subject, id]);
  await approve(replica.desk, carol, { ticketNo });
  const [grant] = await world.sql<{ expires: string; approved: string }>(
    'select expires, approved_at as approved from redeploy_grant g join ticket t on t.id = g.ticket_id where t.id = ?',
    [id],
  );
  const expires = new Date(grant!.expires);
  expect(expires.getTime() - new Date(grant!.approved).getTime()).toBe(2 * 3_600_000);
  const key = `APPLICATION:REDEPLOY:TOKEN:USERNAME:ali%20ce%3A%7B%C3%BC%7D%25:APPLICATION_NAME:${application}`;
  expect(JSON.parse((await redis.get(key))!)).toEqual({
    username: odd.username,
    applicationName: application,
    ticketId: id,
    ticketNo,
    expires: expires.toISOString(),
    valid: true,
    desc: expect.stringContaining(ticketNo),
  });
  expect(await redis.pexpiretime(key)).toBe(expires.getTime());
});

test('each entry is marked, and grant, entry and token stand in the record', async () => {
  const second = await registeredApplication(replica.desk);
  const ticket = await authorizedTicket(replica.desk, application, second);
  expect(ticket.status).toBe('AUTHORIZED');
  const [entries] = await entriesOfTickets(replica.desk, [ticket.id]);
  for (const entry of entries!) {
    expect(entry).toMatchObject({ success: true, completed: true, errorMessage: null });
    expect(entry.executedAt).toEqual(entry.completedAt);
    const kinds = await recordsOf(world, entry.applicationName, 'ENTRY_PROCESS', 'ENTRY_SUCCESS', 'TOKEN_CREATE');
    expect(kinds.map(({ kind }) => kind)).toEqual(['ENTRY_PROCESS', 'ENTRY_SUCCESS', 'TOKEN_CREATE']);
  }
});

test('while Redis is away nobody approves: UNAVAILABLE, and nothing has changed', async () => {
  const { ticketNo } = await ticketFor(lonely.desk, application);
  await redisGoesAway();
  const before = await contentOf(world);
  expect((await refusalOf(approve(lonely.desk, carol, { ticketNo }))).code).toBe('UNAVAILABLE');
  expect(await contentOf(world)).toEqual(before);
  await redisComesBack();
  expect((await approve(lonely.desk, carol, { ticketNo })).status).toBe('AUTHORIZED');
});

test('an approval that lost Redis half-way is brought to its end by another replica, once', async () => {
  const { id, ticketNo } = await ticketFor(lonely.desk, application);
  expect(await approveAndLoseRedis(ticketNo)).toBe('APPROVED');
  expect(await redis.exists(tokenKey('alice', application))).toBe(0);
  await Promise.all([1, 2, 3].map(() => resumeApprovedTickets(replica.desk)));
  expect((await findTicket(replica.desk, frank, ticketNo)).status).toBe('AUTHORIZED');
  expect(await redis.exists(tokenKey('alice', application))).toBe(1);
  expect(await recordsOf(world, application, 'TOKEN_CREATE')).toHaveLength(1);
  const [granted] = await world.sql<{ hours: number }>(
    `select extract(epoch from g.expires - t.approved_at)::int / 3600 as hours from redeploy_grant g join ticket t on t.id = g.ticket_id where t.id = ?`,
    [id],
  );
  expect(granted!.hours).toBe(2); // counted from the approval, not from the recovery
  await redisComesBack();
});

test('within the time that Redis may be away the ticket waits', async () => {
  const { ticketNo } = await ticketFor(lonely.desk, application);
  await approveAndLoseRedis(ticketNo);
  await resumeApprovedTickets(lonely.desk);
  expect((await findTicket(replica.desk, frank, ticketNo)).status).toBe('APPROVED');
  await redisComesBack();
  await resumeApprovedTickets(lonely.desk);
  expect((await findTicket(replica.desk, frank, ticketNo)).status).toBe('AUTHORIZED');
});

test('Redis away for too long: the ticket FAILED, its grants are void, and each entry says why', async () => {
  const second = await registeredApplication(replica.desk);
  const { id, ticketNo } = await ticketFor(lonely.desk, application, second);
  await approveAndLoseRedis(ticketNo);
  await world.sql(`update ticket set approved_at = approved_at - interval '31 seconds' where id = ?`, [id]);
  await Promise.all([1, 2].map(() => resumeApprovedTickets(lonely.desk)));
  expect((await findTicket(replica.desk, frank, ticketNo)).status).toBe('FAILED');
  const [entries] = await entriesOfTickets(replica.desk, [id]);
  expect(entries).toHaveLength(2);
  for (const { success, completed, errorMessage, applicationName } of entries!) {
    expect({ success, completed }).toEqual({ success: false, completed: true });
    expect(errorMessage).toBe('the token could not be issued within 30 seconds: Redis was away');
    expect(await recordsOf(world, applicationName, 'ENTRY_FAILED')).toHaveLength(1);
    expect(await findToken(replica.desk, alice, { applicationName, username: null })).toMatchObject({ valid: false });
  }
  await redisComesBack();
  await resumeApprovedTickets(lonely.desk);
  expect((await findTicket(replica.desk, frank, ticketNo)).status).toBe('FAILED');
});

test('a database that goes away after the approval was stored does not hide that it was', async () => {
  const doomed = await world.openReplica({ follows: false, isMortal: true });
  const { ticketNo } = await ticketFor(replica.desk, application);
  const { tokens } = doomed.desk;
  const put = async (...copy: Parameters<typeof tokens.put>) => {
    await tokens.put(...copy);
    await doomed.die();
  };
  const get = tokens.get.bind(tokens);
  const remove = tokens.remove.bind(tokens);
  const desk = { ...doomed.desk, tokens: { put, get, remove, ping: () => tokens.ping() } };
  expect((await approve(desk, carol, { ticketNo })).status).toBe('APPROVED');
  await resumeApprovedTickets(replica.desk);
  expect((await findTicket(replica.desk, frank, ticketNo)).status).toBe('AUTHORIZED');
});

test('a token that is revoked before it was issued never lies in Redis, and the ticket comes to its end', async () => {
  const { ticketNo } = await ticketFor(lonely.desk, application);
  await approveAndLoseRedis(ticketNo);
  await redisComesBack();
  await revokeToken(replica.desk, carol, { applicationName: application, username: 'alice', reason: 'a mistake' });
  await resumeApprovedTickets(replica.desk);
  expect(await findTicket(replica.desk, frank, ticketNo)).toMatchObject({ status: 'COMPLETED', result: 'UNUSED' });
  expect(await redis.exists(tokenKey('alice', application))).toBe(0);
});

test('a later ticket that ends sooner never shortens a running token', async () => {
  const shorter = await world.openReplica({ follows: false, limits: { tokenHours: 1 } });
  const long = await authorizedTicket(replica.desk, application);
  const ends = await redis.pexpiretime(tokenKey('alice', application));
  await authorizedTicket(shorter.desk, application);
  expect(await redis.pexpiretime(tokenKey('alice', application))).toBe(ends);
  const token = await findToken(replica.desk, alice, { applicationName: application, username: null });
  expect(token).toMatchObject({ valid: true, ticketNo: long.ticketNo });
  const longer = await authorizedTicket(replica.desk, application);
  expect(await findToken(replica.desk, alice, { applicationName: application, username: null })).toMatchObject({
    ticketNo: longer.ticketNo,
  });
});
