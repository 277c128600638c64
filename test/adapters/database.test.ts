import { UniqueConstraintViolationException } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MikroORM, openDatabase } from '../../src/adapters/database/database.ts';
import { databaseFaults, migrate, schemaDrift } from '../../src/adapters/database/migrate.ts';
import { type AuditContent, AuditRecord, hashAuditRecord } from '../../src/domain/audit-record.ts';
import { rolloutStatuses, unfinishedStatuses } from '../../src/domain/rollout.ts';
import { recordFacts } from '../../src/operations/audit.ts';
import { storingRows } from '../../src/operations/stored-rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { at, newOperation } from '../support/entities.ts';
import { carol } from '../support/people.ts';

let database: TestDatabase;
let service: MikroORM;
let owner: MikroORM;
beforeAll(async () => {
  database = await createTestDatabase();
  service = openDatabase(database.serviceUrl, 2);
  owner = openDatabase(database.ownerUrl, 2);
});
afterAll(async () => {
  await service.close(true);
  await owner.close(true);
  await database.drop();
});

const serviceRole = () => decodeURIComponent(new URL(database.serviceUrl).username);
const asService = (sql: string, params: unknown[] = []) => service.em.fork().execute<object[]>(sql, params);
const asOwner = (sql: string, params: unknown[] = []) => owner.em.fork().execute<object[]>(sql, params);

test('what is labelled so is planned once per connection, whatever its values', async () => {
  const one = openDatabase(database.serviceUrl, 1);
  const ask = (text: string, params: unknown[], label?: string) =>
    one.em.fork().execute<object[]>(text, params, 'all', label === undefined ? undefined : { label });
  const text = 'select ?::int + ? as sum';
  expect(await ask(text, [1, 2], 'prepared')).toEqual([{ sum: 3 }]);
  expect(await ask(text, [3, 4], 'prepared')).toEqual([{ sum: 7 }]);
  expect(await ask(text, [5, 6])).toEqual([{ sum: 11 }]);
  await one.em.fork().transactional(async (em) => {
    expect(await em.execute(text, [7, 8], 'all', { label: 'prepared' })).toEqual([{ sum: 15 }]);
  });
  const prepared = 'select statement, generic_plans + custom_plans as times from pg_prepared_statements';
  expect(await ask(prepared, [])).toEqual([{ statement: 'select $1::int + $2 as sum', times: '3' }]);
  await one.close(true);
});

test('every statement beyond the first two hundred texts is carried out unprepared', async () => {
  const one = openDatabase(database.serviceUrl, 1);
  const em = one.em.fork();
  for (let number = 0; number < 203; number += 1) {
    const [row] = await em.execute<{ it: number }[]>(`select ?::int + ${number} as it`, [1], 'all', {
      label: 'prepared',
    });
    expect(row).toEqual({ it: number + 1 });
  }
  expect(await em.execute('select count(*)::int as count from pg_prepared_statements')).toEqual([{ count: 200 }]);
  await one.close(true);
});

describe('a transaction', () => {
  test('holds its first statement, with values beside it or without', async () => {
    const stored = () => asOwner('select operation_id from operation_event');
    const insert = `insert into operation_event (operation_id, sequence, status, at, state)
      values (gen_random_uuid(), ?, 'STARTED', now(), '{}')`;
    for (const log of [undefined, { label: 'prepared' }]) {
      const undone = service.em.fork().transactional(async (em) => {
        await em.execute(insert, [1], 'all', log);
        throw new Error('on second thoughts');
      });
      await expect(undone).rejects.toThrow('on second thoughts');
    }
    expect(await stored()).toEqual([]);
    await service.em.fork().transactional(async () => undefined);
  });

  test.for(['selec', 'select'])('whose first statement fails does nothing else: %s', async (sql) => {
    const swallowing = service.em.fork().transactional(async (em) => {
      await em.execute(`${sql} from nowhere`).catch(() => undefined);
      await em.execute(`insert into operation_event (operation_id, sequence, status, at, state)
        values (gen_random_uuid(), 1, 'STARTED', now(), '{}')`);
    });
    await expect(swallowing).rejects.toThrow(/selec|nowhere/);
    expect(await asOwner('select operation_id from operation_event')).toEqual([]);
  });
});

