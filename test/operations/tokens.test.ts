import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { tokenKey } from '../../src/adapters/redis/redis-tokens.ts';
import type { Actor } from '../../src/domain/person.ts';
import type { TokenCopy } from '../../src/domain/token.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { findToken } from '../../src/operations/tokens.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import {
  alice,
  authorizedTicket,
  carol,
  deployApplication,
  frank,
  openTestWorld,
  person,
  registeredApplication,
  type Replica,
  type TestWorld,
} from '../support/desk.ts';
import { contentOf, recordsOf, refusalOf } from '../support/outcomes.ts';

let world: TestWorld;
let replica: Replica;
let redis: Redis;
let application: string;
let key: string;
beforeAll(async () => {
  world = await openTestWorld();
  replica = await world.openReplica({ follows: false });
  redis = new Redis(world.redisUrl);
});
beforeEach(async () => {
  application = await registeredApplication(replica.desk);
  key = tokenKey('alice', application);
});
afterAll(async () => {
  redis.disconnect();
  await world.close();
});

const tokenOf = (actor: Actor, username: string | null = null) =>
  findToken(replica.desk, actor, { applicationName: application, username });
const redeployBy = (actor: Actor) => refusalOf(redeploy(replica.desk, actor, { applicationName: application }));
const forgery = (): TokenCopy => ({
  username: 'alice',
  applicationName: application,
  ticketId: 1,
  ticketNo: 'forged01',
  expires: new Date(Date.now() + 3_600_000).toISOString(),
  valid: true,
  desc: 'may do everything',
});

test('no token is a value, not an error', async () => {
  expect(await tokenOf(alice)).toMatchObject({
    username: 'alice',
    applicationName: application,
    valid: false,
    ticketNo: null,
    secondsRemaining: 0,
    desc: `alice has no token for ${application}`,
  });
});

test('a running token tells its ticket, its end and the seconds until then', async () => {
  const { ticketNo } = await authorizedTicket(replica.desk, application);
  const token = await tokenOf(alice);
  expect(token).toMatchObject({ valid: true, ticketNo, username: 'alice', applicationName: application });
  expect(token.secondsRemaining).toBeGreaterThan(7_100);
  expect(token.secondsRemaining).toBeLessThan(7_200);
});

test.each([
  ['lost', () => redis.del(key)],
  ['replaced by that of another ticket', () => redis.set(key, JSON.stringify(forgery()))],
  ['unreadable', () => redis.set(key, 'not JSON')],
])('a key that is %s comes back from the grant, and that is recorded once', async (_, harm) => {
  await authorizedTicket(replica.desk, application);
  const [copy, ends] = [await redis.get(key), await redis.pexpiretime(key)];
  await harm();
  expect((await tokenOf(alice)).valid).toBe(true);
  expect(await redis.get(key)).toBe(copy);
  expect(await redis.pexpiretime(key)).toBe(ends);
  await tokenOf(alice);
  expect(await recordsOf(world, application, 'TOKEN_RESTORE')).toHaveLength(1);
});

test.each([
  ['forged', () => JSON.stringify(forgery())],
  ['unreadable', () => '{"valid":true'],
])('a key without a grant that is %s gives no right: it is refused, deleted and recorded', async (_, content) => {
  for (const look of [() => tokenOf(alice), () => redeployBy(alice)]) {
    await redis.set(key, content());
    const answer = await look();
    expect('valid' in answer ? answer.valid : answer.code).toBe('valid' in answer ? false : 'TOKEN_INVALID');
    expect(await redis.exists(key)).toBe(0);
  }
  const strays = await recordsOf(world, application, 'TOKEN_STRAY');
  expect(strays).toMatchObject([{ data: { user: 'alice' } }, { data: { user: 'alice' } }]);
});

test('a token that is issued while somebody looks is not taken for a stray one', async () => {
  const { tokens } = replica.desk;
  let isIssued = false;
  const get = async (...pair: Parameters<typeof tokens.get>) => {
    if (!isIssued) await authorizedTicket(replica.desk, application);
    isIssued = true;
    return tokens.get(...pair);
  };
  const slow = { get, put: tokens.put.bind(tokens), remove: tokens.remove.bind(tokens), ping: () => tokens.ping() };
  const token = await findToken({ ...replica.desk, tokens: slow }, alice, {
    applicationName: application,
    username: null,
  });
  expect(token.valid).toBe(true);
  expect(await redis.exists(key)).toBe(1);
  expect(await recordsOf(world, application, 'TOKEN_STRAY', 'TOKEN_RESTORE')).toEqual([]);
});

