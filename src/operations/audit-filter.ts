import { type AuditKind, auditKindLevels, auditKinds, type AuditLevel, auditLevels } from '../domain/audit-facts.ts';
import { type AuditOutcome, recordsWithOutcome } from '../domain/audit-outcomes.ts';
import { RedeployError } from '../domain/errors.ts';
import { isUuid } from './reads.ts';
import { Conditions, type Filter } from './rows.ts';

export type AuditFilter = Filter<{
  ticketNo: string;
  operationId: string;
  username: string;
  applicationName: string;
  namespace: string;
  level: readonly AuditLevel[];
  kind: readonly AuditKind[];
  outcome: readonly AuditOutcome[];
  text: string;
  after: Date;
  before: Date;
}>;

/** The longest time that is searched for a text: no index helps there. */
export const longestSearchDays = 31;
const longestText = 200;

/** Whether the filter contradicts itself. */
export const isImpossible = (filter: AuditFilter): boolean =>
  alternativesOf(filter)?.length === 0 || (filter?.operationId != null && !isUuid(filter.operationId));

/** What a record must be about, whose act it must be; there is an index for each of these. */
export function namesIn(filter: AuditFilter): Conditions {
  const where = new Conditions();
  where.equals('it.ticket_no', filter?.ticketNo);
  where.equals('it.operation_id', filter?.operationId);
  where.equals('it.username', filter?.username);
  where.equals('it.application_name', filter?.applicationName);
  where.equals('it.namespace', filter?.namespace);
  return where;
}

/**
 * What the whole record's index orders instants by: an expression that no other list uses. A plain index PostgreSQL
 * would take for those too, and walk back through the record until it meets enough rows of a name, which may be old.
 */
export const inUtc = (instant: string): string => `(${instant} at time zone 'UTC')`;

/** Throws INVALID_INPUT. */
export function addSearch(where: Conditions, filter: AuditFilter): void {
  if (filter?.text != null) where.add('strpos(lower(it.message), lower(?)) > 0', searchedText(filter));
}

/** Conditions of which a record must fulfil one, and can fulfil only one; null where it need not. */
export function alternativesOf(filter: AuditFilter): string[] | null {
  const { level, kind, outcome } = filter ?? {};
  const isOfLevel = (one: AuditLevel) => level == null || level.includes(one);
  if (kind == null && outcome == null) {
    return level == null ? null : auditLevels.filter(isOfLevel).map((one) => `it.level = '${one}'`);
  }
  const records =
    outcome == null ? auditKinds.map((one) => ({ kind: one, result: null })) : recordsWithOutcome(outcome);
  return records
    .filter((one) => isOfLevel(auditKindLevels[one.kind]) && (kind == null || kind.includes(one.kind)))
    .map((one) => `it.kind = '${one.kind}'${one.result ? ` and it.data ->> 'result' = '${one.result}'` : ''}`);
}

/** Throws INVALID_INPUT without a time that is short enough to be read through. */
function searchedText({ text, after, before }: NonNullable<AuditFilter>): string {
  const fields = ['text'];
  if (text!.trim() === '' || text!.length > longestText) {
    throw new RedeployError('INVALID_INPUT', `text must have 1 to ${longestText} characters`, { fields });
  }
  const milliseconds = after != null && before != null ? before.getTime() - after.getTime() : Infinity;
  if (milliseconds <= longestSearchDays * 86_400_000) return text!;
  const message = `text is searched for within at most ${longestSearchDays} days`;
  throw new RedeployError('INVALID_INPUT', message, { fields, advice: 'Give the time from which and until which.' });
}
