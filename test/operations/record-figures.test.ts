import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Figures, RecordFigures } from '../../src/operations/record-figures.ts';
import { secondsBounds, type Series } from '../../src/operations/record-sums.ts';
import { PastTickets } from '../support/past-tickets.ts';
import { until } from '../support/wait.ts';

let past: PastTickets;
beforeAll(async () => {
  past = await PastTickets.open();
});
afterAll(() => past.close());
beforeEach(() => past.clear());

/** Another replica's: every look is a new one. */
const replica = () => new RecordFigures(past, { freshMs: 0, newest: 0 });
const read = () => replica().read();
/** One that keeps what is closed in sums. */
async function closedReplica(): Promise<RecordFigures> {
  const figures = replica();
  const [last] = await past.sql<{ id: number }>('select max(id) as id from ticket');
  // Whatever runs in other databases of the server is waited for as well.
  await until('it is kept', async () => (await figures.read()) && figures.closedThrough === last!.id);
  return figures;
}

/** Each sum with its labels' values, in no order. */
const told = (several: readonly Series[], places = 1) =>
  Object.fromEntries(
    several.map(({ labels, values }) => [Object.values(labels).sort().join(' '), values.slice(0, places)]),
  );
const sums = ({ entries, rights, expiries, endings, successes }: Figures) =>
  Object.fromEntries(
    Object.entries({ entries, rights, expiries, endings, successes }).map(([name, several]) => [
      name,
      told(several, 99),
    ]),
  );

const inProduction = { env: 'production', critical: 'true' };

test('tickets are counted by application, requester and the tag env, with what became of their tokens', async () => {
  await past.add({ tags: inProduction });
  await past.add({ tags: inProduction, status: 'FAILED', success: false });
  await past.add({ tags: { team: 'web' }, username: 'bob', status: 'PENDING_APPROVAL', success: null });
  expect(told((await read()).entries, 3)).toEqual({ 'alice production web': [2, 1, 1], ' bob web': [1, 0, 0] });
});

test('a right to redeploy is known for each namespace from when its token is issued', async () => {
  await past.add({ namespaces: ['blue', 'green'] });
  await past.add({ application: 'api', status: 'PENDING_APPROVAL', success: null });
  await past.add({ application: 'late', status: 'FAILED', success: false });
  expect(Object.keys(told((await read()).rights)).sort()).toEqual(['alice blue web', 'alice green web']);
});

test('operations are counted as they end: timed out ones as failed, superseded ones for themselves, running ones not yet', async () => {
  const statuses = ['COMPLETED', 'COMPLETED', 'FAILED', 'TIMED_OUT', 'SUPERSEDED'];
  await past.add({ operations: statuses.map((status) => ({ status })) });
  await past.add({ status: 'REDEPLOYING', ended: null, operations: [{ status: 'PROGRESSING', tookSeconds: null }] });
  expect(told((await read()).endings)).toEqual({
    'RollingUpdate alice production success web': [2],
    'RollingUpdate alice failed production web': [2],
    'RollingUpdate alice production superseded web': [1],
  });
});

test('seconds are counted up to each bound, the bound included', async () => {
  const took = [5, 5.001, 600, 601, 4000];
  await past.add({ operations: took.map((tookSeconds) => ({ tookSeconds, rolledOutSeconds: 20 })) });
  const [{ values } = { values: [] }] = (await read()).endings;
  const places = secondsBounds.length + 2;
  expect(values.slice(0, 2)).toEqual([5, 5211.001]);
  const upTo = (bound: number) => values[2 + secondsBounds.indexOf(bound as 5)];
  expect([upTo(5), upTo(10), upTo(450), upTo(600), upTo(900), upTo(3600)]).toEqual([1, 2, 2, 3, 4, 4]);
  expect(values.slice(places, places + 2)).toEqual([5, 100]);
  expect(values[places + 2 + secondsBounds.indexOf(20)]).toBe(5);
});

test('what never rolled out has no rollout duration', async () => {
  await past.add({ operations: [{ status: 'FAILED', rolledOutSeconds: null }] });
  const [{ values } = { values: [] }] = (await read()).endings;
  expect(values.slice(secondsBounds.length + 2)).toEqual([0, 0, ...secondsBounds.map(() => 0)]);
});

test('a token has expired where nothing ended it before its time was over', async () => {
  await past.add({ expires: -60, ended: -60 });
  await past.add({ expires: -60, ended: -10 }); // revoked when it was over already: it does not come back
  await past.add({ expires: 60, ended: -10 });
  await past.add({ status: 'AUTHORIZED', expires: -1, ended: null });
  expect(told((await read()).expiries)).toEqual({ 'alice web': [2] });
});

test('active tokens are those that are valid now', async () => {
  await past.add({ status: 'AUTHORIZED', expires: 60, ended: null });
  await past.add({ status: 'AUTHORIZED', expires: -1, ended: null });
  await past.add({ expires: 60, ended: -1 });
  expect((await read()).activeTokens).toBe(1);
});

test('successes are counted among what ended within an hour, a day and a week; superseded operations do not count', async () => {
  const hours = (endedHoursAgo: number, status = 'COMPLETED') => ({ status, endedSecondsAgo: endedHoursAgo * 3600 });
  await past.add({ operations: [hours(0.5), hours(0.6, 'TIMED_OUT'), hours(0.7, 'SUPERSEDED'), hours(2), hours(30)] });
  await past.add({ application: 'api', operations: [hours(200)] });
  expect(told((await read()).successes, 2)).toEqual({ '1h web': [1, 2], '24h web': [2, 3], '7d web': [3, 4] });
});

