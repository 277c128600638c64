import type { EntityManager } from '@mikro-orm/postgresql';
import type { AuditFact } from '../domain/audit-facts.ts';
import { type Checkpoint, RecordRoot } from '../domain/audit-seal.ts';
import { checkpointOf, type SigningKeys } from '../domain/checkpoint-signature.ts';
import { newestSeal, storeSeal } from './audit-seals.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { databaseNow, inTransaction, reading } from './transaction.ts';

/*
 * Seals go over every record without a gap: what has an id up to the last one of a seal and is not in it was put there
 * afterwards. So a record is sealed only when none with a smaller id can come any more. Ids are given out in order, but
 * their transactions end in any order; each of them holds a lock on the table from before it gets its id until its row
 * can be seen. Who holds such a lock when an id is seen may still store a smaller one; once they all are through, nobody.
 */

type Waiting = { throughId: number; writers: readonly string[] };

/** Records in one seal at most. */
const batch = 1_000;

/** Only one replica seals at a moment. */
const sealingLock = 0x6372_6175;

/**
 * Seals what has come, every so many seconds; each checkpoint is logged, so that it leaves the database's reach. Every
 * replica tries, PostgreSQL lets one at a time; what it has not committed the next one does.
 */
export function auditSealer(seconds: number, keys: SigningKeys | null): (deps: Dependencies) => Promise<void> {
  let dueAt = performance.now();
  let waiting: Waiting | null = null;
  return async function sealAudit(deps) {
    if (performance.now() < dueAt) return;
    waiting ??= await seeThrough(deps, seconds);
    if (waiting && (await areWriting(deps, waiting.writers))) return;
    if (waiting) await sealThrough(deps, keys, waiting.throughId);
    waiting = null;
    dueAt = performance.now() + seconds * 1_000;
  };
}

/**
 * The newest record that can be seen, and, read after it, who may still store an older one. Null where nothing new is
 * there, or another replica has just sealed.
 */
async function seeThrough(deps: Dependencies, seconds: number): Promise<Waiting | null> {
  return reading(deps, async (em) => {
    const [newest] = await em.execute<{ throughId: number }[]>(
      `select r.id::float8 as "throughId" from (select max(id) as id from audit_record) r
         left join (select last_id, at from audit_seal order by sequence desc limit 1) s on true
       where r.id > coalesce(s.last_id, 0)
         and (s.at is null or s.at < clock_timestamp() - ? * interval '1 second' + interval '1 millisecond')`,
      [seconds],
    );
    return newest ? { ...newest, writers: await writersNow(em) } : null;
  });
}

async function areWriting(deps: Dependencies, writers: readonly string[]): Promise<boolean> {
  if (writers.length === 0) return false;
  const now = await reading(deps, writersNow);
  return writers.some((writer) => now.includes(writer));
}

/** The transactions that have stored records, or are about to, and have not ended. */
async function writersNow(em: EntityManager): Promise<string[]> {
  const rows = await em.execute<{ writer: string }[]>(
    `select distinct virtualtransaction as writer from pg_locks
     where locktype = 'relation' and relation = 'audit_record'::regclass and mode = 'RowExclusiveLock' and granted
       and database = (select oid from pg_database where datname = current_database())`,
  );
  return rows.map(({ writer }) => writer);
}

async function sealThrough(deps: Dependencies, keys: SigningKeys | null, throughId: number): Promise<void> {
  let checkpoint = await sealNext(deps, keys, throughId);
  while (checkpoint) {
    deps.log.info({ checkpoint }, 'audit checkpoint');
    checkpoint = await sealNext(deps, keys, throughId);
  }
}

/** Null where nothing is left to seal, or another replica seals at this moment. */
async function sealNext(deps: Dependencies, keys: SigningKeys | null, throughId: number): Promise<Checkpoint | null> {
  return inTransaction(deps, async (em) => {
    const [{ isOurs } = { isOurs: false }] = await em.execute<{ isOurs: boolean }[]>(
      'select pg_try_advisory_xact_lock(?) as "isOurs"',
      [sealingLock],
    );
    if (!isOurs) return null;
    const before = await newestSeal(em);
    const firstId = (before?.lastId ?? 0) + 1;
    const records = await em.execute<{ id: number; hash: string; at: string }[]>(
      'select it.id::float8 as id, hash, at from audit_record it where it.id between ? and ? order by it.id limit ?',
      [firstId, throughId, batch],
    );
    const last = records.at(-1);
    if (!last) return null;
    const root = new RecordRoot();
    for (const record of records) root.add(record);
    const times = records.map(({ at }) => new Date(at).getTime());
    const content = {
      sequence: (before?.sequence ?? 0) + 1,
      firstId,
      lastId: last.id,
      count: root.count,
      firstAt: new Date(Math.min(...times)).toISOString(),
      lastAt: new Date(Math.max(...times)).toISOString(),
      root: root.digest(),
      previousHash: before?.hash ?? null,
      at: (await databaseNow(em)).toISOString(),
    };
    const checkpoint = checkpointOf(content, keys);
    storeSeal(em, checkpoint);
    return checkpoint;
  });
}

/** At the start of a replica: that checkpoints are signed with another key than before, or with none, stands in the record. */
export async function recordSigningKey(deps: Dependencies, keys: SigningKeys | null): Promise<void> {
  await inTransaction(deps, async (em) => {
    await em.execute('select pg_advisory_xact_lock(?)', [sealingLock]);
    const [last] = await em.execute<{ data: AuditFact<'AUDIT_KEY_CHANGE'> }[]>(
      `select data from audit_record where kind = 'AUDIT_KEY_CHANGE' order by id desc limit 1`,
    );
    const keyId = keys?.keyId ?? null;
    const previousKeyId = last?.data.keyId ?? null;
    if (keyId === previousKeyId) return;
    recordFacts(em, null, null, await databaseNow(em), {}, [{ kind: 'AUDIT_KEY_CHANGE', keyId, previousKeyId }]);
  });
}
