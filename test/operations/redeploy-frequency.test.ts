import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RedeployType } from '../../src/domain/operation.ts';
import {
  type RecentRedeploys,
  recentRedeploysInSql,
  recentRedeploysParams,
  requireFrequencyAllows,
} from '../../src/operations/redeploy-frequency.ts';
import { execute } from '../../src/operations/rows.ts';
import { databaseNow, reading } from '../../src/operations/transaction.ts';
import { alice, openTestWorld, person, type Replica, type TestWorld } from '../support/desk.ts';
import { newOperation } from '../support/entities.ts';
import { codesOf, refusalOf } from '../support/outcomes.ts';

let world: TestWorld;
let replica: Replica;
let now: Date;
beforeAll(async () => {
  world = await openTestWorld();
  replica = await world.openReplica({ follows: false });
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.sql('delete from operation');
  now = await reading(replica.desk, databaseNow);
});

const bob = person('bob', 'APPLICATION_DEPLOYER');
const namesake = { ...alice, issuer: 'https://elsewhere.test' };
const limits = {
  redeploysPerMinute: 2,
  redeploysPerHour: 4,
  redeploysPerUserPerMinute: 3,
  redeploysPerUserPerHour: 5,
};

type Past = { of?: string; by?: typeof alice; type?: RedeployType; success?: boolean | null };
/** One that was started so many seconds ago. */
async function started(seconds: number, { of = 'web', by = alice, type = 'RESTART', success = true }: Past = {}) {
  const { issuer, subject } = by;
  const operationStartTime = new Date(now.getTime() - seconds * 1000);
  const rolloutStatus = success === null ? 'STARTED' : success ? 'COMPLETED' : 'FAILED';
  const past = { applicationName: of, issuer, subject, operationStartTime, type, success, rolloutStatus } as const;
  const em = replica.desk.orm.em.fork();
  newOperation(past, em);
  await em.flush();
}
const ask = (of = 'web', rollbackTo: { revision: number | null } | null = null, by = alice) =>
  reading(replica.desk, async (em) => {
    const request = { applicationName: of, rollbackTo };
    const text = `select ${recentRedeploysInSql}`;
    const [recent] = await execute<RecentRedeploys>(em, text, recentRedeploysParams(limits, by, request));
    requireFrequencyAllows(limits, by, request, recent!, now);
  });
const secondsToWait = async (of?: string, rollbackTo?: { revision: null } | null, by?: typeof alice) => {
  const refusal = await refusalOf(ask(of, rollbackTo, by));
  expect(refusal.code).toBe('TOO_MANY_REQUESTS');
  return [refusal.message, refusal.details.retryAfterSeconds];
};

test('an application is redeployed so often a minute, whoever asks', async () => {
  await started(40);
  await ask();
  await started(10, { by: bob });
  expect(await secondsToWait()).toEqual(['web may be redeployed 2 times a minute', 20]);
  await ask('other');
});

test('and so often an hour', async () => {
  for (const seconds of [3599, 2000, 1000, 500]) await started(seconds, { by: bob });
  expect(await secondsToWait()).toEqual(['web may be redeployed 4 times an hour', 1]);
});

test('a person redeploys so often a minute, whatever it is', async () => {
  for (const [i, of] of ['a', 'b', 'c'].entries()) await started(50 - i, { of });
  expect(await secondsToWait('d')).toEqual(['alice may redeploy 3 times a minute', 10]);
  await ask('d', null, bob);
  await ask('d', null, namesake);
});

test('and so often an hour', async () => {
  for (const [i, of] of ['a', 'b', 'c', 'd', 'e'].entries()) await started(3000 - i, { of });
  expect(await secondsToWait('f')).toEqual(['alice may redeploy 5 times an hour', 600]);
  expect(await secondsToWait('f', undefined, { ...alice, username: 'alice2' })).toMatchObject([{}, 600]);
});

test('of several limits the one that lets go last tells how long to wait', async () => {
  await started(40);
  await started(5);
  await started(4, { of: 'other' });
  expect(await secondsToWait()).toEqual(['web may be redeployed 2 times a minute', 20]);
  await started(3, { of: 'third' });
  expect(await secondsToWait()).toEqual(['alice may redeploy 3 times a minute', 55]);
});

test('what leaves the window to the millisecond counts no more', async () => {
  await started(60);
  await started(0.001);
  expect(await codesOf([ask()])).toEqual([null]);
  await started(59.999);
  expect(await secondsToWait()).toMatchObject([{}, 1]);
});

test.for<[rule: string, last: Past, isOpen: boolean]>([
  ['that failed is open', { success: false }, true],
  ['that is under way is open', { success: null }, true],
  ['that came up is not', { success: true }, false],
  ['that is a rollback under way is not', { success: null, type: 'ROLLBACK' }, false],
  ['that is a rollback that failed is open', { success: false, type: 'ROLLBACK' }, true],
])('the way back from a redeploy %s, whatever limit is reached', async ([, last, isOpen]) => {
  for (const of of ['a', 'b', 'c', 'd', 'e']) await started(30, { of });
  await started(2);
  await started(1, last);
  expect(await codesOf([ask('web', { revision: null })])).toEqual([isOpen ? null : 'TOO_MANY_REQUESTS']);
  expect(await codesOf([ask('web')])).toEqual(['TOO_MANY_REQUESTS']);
});
