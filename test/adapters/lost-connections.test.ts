import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../src/adapters/database/database.ts';
import { inTransaction, reading } from '../../src/operations/transaction.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { refusalOf } from '../support/outcomes.ts';
import { until } from '../support/wait.ts';

let database: TestDatabase;
let orm: MikroORM;
beforeAll(async () => {
  database = await createTestDatabase();
  orm = openDatabase(database.serviceUrl, 1);
});
afterAll(async () => {
  await orm.close(true);
  await database.drop();
});

const loseConnection = `select pg_terminate_backend(pg_backend_pid())`;
const ticketChanges = {
  publish: async () => undefined,
  subscribe: async () => () => undefined,
  onResume: () => () => undefined,
};
const one = () => reading({ orm }, (em) => em.execute('select 1 as one'));

test('a connection that is lost in the middle of a transaction is not missing in the pool', async () => {
  for (let i = 0; i < 3; i += 1) {
    const lost = inTransaction({ orm, ticketChanges }, (em) => em.execute(loseConnection));
    expect((await refusalOf(lost)).code).toBe('UNAVAILABLE');
    await until('the pool serves again', () => one().catch(() => false));
  }
});

test('nor is one that is lost while it reads', async () => {
  expect((await refusalOf(reading({ orm }, (em) => em.execute(loseConnection)))).code).toBe('UNAVAILABLE');
  await until('the pool serves again', () => one().catch(() => false));
});
