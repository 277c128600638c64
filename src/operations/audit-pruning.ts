import type { EntityManager } from '@mikro-orm/postgresql';
import type { Trust } from '../domain/audit-verification.ts';
import { recordFacts } from './audit.ts';
import { storingRows } from './stored-rows.ts';
import { verifyStored } from './audit-verification.ts';
import { databaseNow } from './transaction.ts';

/** Nothing was deleted; the message says why. */
export class PruningRefused extends Error {
  override readonly name = 'PruningRefused';
}

export type Pruning = { records: number; throughRecord: number; throughSeal: number };

/**
 * Deletes the records that happened before an instant, as the database's owner: whole seals from the beginning, none
 * behind the newest checkpoint that was kept outside, and none of a ticket that is not over. The seals stay, so that
 * what is left can be verified, and what was exported before too. Throws PruningRefused, also where anything is wrong
 * with what is to be deleted: nobody could prove it afterwards.
 */
export async function pruneAudit(
  em: EntityManager,
  { before, reason }: { before: Date; reason: string },
  trust: Trust,
): Promise<Pruning> {
  if (trust.checkpoints.size === 0) throw new PruningRefused('no checkpoint that was kept outside is given');
  return em.transactional((own) => storingRows(own, () => pruneWithin(own, { before, reason }, trust)));
}

async function pruneWithin(
  own: EntityManager,
  { before, reason }: { before: Date; reason: string },
  trust: Trust,
): Promise<Pruning> {
  const { faults, faultCount } = await verifyStored(own, { before }, trust);
  if (faultCount > 0) {
    throw new PruningRefused(`the record is not valid: ${faults.map(({ message }) => message).join('; ')}`);
  }
  const last = await lastSealToPrune(own, before, Math.max(...trust.checkpoints.keys()));
  if (!last)
    throw new PruningRefused(`nothing can be pruned: no seal whose records all are from before, over and kept outside`);
  const { affectedRows: records } = await own.execute<{ affectedRows: number }>(
    'delete from audit_record where id <= ?',
    [last.throughRecord],
    'run',
  );
  const [{ by } = { by: '' }] = await own.execute<{ by: string }[]>('select session_user as by');
  if (records === 0) throw new PruningRefused('nothing can be pruned: it was pruned before');
  recordFacts(own, null, null, await databaseNow(own), {}, [
    { kind: 'AUDIT_PRUNE', ...last, recordedBefore: before.toISOString(), records, by, reason },
  ]);
  return { records, ...last };
}

async function lastSealToPrune(
  em: EntityManager,
  before: Date,
  newestKept: number,
): Promise<Omit<Pruning, 'records'> | null> {
  const [seal] = await em.execute<Omit<Pruning, 'records'>[]>(
    `select sequence as "throughSeal", last_id::float8 as "throughRecord" from audit_seal
     where sequence <= ?
       and sequence < coalesce((select min(sequence) from audit_seal where last_at >= ?::timestamptz), 2147483647)
       and last_id < coalesce((select min((select min(id) from audit_record r where r.ticket_id = t.id)) from ticket t
         where t.ended_at is null or (t.break_glass_at is not null and t.reviewed_at is null)), 9223372036854775807)
     order by sequence desc limit 1`,
    [newestKept, before.toISOString()],
  );
  return seal ?? null;
}