test('a key whose grant has just expired is no stray one', async () => {
  await authorizedTicket(replica.desk, application);
  // As when the clock of Redis is behind PostgreSQL's: the key still stands.
  const copy = {
    ...(JSON.parse((await redis.get(key))!) as TokenCopy),
    expires: new Date(Date.now() - 1).toISOString(),
  };
  await world.sql('update redeploy_grant set expires = ? where application_name = ?', [copy.expires, application]);
  await redis.set(key, JSON.stringify(copy));
  expect((await tokenOf(alice)).valid).toBe(false);
  expect(await redis.exists(key)).toBe(0);
  expect(await recordsOf(world, application, 'TOKEN_STRAY')).toEqual([]);
});

test('the same username under another subject or issuer has no right, and harms none', async () => {
  await authorizedTicket(replica.desk, application);
  const copy = await redis.get(key);
  for (const namesake of [
    { ...alice, subject: 'another' },
    { ...alice, issuer: 'https://elsewhere.test' },
  ]) {
    expect(await tokenOf(namesake)).toMatchObject({ valid: false, ticketNo: null });
    expect((await redeployBy(namesake)).code).toBe('TOKEN_INVALID');
  }
  expect(await redis.get(key)).toBe(copy);
  expect(await tokenOf({ ...alice, username: 'alice-now-married' })).toMatchObject({ valid: true });
});

test.each([
  ['expired', `expires = clock_timestamp()`, /^the token of ticket \w{8} expired at /],
  ['revoked', `revoked_at = clock_timestamp(), revoked_reason = 'incident over'`, /was revoked: incident over$/],
  ['used up', `uses = 1, max_uses = 1`, /is used up$/],
])('a token that is %s says so, to who looks and to who redeploys', async (_, change, words) => {
  await authorizedTicket(replica.desk, application);
  await world.sql(`update redeploy_grant set ${change} where application_name = ?`, [application]);
  expect(await tokenOf(alice)).toMatchObject({ valid: false, secondsRemaining: 0, desc: expect.stringMatching(words) });
  expect(await redeployBy(alice)).toMatchObject({ code: 'TOKEN_INVALID', message: expect.stringMatching(words) });
});

test('a running token serves on while a later one is approved but not issued yet', async () => {
  const { name } = await deployApplication(world, replica.desk, { replicas: 0 });
  application = name;
  const running = await authorizedTicket(replica.desk, name);
  const later = await authorizedTicket(replica.desk, name);
  await world.sql(`update ticket set status = 'APPROVED' where id = ?`, [later.id]);
  expect(await tokenOf(alice)).toMatchObject({ valid: true, ticketNo: running.ticketNo });
  const { ticket } = await redeploy(replica.desk, alice, { applicationName: name });
  expect(ticket.id).toBe(running.id);
  await world.sql(`update ticket set status = 'AUTHORIZED' where id = ?`, [later.id]);
  expect(await tokenOf(alice)).toMatchObject({ valid: true, ticketNo: later.ticketNo });
  expect(await recordsOf(world, name, 'TOKEN_RESTORE')).toEqual([]);
});

test("others' tokens are shown to approvers, auditors and admins only", async () => {
  await authorizedTicket(replica.desk, application);
  for (const actor of [carol, frank, person('grace', 'ADMIN')]) {
    expect((await tokenOf(actor, 'alice')).valid).toBe(true);
  }
  const bob = person('bob', 'APPLICATION_DEPLOYER');
  const hidden = await tokenOf(bob, 'alice');
  expect(hidden).toEqual({
    ...(await tokenOf(bob, 'nobody')),
    username: 'alice',
    desc: `alice has no token for ${application}`,
  });
});

test('while Redis is away no token is shown valid and nobody redeploys: UNAVAILABLE, and nothing changes', async () => {
  await authorizedTicket(replica.desk, application);
  const ownRedis = await startRedis();
  const cut = await world.openReplica({ follows: false, redisUrl: ownRedis.url });
  await ownRedis.stop();
  const before = await contentOf(world);
  for (const request of [
    () => findToken(cut.desk, alice, { applicationName: application, username: null }),
    () => redeploy(cut.desk, alice, { applicationName: application }),
  ]) {
    expect((await refusalOf(request())).code).toBe('UNAVAILABLE');
  }
  expect(await contentOf(world)).toEqual(before);
});
