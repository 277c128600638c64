import type { EntityManager } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type MikroORM, openDatabase } from '../../src/adapters/database/database.ts';
import { ask, askTogether, execute, executeLast, type Question } from '../../src/operations/rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { Relay } from '../support/relay.ts';
import { until } from '../support/wait.ts';

let database: TestDatabase;
let relay: Relay;
let orm: MikroORM;
let owner: MikroORM;
beforeAll(async () => {
  database = await createTestDatabase();
  relay = await Relay.to(database.ownerUrl);
  orm = openDatabase(Object.assign(new URL(database.ownerUrl), { port: String(relay.port) }).toString(), 1);
  owner = openDatabase(database.ownerUrl, 2);
  await asOwner('create table kept (id int primary key deferrable initially deferred, word text not null)');
});
beforeEach(() => asOwner(`truncate kept; insert into kept values (1, 'first')`));
afterAll(async () => {
  await orm.close(true);
  await owner.close(true);
  await relay.close();
  await database.drop();
});

const asOwner = (sql: string) => owner.em.fork().execute<object[]>(sql);
const kept = () => asOwner('select id, word from kept order by id');

const lock: Question<void> = { text: 'select pg_advisory_xact_lock(?)', params: [1], read: () => undefined };
const word: Question<string> = {
  text: 'select word from kept where id = ?',
  params: [1],
  read: ([row]: { word: string }[]) => row!.word,
};
const inTransaction = <T>(work: (em: EntityManager) => Promise<T>) => orm.em.fork().transactional(work);
const bounds = `set local lock_timeout = '5s'`;
const insert = 'insert into kept (id, word) values (?::int, ?)';

test('a transaction that locks, reads and stores waits for PostgreSQL twice', async () => {
  await ask(orm.em.fork(), word); // connects
  const before = relay.turns;
  const read = await inTransaction(async (em) => {
    await em.execute(bounds);
    const [, read] = await askTogether(em, lock, word);
    await executeLast(em, insert, ['2', 'second']);
    return read;
  });
  expect(relay.turns - before).toBe(2);
  expect(read).toBe('first');
  expect(await kept()).toEqual([
    { id: 1, word: 'first' },
    { id: 2, word: 'second' },
  ]);
});

test('what is asked behind a lock sees what was stored by whoever held it', async () => {
  const isHeld = Promise.withResolvers<void>();
  const isAsking = Promise.withResolvers<void>();
  const holding = owner.em.fork().transactional(async (em) => {
    await ask(em, lock);
    isHeld.resolve();
    await isAsking.promise;
    await em.execute(`update kept set word = 'changed' where id = 1`);
  });
  await isHeld.promise;
  const asking = inTransaction((em) => askTogether(em, lock, word));
  const waiting = `select pid from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`;
  await until('it waits for the lock', async () => (await asOwner(waiting)).length === 1);
  isAsking.resolve();
  expect((await asking)[1]).toBe('changed');
  await holding;
});

test('what is set for a transaction holds in it and no longer', async () => {
  const timeout: Question<string> = {
    text: 'select current_setting(?) as it',
    params: ['lock_timeout'],
    read: ([row]: { it: string }[]) => row!.it,
  };
  const within = await inTransaction(async (em) => {
    await em.execute(bounds);
    return ask(em, timeout);
  });
  expect([within, await ask(orm.em.fork(), timeout)]).toEqual(['5s', '0']);
});

test('of statements that are asked together the first that fails is told, and nothing after it is done', async () => {
  const wrong: Question<void> = { text: 'select 1 / ?::int', params: [0], read: () => undefined };
  const failing = inTransaction(async (em) => {
    await askTogether(em, lock, wrong, word);
    await execute(em, insert, [2, 'second']);
  });
  await expect(failing).rejects.toThrow('division by zero');
  const swallowing = inTransaction(async (em) => {
    await askTogether(em, wrong, word).catch(() => undefined);
    await executeLast(em, insert, ['2', 'second']);
  });
  await expect(swallowing).rejects.toThrow('division by zero');
  expect(await kept()).toEqual([{ id: 1, word: 'first' }]);
});

test('a failure that nobody minds is no commit, whichever statement it was', async () => {
  const swallowing = inTransaction(async (em) => {
    await execute(em, insert, [2, 'second']);
    await execute(em, insert, [3, null]).catch(() => undefined);
  });
  await expect(swallowing).rejects.toThrow('null value');
  expect(await kept()).toEqual([{ id: 1, word: 'first' }]);
});

test.for([
  { what: 'the last statement', id: '2', last: null, why: 'null value' },
  { what: 'COMMIT', id: '1', last: 'another', why: 'duplicate key' },
])(
  'where $what fails nothing of the transaction is stored, and the connection serves on',
  async ({ id, last, why }) => {
    const failing = inTransaction(async (em) => {
      await execute(em, insert, [3, 'third']);
      await executeLast(em, insert, [id, last as string]);
    });
    await expect(failing).rejects.toThrow(why);
    expect(await kept()).toEqual([{ id: 1, word: 'first' }]);
    await inTransaction((em) => executeLast(em, insert, ['2', 'second']));
    expect(await kept()).toHaveLength(2);
  },
);

test('a last statement whose failure nobody minds is no commit', async () => {
  const swallowing = inTransaction((em) => executeLast(em, insert, ['2', null as never]).catch(() => undefined));
  await expect(swallowing).rejects.toThrow('null value');
  expect(await kept()).toEqual([{ id: 1, word: 'first' }]);
});

test('nothing is carried out behind a COMMIT, as if it belonged to the transaction', async () => {
  const late = inTransaction(async (em) => {
    await executeLast(em, insert, ['2', 'second']);
    await execute(em, insert, [3, 'third']);
  });
  await expect(late).rejects.toThrow('the transaction has been committed');
  expect(await kept()).toHaveLength(2);
});
