import { randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { inject } from 'vitest';
import { openDatabase } from '../../src/adapters/database/database.ts';

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
  await asOwner((orm) => orm.em.fork().execute(`create database ${name} template ${template}`));
  const named = (url: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).toString();
  return {
    serviceUrl: named(inject('serviceUrl')),
    ownerUrl: named(inject('ownerUrl')),
    drop: () => asOwner((orm) => orm.em.fork().execute(`drop database ${name} with (force)`)).then(() => undefined),
  };
}

/** Not from the template's own database: cloning it refuses while anyone is connected to it. */
async function asOwner<T>(work: (orm: MikroORM) => Promise<T>): Promise<T> {
  const orm = openDatabase(Object.assign(new URL(inject('ownerUrl')), { pathname: '/postgres' }).toString(), 1);
  try {
    return await work(orm);
  } finally {
    await orm.close(true);
  }
}

/** To be gone on with `and`. Databases are copies of one: in all of them a table has the same number. */
export const ownLocks = 'pg_locks where database = (select oid from pg_database where datname = current_database())';
