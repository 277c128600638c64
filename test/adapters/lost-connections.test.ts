import { randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../../src/adapters/database/database.ts';
import { recordFacts } from '../../src/operations/audit.ts';
import { inTransaction, reading } from '../../src/operations/transaction.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { refusalOf } from '../support/outcomes.ts';
import { Relay } from '../support/relay.ts';
import { until } from '../support/wait.ts';

let database: TestDatabase;
let relay: Relay;
let orm: MikroORM;
beforeAll(async () => {
  database = await createTestDatabase();
  relay = await Relay.to(database.serviceUrl);
});
beforeEach(() => {
  const throughRelay = Object.assign(new URL(database.serviceUrl), { port: String(relay.port) }).toString();
  orm = openDatabase(throughRelay, 1, 500);
});
afterEach(() => orm.close(true));
afterAll(async () => {
  await relay.close();
  await database.drop();
});

const loseConnection = `select pg_terminate_backend(pg_backend_pid())`;
const log = pino({ level: 'silent' });
const ticketChanges = {
  publish: async () => undefined,
  subscribe: async () => () => undefined,
  onResume: () => () => undefined,
};
const one = () => reading({ orm }, (em) => em.execute('select 1 as one'));
const untilServing = () => until('the pool serves again', () => one().catch(() => false));

test('a connection that is lost in the middle of a transaction is not missing in the pool', async () => {
  for (let i = 0; i < 3; i += 1) {
    const lost = inTransaction({ orm, ticketChanges, log }, (em) => em.execute(loseConnection));
    expect((await refusalOf(lost)).code).toBe('UNAVAILABLE');
    await untilServing();
  }
});

test('nor is one that is lost while it reads', async () => {
  expect((await refusalOf(reading({ orm }, (em) => em.execute(loseConnection)))).code).toBe('UNAVAILABLE');
  await untilServing();
});

test.each([
  ['a read', () => one()],
  ['a transaction', () => inTransaction({ orm, ticketChanges, log }, (em) => em.execute('select 1'))],
])('%s over a connection that has gone silent is UNAVAILABLE, and the next one has another', async (_, work) => {
  await one();
  relay.freeze();
  expect(await refusalOf(work())).toMatchObject({ code: 'UNAVAILABLE' });
  await one();
});

test('one that goes silent in the middle of a transaction changes nothing', async () => {
  const lost = inTransaction({ orm, ticketChanges, log }, async (em) => {
    relay.freeze();
    await em.execute('select 1');
  });
  const { code, message } = await refusalOf(lost);
  expect({ code, message }).toEqual({
    code: 'UNAVAILABLE',
    message: 'the database is away; nothing was changed',
  });
  await one();
});

test('one whose connection was lost before its last statement was sent changes nothing, and says so', async () => {
  const lost = inTransaction({ orm, ticketChanges, log }, async (em) => {
    await em.execute('select 1');
    relay.cut();
    await until('it is gone', () => relay.open === 0);
    recordFacts(em, null, null, new Date(), {}, [
      { kind: 'AUDIT_EXPORT_END', exportId: '', rows: 0, lastId: null, isComplete: true },
    ]);
  });
  expect((await refusalOf(lost)).message).toBe('the database is away; nothing was changed');
});

test('a connection that nobody uses for a while is no fault', async () => {
  await one();
  await until('it is gone', () => relay.open === 0);
  expect(await one()).toEqual([{ one: 1 }]);
});

test.each<[string, lose: () => void, stored: number]>([
  ['carried out, and its answer lost,', () => relay.mute(), 1],
  ['lost', () => relay.freeze(), 0],
  ['cut off', () => relay.cut(), 0],
])('nobody is told that nothing was changed where COMMIT was %s', async (_, lose, stored) => {
  const hash = randomUUID();
  const lost = inTransaction({ orm, ticketChanges, log }, async (em) => {
    await em.execute(
      `insert into audit_record (level, kind, at, message, data, hash)
       values ('SERVICE', 'REQUEST_REFUSE', now(), 'a message', '{}', ?)`,
      [hash],
    );
    lose();
  });
  const { code, message, details } = await refusalOf(lost);
  expect(code).toBe('UNAVAILABLE');
  expect(message).toMatch(/whether it was stored is not known$/);
  expect(details.advice).toMatch(/requestId/);
  const read = () => reading({ orm }, (em) => em.execute('select 1 from audit_record where hash = ?', [hash]));
  expect(await read()).toHaveLength(stored);
});
