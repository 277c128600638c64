import { setTimeout as pause } from 'node:timers/promises';
import { type Constructor, MikroORM } from '@mikro-orm/core';
import { type Migration, Migrator } from '@mikro-orm/migrations';
import { type EntityManager, PostgreSqlDriver } from '@mikro-orm/postgresql';
import { entities } from './database.ts';
import { Migration20261123000000Initial } from './migrations/migration-20261123000000-initial.ts';
import { Migration20261123100000RedeployTypes } from './migrations/migration-20261123100000-redeploy-types.ts';
import { Migration20261123110000Policies } from './migrations/migration-20261123110000-policies.ts';
import { Migration20261123120000Outbox } from './migrations/migration-20261123120000-outbox.ts';
import { Migration20261123130000AuditSeals } from './migrations/migration-20261123130000-audit-seals.ts';
import { Migration20261123150000AuditQuestions } from './migrations/migration-20261123150000-audit-questions.ts';
import { Migration20261123160000EndedOperations } from './migrations/migration-20261123160000-ended-operations.ts';
import { Migration20261123170000Traceparents } from './migrations/migration-20261123170000-traceparents.ts';

/**
 * Forward only; each must be safe while the version before it still runs, for replicas are replaced one by one. What
 * takes long, an index on a table that has grown, is made `concurrently` in a migration that is not transactional.
 */
export const migrationsList: readonly Constructor<Migration>[] = [
  Migration20261123000000Initial,
  Migration20261123100000RedeployTypes,
  Migration20261123110000Policies,
  Migration20261123120000Outbox,
  Migration20261123130000AuditSeals,
  Migration20261123150000AuditQuestions,
  Migration20261123160000EndedOperations,
  Migration20261123170000Traceparents,
];

const appendOnlyTables = ['audit_record', 'audit_seal', 'operation_event'] as const;

/** What was asked for and decided on stays as it was: only these columns change afterwards, and no row goes. */
const changingColumns = {
  ticket: `status, result, awaits_groups, approved_at, ended_at, summary, completion_asked_at, break_glass_at,
           break_glass_reason, reviewed_at, reviewed_by, review_comment, audit_sequence, audit_hash`,
  ticket_entry: 'success, completed, executed_at, completed_at, error_message',
  approval: null,
};

/** Two services that start together migrate one after the other: the migrator itself takes no lock. */
const migrationLock = 0x6372_6174;

/**
 * A statement that waits for a table keeps everybody else from it meanwhile: it gives up soon, and the whole is tried
 * again.
 */
const lockTimeout = `set lock_timeout = '5s'`;

type Connection = { executeQuery: (query: { sql: string; parameters: unknown[] }) => Promise<unknown> };

function openAsOwner(ownerUrl: string, list = migrationsList) {
  return new MikroORM({
    driver: PostgreSqlDriver,
    clientUrl: ownerUrl,
    entities,
    extensions: [Migrator],
    pool: { min: 0, max: 3 },
    ensureDatabase: false,
    onCreateConnection: async (connection) =>
      void (await (connection as Connection).executeQuery({ sql: lockTimeout, parameters: [] })),
    migrations: { migrationsList: [...list], snapshot: false, silent: true, allOrNothing: false },
  });
}

/**
 * Brings the schema up to date as its owner and gives the service's role what it needs and no more: of the
 * record and the published events it may insert and read rows, never change or delete them, and of a ticket it may
 * change what becomes of it, never what was asked for and decided. Where a newer version has migrated already, its
 * rights stand: this one does not know all that it needs.
 */
