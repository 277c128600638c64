import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { tokenKey } from '../../src/adapters/redis/redis-tokens.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { lostCopiesSweep } from '../../src/operations/token-copies.ts';
import { findToken } from '../../src/operations/tokens.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import {
  alice,
  authorizedTicket,
  openTestWorld,
  registeredApplication,
  type Replica,
  type TestWorld,
} from '../support/desk.ts';
import { recordsOf, refusalOf } from '../support/outcomes.ts';

let world: TestWorld;
let own: Awaited<ReturnType<typeof startRedis>>;
let replicas: Replica[];
let redis: Redis;
let application: string;
let key: string;
beforeAll(async () => {
  world = await openTestWorld();
  own = await startRedis(); // it is emptied
  const options = { follows: false, redisUrl: own.url };
  replicas = [await world.openReplica(options), await world.openReplica(options)];
  redis = new Redis(own.url);
});
beforeEach(async () => {
  await world.sql(`update redeploy_grant set ended_at = clock_timestamp(), revoked_at = clock_timestamp()`);
  await redis.flushall();
  application = await registeredApplication(replicas[0]!.desk);
  key = tokenKey('alice', application);
});
afterAll(async () => {
  redis.disconnect();
  await world.close();
  await own.stop();
});

const restored = () => recordsOf(world, application, 'TOKEN_RESTORE');
const look = (replica: Replica) => findToken(replica.desk, alice, { applicationName: application, username: null });
const everything = async () => {
  const keys = (await redis.keys('*')).toSorted();
  return Promise.all(keys.map(async (name) => [name, await redis.get(name), await redis.pexpiretime(name)]));
};

test('a Redis that was emptied gets every key back from the grants, though nobody asks, and that is recorded', async () => {
  const [{ desk }] = replicas as [Replica];
  const others = [await registeredApplication(desk), await registeredApplication(desk)];
  await authorizedTicket(desk, application, ...others);
  const before = await everything();
  expect(before).toHaveLength(3);
  await redis.flushall();
  await Promise.all(replicas.map((replica) => lostCopiesSweep()(replica.desk)));
  expect(await everything()).toEqual(before);
  for (const name of [application, ...others]) {
    expect(await recordsOf(world, name, 'TOKEN_RESTORE')).toMatchObject([{ kind: 'TOKEN_RESTORE', username: null }]);
  }
  await lostCopiesSweep()(desk);
  expect(await restored()).toHaveLength(1);
});

test('what has ended does not come back', async () => {
  const [{ desk }] = replicas as [Replica];
  await authorizedTicket(desk, application);
  await redis.flushall();
  await world.sql('update redeploy_grant set expires = clock_timestamp() where application_name = ?', [application]);
  await lostCopiesSweep()(desk);
  expect(await everything()).toEqual([]);
  expect(await restored()).toEqual([]);
});

test('nor does what has not been issued yet', async () => {
  const [{ desk }] = replicas as [Replica];
  const { id } = await authorizedTicket(desk, application);
  await redis.flushall();
  await world.sql(`update ticket set status = 'APPROVED' where id = ?`, [id]);
  await lostCopiesSweep()(desk);
  expect(await everything()).toEqual([]);
});

test('of many who miss the same key at once one records it', async () => {
  await authorizedTicket(replicas[0]!.desk, application);
  await redis.del(key);
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => look(replicas[i % 2]!)));
  expect(answers.map(({ valid }) => valid)).toEqual(answers.map(() => true));
  expect(await restored()).toHaveLength(1);
  await world.sql(
    `update audit_record set at = at - interval '3 seconds' where application_name = ? and kind = 'TOKEN_RESTORE'`,
    [application],
  );
  await redis.del(key);
  await look(replicas[0]!);
  expect(await restored()).toHaveLength(2);
});

test('without the record nothing is done: no key comes back, and none is deleted', async () => {
  const stray = tokenKey('alice', await registeredApplication(replicas[0]!.desk));
  await authorizedTicket(replicas[0]!.desk, application);
  await redis.del(key);
  await redis.set(stray, 'not JSON');
  const role = new URL(world.database.serviceUrl).username;
  await world.sql(`revoke insert on audit_record from ${role}`);
  try {
    const strayName = stray.split(':').at(-1)!;
    for (const request of [
      () => look(replicas[0]!),
      () => redeploy(replicas[0]!.desk, alice, { applicationName: application }),
      () => redeploy(replicas[0]!.desk, alice, { applicationName: strayName }),
      () => lostCopiesSweep()(replicas[0]!.desk),
    ]) {
      await expect(request()).rejects.toThrow(/permission denied for table audit_record/);
    }
    expect([await redis.exists(key), await redis.exists(stray)]).toEqual([0, 1]);
  } finally {
    await world.sql(`grant insert on audit_record to ${role}`);
  }
  expect((await look(replicas[0]!)).valid).toBe(true);
  expect(
    await refusalOf(redeploy(replicas[0]!.desk, alice, { applicationName: stray.split(':').at(-1)! })),
  ).toMatchObject({
    code: 'TOKEN_INVALID',
  });
  expect([await redis.exists(key), await redis.exists(stray)]).toEqual([1, 0]);
});