test('the outbox is told with the age of its oldest message', async () => {
  const add = `insert into outbox (ticket_id, notification_id, notification, created_at, ended_at)
    values (1, ?, '{}', now() - ? * interval '1 minute', ?::timestamptz)`;
  await past.sql(add, ['a', 30, '2026-01-01']);
  expect((await read()).outbox).toEqual({ waiting: 0, oldestSeconds: 0 });
  await past.sql(add, ['b', 10, null]);
  await past.sql(add, ['c', 5, null]);
  const { waiting, oldestSeconds } = (await read()).outbox;
  expect([waiting, Math.floor(oldestSeconds / 60)]).toEqual([2, 10]);
});

test('a replica that has counted for long and one that was just started answer the same', async () => {
  const old = replica();
  for (const status of ['COMPLETED', 'FAILED', 'TIMED_OUT']) {
    await past.add({ operations: [{ status }] });
    await old.read();
    await past.add({ status: 'AUTHORIZED', expires: 60, ended: null, username: 'bob', operations: [{ status }] });
    await old.read();
  }
  expect(sums(await old.read())).toEqual(sums(await read()));
});

test('a ticket that is closed for good is read once', async () => {
  const id = await past.add({ operations: [{}] });
  const old = await closedReplica();
  await past.sql(`update operation set username = 'mallory' where ticket_id = ?`, [id]);
  expect(told((await read()).endings)).toHaveProperty(['RollingUpdate mallory production success web']);
  expect(told((await old.read()).endings)).toEqual({ 'RollingUpdate alice production success web': [1] });
});

test('what is closed later is kept as well', async () => {
  await past.add();
  const old = await closedReplica();
  const id = await past.add({ username: 'bob' });
  await until('it is kept', async () => (await old.read()) && old.closedThrough === id);
  await past.sql(`update ticket_entry set application_name = 'api'`);
  expect(told((await old.read()).entries)).toEqual({ ' alice web': [1], ' bob web': [1] });
});

test('the newest tickets are always read anew', async () => {
  const figures = new RecordFigures(past, { freshMs: 0, newest: 2 });
  for (const username of ['alice', 'bob', 'carol']) await past.add({ username });
  await until('the first is kept', async () => (await figures.read()) && figures.closedThrough === 1);
  await past.sql(`update ticket_entry set application_name = 'api'`);
  expect(told((await figures.read()).entries)).toEqual({ ' alice web': [1], ' api bob': [1], ' api carol': [1] });
});

test.for([
  ['is pending', { status: 'PENDING_APPROVAL', success: null }],
  ['has a live token', { status: 'AUTHORIZED', expires: 60, ended: null }],
  ['is completed, but whose token is not known to have expired', { expires: -1, ended: null }],
])('a ticket that %s is read again and again', async ([, ticket]) => {
  const id = await past.add(ticket as object);
  await past.add({ username: 'carol' });
  const old = await closedReplica();
  await past.sql(`update ticket_entry set application_name = 'api' where ticket_id = ?`, [id]);
  await past.sql(`update ticket set status = 'COMPLETED' where id = ?`, [id]);
  await past.sql('update redeploy_grant set ended_at = expires where ticket_id = ?', [id]);
  for (const _ of ['while it is open', 'when it is closed', 'from the sums']) {
    expect(told((await old.read()).entries)).toEqual({ ' alice api': [1], ' carol web': [1] });
  }
  expect(sums(await old.read())).toEqual(sums(await read()));
});

test('a ticket that becomes visible after later ones is counted all the same', async () => {
  const old = replica();
  const isOpen = Promise.withResolvers<void>();
  const mayCommit = Promise.withResolvers<void>();
  const late = past.orm.em.fork().transactional(async (em) => {
    await past.add({ username: 'early' }, (text, params = []) => em.execute(text, params));
    isOpen.resolve();
    await mayCommit.promise;
  });
  await isOpen.promise;
  await past.add({ username: 'later' });
  for (const _ of ['marked', 'looked at', 'looked at again']) await old.read();
  expect(told((await old.read()).entries)).toEqual({ ' later web': [1] });
  mayCommit.resolve();
  await late;
  for (const _ of ['seen', 'closed', 'from the sums']) {
    expect(told((await old.read()).entries)).toEqual({ ' early web': [1], ' later web': [1] });
  }
});

test('one answer serves all who ask within a few seconds', async () => {
  const figures = new RecordFigures(past);
  const [one, other] = await Promise.all([figures.read(), figures.read()]);
  await past.add();
  expect(other).toBe(one);
  expect(await figures.read()).toBe(one);
});

test('a read that fails leaves the sums as they were', async () => {
  await past.add();
  const old = await closedReplica();
  await past.add({ application: 'api' });
  await past.sql('alter table operation rename to elsewhere');
  await expect(old.read()).rejects.toThrow('does not exist');
  await past.sql('alter table elsewhere rename to operation');
  expect(told((await old.read()).entries)).toEqual({ ' alice api': [1], ' alice web': [1] });
});