describe("the service's role", () => {
  const event = `insert into operation_event (operation_id, sequence, status, at, state)
    values ('0198d0a0-0000-7000-8000-00000000000a', 1, 'STARTED', now(), '{}')`;
  const record = `insert into audit_record (level, kind, at, message, data, hash)
    values ('SERVICE', 'REQUEST_REFUSE', now(), 'a message', '{}', 'a hash')`;

  test('inserts and reads the record and the events', async () => {
    await asService(record);
    await asService(event);
    expect(await asService(`select message from audit_record where hash = 'a hash'`)).toEqual([
      { message: 'a message' },
    ]);
    expect(await asService('select status from operation_event')).toEqual([{ status: 'STARTED' }]);
  });

  const forbidden = ['audit_record', 'audit_seal', 'operation_event'].flatMap((table) => [
    `update ${table} set at = now()`,
    `update ${table} set at = at where false`,
    `delete from ${table}`,
    `truncate ${table}`,
    `drop table ${table}`,
    `alter table ${table} disable trigger all`,
    `alter table ${table} owner to current_user`,
    `create rule silent as on insert to ${table} do instead nothing`,
    `create trigger silent before insert on ${table} for each row execute function suppress_redundant_updates_trigger()`,
    `grant update on ${table} to current_user`,
    `select * from ${table} for update`,
    `do $$ begin lock table ${table} in access exclusive mode; end $$`,
    `alter table ${table} add column more text`,
    `merge into ${table} t using (select 1) s on true when matched then delete`,
    `copy ${table} to '/tmp/${table}'`,
  ]);
  test.for([
    ...forbidden,
    `insert into operation_event select * from operation_event on conflict (operation_id, sequence) do update set at = now()`,
    `insert into mikro_orm_migrations (name) values ('forged')`,
    'update mikro_orm_migrations set name = name',
    'delete from mikro_orm_migrations',
    'truncate mikro_orm_migrations',
    'create table mine (id int)',
    "select setval('audit_record_id_seq', 1)",
    'alter sequence audit_record_id_seq restart',
    'drop schema public cascade',
    `insert into audit_record (id, level, kind, at, message, data, hash)
       values (0, 'SERVICE', 'REQUEST_REFUSE', now(), 'put in between', '{}', 'a hash')`,
    'set role cratos_owner',
    'set session authorization cratos_owner',
    'grant cratos_owner to current_user',
    'alter role current_user superuser',
    'set session_replication_role = replica',
  ])('is refused by PostgreSQL: %s', async (sql) => {
    const before = await asOwner('select * from audit_record');
    // Granting what one does not have on a table is answered with a warning alone.
    const refusal = await asService(sql).then(
      () => (sql.startsWith('grant update') ? '42501' : 'nothing was refused'),
      (error: Error & { code?: string }) => error.code,
    );
    expect(refusal).toBe('42501'); // insufficient_privilege
    expect(await asOwner('select * from audit_record')).toEqual(before);
    expect(await databaseFaults(service)).toEqual([]);
  });
});

describe('migrating', () => {
  test('leads to exactly the schema that the entities describe', async () => {
    expect((await schemaDrift(database.ownerUrl)).trim()).toBe('');
  });

  test('can be done twice', async () => {
    await migrate(database.ownerUrl, serviceRole());
    expect(await databaseFaults(service)).toEqual([]);
  });

  test('ends well where several services start together on an empty database', async () => {
    const bare = await createTestDatabase({ bare: true });
    await Promise.all([1, 2, 3].map(() => migrate(bare.ownerUrl, serviceRole())));
    const orm = openDatabase(bare.serviceUrl, 1);
    expect(await databaseFaults(orm)).toEqual([]);
    const names = await orm.em.fork().execute<{ name: string }[]>('select name from mikro_orm_migrations');
    expect(new Set(names.map(({ name }) => name)).size).toBe(names.length);
    expect((await schemaDrift(bare.ownerUrl)).trim()).toBe('');
    await orm.close(true);
    await bare.drop();
  });

  test('serves one role where owner and service are the same, and says that it should not', async () => {
    const bare = await createTestDatabase({ bare: true });
    await migrate(bare.ownerUrl, decodeURIComponent(new URL(bare.ownerUrl).username));
    const orm = openDatabase(bare.ownerUrl, 1);
    expect(await databaseFaults(orm)).toHaveLength(3);
    await orm.close(true);
    await bare.drop();
  });
});

