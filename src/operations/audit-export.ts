import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/postgresql';
import { RedeployError } from '../domain/errors.ts';
import { mayReadAudit, requirePermission } from '../domain/permissions.ts';
import type { Actor } from '../domain/person.ts';
import { recordFacts } from './audit.ts';
import { addSearch, alternativesOf, type AuditFilter, inUtc, isImpossible, namesIn } from './audit-filter.ts';
import type { Dependencies } from './dependencies.ts';
import { readAuditExport } from './inputs.ts';
import { auditRows, type AuditRow } from './reads.ts';
import { Conditions, readRows, type RowSource } from './rows.ts';
import { databaseNow, inTransaction, reading } from './transaction.ts';

/** A record whole: with all that its hash is over. */
export type ExportedRecord = AuditRow & { issuer: string | null; subject: string | null };
/** Of these ids, and no others are read whatever the conditions are: `offset 0` keeps PostgreSQL from another way. */
const exportedRows: RowSource<ExportedRecord> = {
  ...auditRows,
  table: '(select * from audit_record where id > ?::bigint and id <= ?::bigint offset 0)',
  columns: [...auditRows.columns, 'issuer', 'subject'],
};

export const requireMayExport = (actor: Actor): void =>
  requirePermission(mayReadAudit(actor), 'only AUDITOR and ADMIN export the record', 'Read ticket.auditTrail.');

/** So many ids are looked at in one statement: a slow reader keeps their rows in memory, and no connection. */
const idsAtOnce = 1_000n;
/** Longer than a transaction of the service lives. */
const settleWithinMs = 15_000;

/**
 * The records that a filter names in the order of their ids, some at a time: from behind `after` to the last there is.
 * None with a lower id appears later, so that an export that goes on from its last id misses nothing. What is asked
 * for stands in the record before anything is handed out, and afterwards how much that was. AUDITOR and ADMIN,
 * FORBIDDEN otherwise; throws INVALID_INPUT.
 */
export async function exportAuditRecords(
  deps: Dependencies,
  actor: Actor,
  input: unknown,
): Promise<AsyncGenerator<ExportedRecord[]>> {
  requireMayExport(actor);
  const { format, after, from, to, ...names } = readAuditExport(input);
  const filter: NonNullable<AuditFilter> = { ...names, after: from, before: to };
  const { where, search } = conditionsOf(filter);
  const exportId = randomUUID();
  const { lastId, readAt } = await inTransaction(deps, async (em) => {
    const now = await databaseNow(em);
    const last = await lastRecord(em);
    recordFacts(em, null, actor, now, {}, [
      { kind: 'AUDIT_EXPORT', exportId, format, filter: asGiven(filter), after, lastId: last.lastId },
    ]);
    return last;
  });
  await untilSettled(deps, readAt);
  const asked = { after: BigInt(after ?? 0), last: BigInt(lastId ?? 0) };
  const ids = isImpossible(filter) ? null : await narrowed(deps, where, asked);
  where.add(search.text, ...search.values);
  return recordingTheEnd(deps, actor, exportId, recordsAmong(deps, where, ids ?? none));
}

const asGiven = (filter: object): object =>
  Object.fromEntries(
    Object.entries(filter)
      .filter(([, value]) => value !== null)
      .map(([name, value]: [string, unknown]) => [name, value instanceof Date ? value.toISOString() : value]),
  );

/** The search apart: without it an index alone knows which ids there are. */
function conditionsOf(filter: NonNullable<AuditFilter>): { where: Conditions; search: Conditions } {
  const where = namesIn(filter);
  const alternatives = alternativesOf(filter);
  const isNamed = where.values.length > 0 || alternatives !== null;
  if (alternatives?.length) where.anyOf(alternatives);
  where.between('it.at', filter.after, filter.before, isNamed ? undefined : inUtc);
  const search = new Conditions();
  addSearch(search, filter);
  return { where, search };
}

type LastRecord = { lastId: string | null; readAt: string };

async function lastRecord(em: EntityManager): Promise<LastRecord> {
  const [row] = await em.execute<LastRecord[]>(
    'select (select max(id) from audit_record)::text as "lastId", clock_timestamp()::text as "readAt"',
  );
  return row!;
}

/**
 * Ids are given out before the commit: whoever holds one that is lower than the last began before that was read. When
 * those transactions have ended, all up to it are there or will never be.
 */
async function untilSettled(deps: Dependencies, readAt: string): Promise<void> {
  const deadline = Date.now() + settleWithinMs;
  for (;;) {
    const [row] = await reading(deps, (em) =>
      em.execute<{ isOpen: boolean }[]>(
        `select exists (select from pg_stat_activity where datname = current_database() and usename = current_user
           and pid <> pg_backend_pid() and xact_start <= ?::timestamptz) as "isOpen"`,
        [readAt],
      ),
    );
    if (!row!.isOpen) return;
    if (Date.now() > deadline) {
      throw new RedeployError('UNAVAILABLE', 'something is still being recorded', { advice: 'Try again.' });
    }
    await pause(20);
  }
}

/** Behind the one, up to the other. */
type Ids = { after: bigint; last: bigint };

/** The part of these ids in which the conditions can be fulfilled; null for none. */
async function narrowed(deps: Dependencies, where: Conditions, ids: Ids): Promise<Ids | null> {
  if (where.isEmpty) return ids;
  const [row] = await reading(deps, (em) =>
    // Without `offset 0` PostgreSQL might look for the least id by walking through the records from the first.
    em.execute<{ first: string | null; last: string }[]>(
      `select min(id)::text as first, max(id)::text as last
       from (select it.id from audit_record it where ${where.text} offset 0) found`,
      [...where.values],
    ),
  );
  if (row!.first === null) return null;
  const [first, last] = [BigInt(row!.first), BigInt(row!.last)];
  return { after: first > ids.after ? first - 1n : ids.after, last: last < ids.last ? last : ids.last };
}

async function* recordsAmong(
  deps: Dependencies,
  where: Conditions,
  { after, last }: Ids,
): AsyncGenerator<ExportedRecord[]> {
  for (let behind = after; behind < last; behind += idsAtOnce) {
    const upTo = behind + idsAtOnce < last ? behind + idsAtOnce : last;
    const rows = await reading(deps, (em) =>
      readRows(em, exportedRows, `where ${where.text} order by it.id`, [String(behind), String(upTo), ...where.values]),
    );
    if (rows.length > 0) yield rows;
  }
}

const none: Ids = { after: 0n, last: 0n };

/** Whether the reader took all or left before. */
async function* recordingTheEnd(
  deps: Dependencies,
  actor: Actor,
  exportId: string,
  records: AsyncIterable<ExportedRecord[]>,
): AsyncGenerator<ExportedRecord[]> {
  const handedOut = { rows: 0, lastId: null as string | null };
  let isComplete = false;
  try {
    for await (const some of records) {
      handedOut.rows += some.length;
      handedOut.lastId = some.at(-1)!.id;
      yield some;
    }
    isComplete = true;
  } finally {
    await inTransaction(deps, async (em) =>
      recordFacts(em, null, actor, await databaseNow(em), {}, [
        { kind: 'AUDIT_EXPORT_END', exportId, ...handedOut, isComplete },
      ]),
    );
  }
}
