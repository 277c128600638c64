import type { EntityManager } from '@mikro-orm/postgresql';
import type { AuditContent } from '../domain/audit-record.ts';
import type { Checkpoint } from '../domain/audit-seal.ts';
import {
  addFault,
  type AuditFault,
  type ChainedRecord,
  type Trust,
  type Verification,
  verifyRecord,
} from '../domain/audit-verification.ts';
import { RedeployError } from '../domain/errors.ts';
import { newestSeal, sealsBetween } from './audit-seals.ts';
import type { Dependencies } from './dependencies.ts';
import { Conditions, readRows, type RowSource } from './rows.ts';
import { ticketNotFound } from './ticket-locks.ts';
import { reading } from './transaction.ts';

/** Which part of the record; everything where nothing is said. `ticketId` beside the time of the ticket's life. */
export type VerificationScope = { after?: Date | null; before?: Date | null; ticketId?: number };

/** `isComplete`: nothing of the scope was left out for being too much for one request. */
export type StoredVerification = Verification & { isComplete: boolean };

export type VerificationInput = { ticketNo?: string | null; after?: Date | null; before?: Date | null };

/** What one request may read: some ten seconds' work. */
const mostRecords = 250_000;

/**
 * Whether the record is as it was written: all of it, what happened within a time, or one ticket's story. Throws
 * NOT_FOUND for an unknown ticket, INVALID_INPUT for a ticket and a time.
 */
export async function auditVerification(
  deps: Pick<Dependencies, 'orm' | 'auditKeys'>,
  { ticketNo, after, before }: VerificationInput,
): Promise<StoredVerification> {
  if (ticketNo != null && (after != null || before != null)) {
    throw new RedeployError('INVALID_INPUT', 'give a ticket or a time, not both', { fields: ['ticketNo'] });
  }
  const trust = { publicKeys: deps.auditKeys?.publicKeys ?? new Map(), checkpoints: new Map<number, string>() };
  return reading(deps, async (em) => {
    const scope = ticketNo == null ? { after, before } : await lifeOf(em, ticketNo);
    return verifyStored(em, scope, trust, mostRecords);
  });
}

/** The time in which the ticket's records were written, so that one that was taken out is missed. */
async function lifeOf(em: EntityManager, ticketNo: string): Promise<VerificationScope> {
  const [ticket] = await em.execute<{ id: number; after: string; before: string | null }[]>(
    `select id, created_at as after, case when ended_at is null then null else
       greatest(ended_at, (select max(at) from audit_record r where r.ticket_id = t.id)) + interval '1 millisecond' end as before
     from ticket t where ticket_no = ?`,
    [ticketNo],
  );
  if (!ticket) throw ticketNotFound(ticketNo);
  const { id: ticketId, after, before } = ticket;
  return { ticketId, after: new Date(after), before: before === null ? null : new Date(before) };
}

/** Verifies what PostgreSQL holds: whole seals, the records that no seal holds yet, and the heads of the tickets. */
export async function verifyStored(
  em: EntityManager,
  scope: VerificationScope,
  trust: Trust,
  atMost = Infinity,
): Promise<StoredVerification> {
  const newest = await newestSeal(em);
  const seals = await sealsOf(em, scope, newest, atMost);
  const pruned = await prunedPart(em);
  const unsealed = new Conditions();
  unsealed.add('it.id > ?', newest?.lastId ?? 0);
  unsealed.between('it.at', scope.after, scope.before);
  const records = async function* (): AsyncGenerator<ChainedRecord> {
    if (seals.through > 0) yield* recordsWhere(em, sealed(seals));
    if (seals.isComplete) yield* recordsWhere(em, unsealed);
  };
  const verification = await verifyRecord(
    {
      records: records(),
      seals: sealsBetween(em, seals.before?.sequence ?? 0, newest?.sequence ?? 0),
      before: seals.before,
      sealsThrough: seals.through,
      prunedThrough: pruned?.throughRecord ?? 0,
    },
    trust,
  );
  // Of a part the heads tell nothing.
  const heads = seals.isComplete ? await headFaults(em, scope, pruned?.recordedBefore ?? null) : [];
  for (const fault of heads) addFault(verification, fault);
  return { ...verification, isComplete: seals.isComplete };
}

type Seals = {
  /** The one before the first of them. */
  before: Checkpoint | null;
  /** The sequence and the last record of the last of them; 0 where there is none. */
  through: number;
  throughId: number;
  isComplete: boolean;
};

