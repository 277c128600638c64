import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Migration } from '@mikro-orm/migrations';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type MikroORM, openDatabase } from '../../src/adapters/database/database.ts';
import { databaseFaults, migrate, migrationsList } from '../../src/adapters/database/migrate.ts';
import { createTestDatabase, ownLocks, type TestDatabase } from '../support/database.ts';
import { newOperation } from '../support/entities.ts';
import { until } from '../support/wait.ts';

const folder = join(import.meta.dirname, '../../src/adapters/database/migrations');
const files = (await readdir(folder)).toSorted();
const statementsOf = (sql: string): string[] =>
  sql
    .split(';')
    .map((statement) => statement.replace(/\s+/g, ' ').trim().toLowerCase())
    .filter((statement) => statement !== '');

/** What a migration says that the version before it could not live with, or that locks a table for long. */
function unsafe(code: string): string[] {
  const sql = Array.from(code.matchAll(/addSql\(\s*[`'"]([\s\S]*?)[`'"],?\s*\)/g), ([, text]) => text!).join(';');
  const statements = statementsOf(sql);
  const created = statements.flatMap((one) => /^create table (?:if not exists )?("?\w+"?)/.exec(one)?.[1] ?? []);
  return statements.filter((statement) => {
    const table = /^(?:alter table(?: if exists)?|create(?: unique)? index .*? on) ("?\w+"?)/.exec(statement)?.[1];
    if (table !== undefined && created.includes(table)) return false;
    return (
      /^(drop (table|schema|sequence|type)|truncate|delete|update|lock|cluster|vacuum full|reindex)\b/.test(
        statement,
      ) ||
      /\b(drop column|rename|set not null|set data type|alter column "?\w+"? type)\b/.test(statement) ||
      /^create( unique)? index (?!concurrently)/.test(statement) ||
      /\badd constraint\b(?!.*\bnot valid\b)/.test(statement) ||
      /\badd column\b[^,]*\bnot null\b(?![^,]*\bdefault\b)/.test(statement) ||
      /\badd column\b[^,]*\bdefault (clock_timestamp|random|gen_random_uuid|nextval)\b/.test(statement)
    );
  });
}

/** Made before there was anything in a database that was worth an index without a lock. */
const beforeAnyData = files.filter((file) => file < 'migration-20261123170000');

describe('a migration is safe while the version before it still runs', () => {
  test.for(files.filter((file) => !beforeAnyData.includes(file)))('%s', async (file) => {
    expect(unsafe(await readFile(join(folder, file), 'utf8'))).toEqual([]);
  });

  test.for(beforeAnyData.slice(1))('%s: but for its indexes', async (file) => {
    const found = unsafe(await readFile(join(folder, file), 'utf8'));
    expect(found.filter((statement) => !/^create( unique)? index/.test(statement))).toEqual([]);
  });

  test.for([
    'drop table "ticket"',
    'alter table "ticket" drop column "reason"',
    'alter table "ticket" rename column "reason" to "why"',
    'alter table "ticket" rename to "tickets"',
    'alter table "ticket" alter column "reason" type varchar(9)',
    'alter table "ticket" alter column "summary" set not null',
    'alter table "ticket" add column "a" int not null',
    'alter table "ticket" add column "a" int not null default 0, add column "b" text not null',
    `alter table "ticket" add column "a" uuid not null default gen_random_uuid()`,
    'alter table "ticket" add constraint "c" check (id > 0)',
    'create index "i" on "audit_record" ("at")',
    'create unique index "i" on "ticket" ("reason")',
    'update "ticket" set reason = 1',
  ])('what is refused: %s', (sql) => {
    expect(unsafe(`this.addSql(\`${sql};\`)`)).toHaveLength(1);
  });

  test.for([
    'create table "new" ("id" int primary key); create index "i" on "new" ("id"); alter table "new" add constraint "c" unique ("id")',
    'alter table "ticket" add column "a" int null, add column "b" text not null default \'\'',
    'create index concurrently "i" on "audit_record" ("at")',
    'alter table "ticket" add constraint "c" check (id > 0) not valid',
    'alter table "ticket" alter column "summary" drop not null',
    'drop index "i"',
  ])('what is not: %s', (sql) => {
    expect(unsafe(`this.addSql(\`${sql};\`)`)).toEqual([]);
  });

  test('they stand in the list in the order of their names, every one of them', () => {
    const classes = files.map((file) => file.replace(/\D/g, ''));
    expect(migrationsList.map(({ name }) => name.replace(/\D/g, ''))).toEqual(classes);
  });
});

describe('versions beside each other', () => {
  let database: TestDatabase;
  let role: string;
  let service: MikroORM;
  let owner: MikroORM;
  beforeEach(async () => {
    database = await createTestDatabase();
    role = decodeURIComponent(new URL(database.serviceUrl).username);
    service = openDatabase(database.serviceUrl, 2);
    owner = openDatabase(database.ownerUrl, 3);
  });
  afterEach(async () => {
    await service.close(true);
    await owner.close(true);
    await database.drop();
  });
  const asOwner = <Row extends object>(sql: string) => owner.em.fork().execute<Row[]>(sql);

  /** As the version to come might have it. */
  class Migration29991231000000Newer extends Migration {
    override isTransactional(): boolean {
      return false;
    }
    override up(): void {
      this.addSql('alter table "ticket" add column "newer" text null');
      this.addSql('create index concurrently "ticket_newer_index" on "ticket" ("newer")');
    }
  }
  const newer = [...migrationsList, Migration29991231000000Newer];

  test('the older one serves on a schema that is newer than it knows, and its statements go on', async () => {
    await migrate(database.ownerUrl, role, newer);
    expect(await databaseFaults(service)).toEqual([]);
    const em = service.em.fork();
    em.persist(newOperation());
    await em.flush();
  });

  test('the older one, started again, takes nothing away from the newer one', async () => {
    await migrate(database.ownerUrl, role, newer);
    await asOwner(`grant update (newer) on ticket to ${role}`);
    const rights = () =>
      asOwner(`select table_name, column_name, privilege_type from information_schema.column_privileges
               where grantee = '${role}' order by 1, 2, 3`);
    const before = await rights();
    await migrate(database.ownerUrl, role);
    expect(await rights()).toEqual(before);
  });

  test('the newer one is refused where it may not migrate and nobody has', async () => {
    await asOwner(`delete from mikro_orm_migrations where name = '${migrationsList.at(-1)!.name}'`);
    expect(await databaseFaults(service)).toEqual([
      "the database lacks 1 migrations: npm run migrate, or set DATABASE_MIGRATION_URL to its owner's URL",
    ]);
  });

  test('several that migrate at once make an index concurrently, one after the other', async () => {
    await Promise.all([1, 2, 3].map(() => migrate(database.ownerUrl, role, newer)));
    const [index] = await asOwner<{ isValid: boolean }>(
      `select indisvalid as "isValid" from pg_index where indexrelid = 'ticket_newer_index'::regclass`,
    );
    expect(index).toEqual({ isValid: true });
  });

  test('one that waits for a table gives up before it keeps others from it for long', async () => {
    const holding = asOwner('begin; select count(*) from ticket; select pg_sleep(60)').catch(() => undefined);
    const [holder] = await until('the table is read', async () => {
      const found = await asOwner<{ pid: number }>(
        `select pid from ${ownLocks} and relation = 'ticket'::regclass and granted
           and pid in (select pid from pg_stat_activity where query like 'begin; select %')`,
      );
      return found.length > 0 && found;
    });
    await expect(migrate(database.ownerUrl, role, newer)).rejects.toMatchObject({ code: '55P03' });
    await asOwner(`select pg_terminate_backend(${holder!.pid})`);
    await holding;
    await migrate(database.ownerUrl, role, newer);
  });
});
