import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { inject } from 'vitest';

export type TestDatabase = {
  /** The role that the service has; and the owner. */
  serviceUrl: string;
  ownerUrl: string;
  drop: () => Promise<void>;
};

/** A database of its own without a row; `bare` without a table either. */
export async function createTestDatabase({ bare = false } = {}): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const template = bare ? 'template0' : new URL(inject('ownerUrl')).pathname.slice(1);
  await asOwner(`create database ${name} template ${template}`);
  const named = (url: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).toString();
  return {
    serviceUrl: named(inject('serviceUrl')),
    ownerUrl: named(inject('ownerUrl')),
    drop: () => asOwner(`drop database ${name} with (force)`),
  };
}

/** Not from the template's own database: cloning it refuses while anyone is connected to it. */
async function asOwner(statement: string): Promise<void> {
  const client = new Client(Object.assign(new URL(inject('ownerUrl')), { pathname: '/postgres' }).toString());
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** To be gone on with `and`. Databases are copies of one: in all of them a table has the same number. */
export const ownLocks = 'pg_locks where database = (select oid from pg_database where datname = current_database())';