describe('what stands in the way of serving', () => {
  test('is nothing in a migrated database with the right role', async () => {
    expect(await databaseFaults(service)).toEqual([]);
  });

  test('is a schema that is missing', async () => {
    const bare = await createTestDatabase({ bare: true });
    const orm = openDatabase(bare.serviceUrl, 1);
    expect(await databaseFaults(orm)).toEqual([
      expect.stringMatching(/^the database lacks \d+ migrations: npm run migrate, or set DATABASE_MIGRATION_URL/),
    ]);
    await orm.close(true);
    await bare.drop();
  });

  test('is a role that may alter the record', async () => {
    expect(await databaseFaults(owner)).toEqual([
      expect.stringMatching(/^DATABASE_URL's role may change or delete rows of audit_record:/),
      expect.stringMatching(/^DATABASE_URL's role may change or delete rows of audit_seal:/),
      expect.stringMatching(/^DATABASE_URL's role may change or delete rows of operation_event:/),
    ]);
  });

  test.for(['update', 'delete', 'truncate', 'trigger', 'update (message)'])(
    'is a role that was given %s',
    async (privilege) => {
      await asOwner(`grant ${privilege} on audit_record to ${serviceRole()}`);
      const faults = await databaseFaults(service);
      await asOwner(`revoke ${privilege} on audit_record from ${serviceRole()}`);
      expect(faults).toEqual([expect.stringContaining('audit_record')]);
    },
  );
});

describe('unfinished operations', () => {
  const store = async (...changes: Parameters<typeof newOperation>[0][]) => {
    const em = service.em.fork();
    for (const change of changes) newOperation(change, em);
    await em.flush();
  };
  const refused = async (work: Promise<void>) => {
    const error = await work.then(
      () => null,
      (refusal: unknown) => refusal,
    );
    if (error !== null && !(error instanceof UniqueConstraintViolationException)) throw error;
    return error?.message.match(/"(\w+_unique)"/)?.[1] ?? null;
  };

  const isUnfinished = (status: string) => unfinishedStatuses.some((unfinished) => unfinished === status);
  test.for(
    rolloutStatuses.map((status) => [status, isUnfinished(status) ? 'takes no other' : 'takes another'] as const),
  )('a target whose operation is %s %s', async ([rolloutStatus, answer]) => {
    const namespace = `of-${rolloutStatus.toLowerCase().replace('_', '-')}`;
    await store({ namespace, rolloutStatus });
    const second = await refused(store({ namespace, rolloutStatus: 'STARTED' }));
    expect(second).toBe(answer === 'takes no other' ? 'operation_unfinished_unique' : null);
  });

  test('another target takes one of its own', async () => {
    expect(await refused(store({ namespace: 'here' }, { namespace: 'there' }))).toBeNull();
  });

  test('two requests of one person under one id are one', async () => {
    await store({ namespace: 'first', requestId: 'r-1' });
    expect(await refused(store({ namespace: 'second', requestId: 'r-1' }))).toBe('operation_request_unique');
  });

  test('requests without an id are as many as they are', async () => {
    expect(await refused(store({ namespace: 'third' }, { namespace: 'fourth' }))).toBeNull();
  });
});

describe('an audit record read back from PostgreSQL', () => {
  const awkward = {
    'z before a': 1,
    a: { 2: 'two', 10: 'ten', é: 'é', e: 'e\u0301', '': 'empty key' },
    numbers: [0, -0, 1e21, 1e-7, 0.1, 123456789012345680000, Number.MAX_SAFE_INTEGER, 1.5e300],
    texts: ['"', '\\', '\u2028', '😀', ' ', '\n', '\u007f'],
    nothing: null,
    left: undefined,
    list: [[], {}, [null]],
  };

  test('has the hash that it was stored with, whatever its data', async () => {
    const em = service.em.fork();
    const fact = { kind: 'REQUEST_REFUSE', request: 'redeploy', code: 'FORBIDDEN', reason: 'no 😀', count: 1 } as const;
    const later = new Date(at.getTime() + 7);
    await storingRows(em, async () =>
      recordFacts(em, null, carol, later, { applicationName: 'awkward' }, [{ ...fact, ...awkward }]),
    );

    const record = await service.em.fork().findOneOrFail(AuditRecord, { applicationName: 'awkward' });
    const { id: _, hash, ...content } = Object.assign({}, record) as AuditContent & { id: unknown; hash: string };
    expect(hashAuditRecord(content)).toBe(hash);
    expect(hashAuditRecord({ ...content, message: `${content.message}.` })).not.toBe(hash);
  });
});