export async function migrate(ownerUrl: string, serviceRole: string, list = migrationsList): Promise<void> {
  const orm = openAsOwner(ownerUrl, list);
  try {
    await orm.em.fork().transactional(async (lock) => {
      // Never waits for the lock in a statement: `create index concurrently` waits for every statement to end.
      while (!(await isLocked(lock))) await pause(100);
      await orm.migrator.up();
      if (await isNewer(lock, list)) return;
      await orm.em.fork().transactional(async (em) => {
        const role = quoteIdentifier(serviceRole);
        const [{ owner } = { owner: '' }] = await em.execute<{ owner: string }[]>('select current_user as owner');
        if (owner === serviceRole) return;
        await em.execute(`
          grant usage on schema public to ${role};
          grant select, insert, update, delete on all tables in schema public to ${role};
          grant usage on all sequences in schema public to ${role};
          revoke insert, update, delete, truncate on mikro_orm_migrations from ${role};
          revoke update, delete, truncate on ${appendOnlyTables.join(', ')} from ${role};
          revoke update, delete, truncate on ${Object.keys(changingColumns).join(', ')} from ${role};
          revoke insert on audit_record from ${role};
        `);
        // PostgreSQL alone numbers the records: nobody puts one between two that stand there.
        const [{ columns } = { columns: '' }] = await em.execute<{ columns: string }[]>(
          `select string_agg(quote_ident(column_name), ', ') as columns from information_schema.columns
           where table_schema = 'public' and table_name = 'audit_record' and column_name <> 'id'`,
        );
        await em.execute(`grant insert (${columns}) on audit_record to ${role}`);
        for (const [table, columns] of Object.entries(changingColumns)) {
          if (columns !== null) await em.execute(`grant update (${columns}) on ${table} to ${role}`);
        }
      });
    });
  } finally {
    await orm.close(true);
  }
}

async function isLocked(em: EntityManager): Promise<boolean> {
  const [row] = await em.execute<{ locked: boolean }[]>('select pg_try_advisory_xact_lock(?) as locked', [
    migrationLock,
  ]);
  return row!.locked;
}

async function isNewer(em: EntityManager, list: readonly Constructor<Migration>[]): Promise<boolean> {
  const applied = await em.execute<{ name: string }[]>('select name from mikro_orm_migrations');
  return applied.some(({ name }) => !list.some((known) => known.name === name));
}

/** What stands in the way of serving from this database, as sentences; empty when nothing does. */
export async function databaseFaults(orm: MikroORM<PostgreSqlDriver>): Promise<string[]> {
  const em = orm.em.fork();
  const [found] = await em.execute<{ migrations: string | null }[]>(
    `select to_regclass('public.mikro_orm_migrations')::text as migrations`,
  );
  const applied = found?.migrations
    ? await em.execute<{ name: string }[]>('select name from mikro_orm_migrations')
    : [];
  const pending = migrationsList.filter(({ name }) => !applied.some((row) => row.name === name));
  if (pending.length > 0) {
    return [
      `the database lacks ${pending.length} migrations: npm run migrate, or set DATABASE_MIGRATION_URL to its owner's URL`,
    ];
  }
  // Of every role that it can put on with `set role`, whether it inherits from it or not.
  const altering = await em.execute<{ table: string }[]>(
    `select t as "table" from unnest(?::text[]) t where exists (
       select from pg_roles r where pg_has_role(current_user, r.oid, 'member')
         and (r.rolsuper or r.rolcreaterole or has_any_column_privilege(r.oid, t, 'update')
           or has_table_privilege(r.oid, t, 'delete, truncate, trigger')))`,
    [`{${appendOnlyTables.join(',')}}`],
  );
  return altering.map(
    ({ table }) =>
      `DATABASE_URL's role may change or delete rows of ${table}: use a role of its own, and the owner's in DATABASE_MIGRATION_URL only`,
  );
}

/** Whether the migrations lead to exactly the schema that the entities describe: the statements still missing. */
export async function schemaDrift(ownerUrl: string): Promise<string> {
  const orm = openAsOwner(ownerUrl);
  try {
    return await orm.schema.getUpdateSchemaSQL({ wrap: false, dropTables: false });
  } finally {
    await orm.close(true);
  }
}

const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