/** Those that hold a record of the scope's time, and all between them. */
async function sealsOf(
  em: EntityManager,
  { after, before }: VerificationScope,
  newest: Checkpoint | null,
  atMost: number,
): Promise<Seals> {
  const where = new Conditions();
  where.add('it.sequence <= ?', newest?.sequence ?? 0);
  if (after != null) where.add('it.last_at >= ?::timestamptz', after.toISOString());
  if (before != null) where.add('it.first_at < ?::timestamptz', before.toISOString());
  const [range] = await em.execute<{ first: number | null; last: number | null }[]>(
    `select min(it.sequence) as first, max(it.sequence) as last from audit_seal it where ${where.text}`,
    where.values,
  );
  const { first, last } = range!;
  if (first === null || last === null) return { before: newest, through: 0, throughId: 0, isComplete: true };
  const [end] = await em.execute<{ sequence: number; throughId: number }[]>(
    `select sequence, last_id::float8 as "throughId" from (
       select sequence, last_id, sum(count) over (order by sequence) as records from audit_seal where sequence between ? and ?
     ) it where records <= ? or sequence = ? order by sequence desc limit 1`,
    [first, last, Number.isFinite(atMost) ? atMost : Number.MAX_SAFE_INTEGER, first],
  );
  const [previous] = await Array.fromAsync(sealsBetween(em, first - 2, first - 1));
  const { sequence: through, throughId } = end!;
  return { before: previous ?? null, through, throughId, isComplete: through === last };
}

function sealed({ before, throughId }: Seals): Conditions {
  const where = new Conditions();
  // Without a seal before them also what somebody numbered below the first.
  if (before) where.add('it.id > ?', before.lastId);
  where.add('it.id <= ?', throughId);
  return where;
}

type Pruned = { throughRecord: number; recordedBefore: string };

async function prunedPart(em: EntityManager): Promise<Pruned | null> {
  const [row] = await em.execute<{ data: Pruned }[]>(
    `select data from audit_record where kind = 'AUDIT_PRUNE' order by id desc limit 1`,
  );
  return row?.data ?? null;
}

type StoredRecord = AuditContent & { id: string; hash: string; predecessorHash: string | null };
const storedRecords: RowSource<StoredRecord> = {
  table: `(select r.*, (select p.hash from audit_record p where p.ticket_id = r.ticket_id and p.sequence = r.sequence - 1)
             as predecessor_hash from audit_record r)`,
  columns: [
    ...(['id', 'ticketId', 'sequence', 'level', 'kind', 'at', 'issuer', 'subject', 'username', 'address'] as const),
    ...(['ticketNo', 'applicationName', 'operationId', 'cluster', 'namespace', 'message', 'data'] as const),
    ...(['previousHash', 'hash', 'predecessorHash'] as const),
  ],
};

const pageSize = 500;

/** In the order of their ids, page by page: memory and pauses stay small. */
async function* recordsWhere(em: EntityManager, where: Conditions): AsyncGenerator<ChainedRecord> {
  for (let last: string | null = null; ;) {
    const behind: string = last === null ? '' : ' and it.id > ?::bigint';
    const params: unknown[] = last === null ? where.values : [...where.values, last];
    const page: StoredRecord[] = await readRows(
      em,
      storedRecords,
      `where ${where.text}${behind} order by it.id limit ${pageSize}`,
      params,
    );
    for (const record of page) yield { ...record, id: Number(record.id) };
    if (page.length < pageSize) return;
    last = page.at(-1)!.id;
  }
}

/** A ticket's row names its last record: one that was cut off, or put behind it, is told by that. */
async function headFaults(
  em: EntityManager,
  { after, before, ticketId }: VerificationScope,
  prunedBefore: string | null,
): Promise<AuditFault[]> {
  const where = new Conditions();
  if (ticketId !== undefined) where.add('t.id = ?', ticketId);
  else {
    if (after != null) where.add('(t.ended_at is null or t.ended_at >= ?::timestamptz)', after.toISOString());
    if (before != null) where.add('t.created_at < ?::timestamptz', before.toISOString());
  }
  // Of a ticket that was pruned nothing is left.
  const isThere = 'exists (select from audit_record r where r.ticket_id = t.id)';
  if (prunedBefore !== null)
    where.add(`(t.ended_at is null or t.ended_at >= ?::timestamptz or ${isThere})`, prunedBefore);
  const tickets = await em.execute<{ ticketNo: string }[]>(
    `select t.ticket_no as "ticketNo" from ticket t where ${where.text}
       and (not exists (select from audit_record r
                        where r.ticket_id = t.id and r.sequence = t.audit_sequence and r.hash = t.audit_hash)
         or exists (select from audit_record r where r.ticket_id = t.id and r.sequence > t.audit_sequence))
     order by t.id limit 100`,
    where.values,
  );
  return tickets.map(({ ticketNo }) => ({
    kind: 'HEAD_DIFFERS',
    message: `ticket ${ticketNo}: its last record is not the one that its row names`,
    recordId: null,
    ticketNo,
    seal: null,
  }));
}
