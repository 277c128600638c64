import { type AuditKind, auditKindLevels, auditKinds, type AuditLevel, auditLevels } from '../domain/audit-facts.ts';
import { type AuditOutcome, recordsWithOutcome } from '../domain/audit-outcomes.ts';
import { RedeployError } from '../domain/errors.ts';
import { mayReadAudit, requirePermission } from '../domain/permissions.ts';
import type { Actor } from '../domain/person.ts';
import type { Dependencies } from './dependencies.ts';
import { instantCursor, type Page, pageOf, type Place, readInstantCursor, type RowList } from './pages.ts';
import { auditRows, type AuditRow, isUuid } from './reads.ts';
import { Conditions, type Filter } from './rows.ts';
import { reading } from './transaction.ts';

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

/** The whole record, newest first. AUDITOR and ADMIN; FORBIDDEN otherwise: one's own story stands with one's tickets. */
export async function listAuditRecords(
  deps: Pick<Dependencies, 'orm'>,
  actor: Actor,
  filter: AuditFilter,
  page: Page,
): Promise<AuditRow[]> {
  requireMayReadRecord(actor);
  const asked = questionOf(filter);
  const part = withinTime(page, filter);
  return asked ? reading(deps, (em) => pageOf(em, asked.list, asked.where, part, asked.alternatives)) : [];
}

export const requireMayReadRecord = (actor: Actor): void =>
  requirePermission(mayReadAudit(actor), 'only AUDITOR and ADMIN read the whole record', 'Read ticket.auditTrail.');

const recordsOfNames: RowList<AuditRow> = {
  ...auditRows,
  key: 'id',
  order: 'desc',
  cursor: 'bigint',
  asOrdered: (instant) => instant,
};
/**
 * Its index is over an expression that the other lists do not use. A plain one PostgreSQL would take for those too, and
 * walk back through the record until it meets enough rows of a name, which may all be old.
 */
const wholeRecord: RowList<AuditRow> = { ...recordsOfNames, asOrdered: (instant) => `(${instant} at time zone 'UTC')` };

/**
 * A time is a part of the list as a page is: as a second condition on the instant beside the cursor's, PostgreSQL might
 * begin with it and walk from there to the cursor.
 */
function withinTime(page: Page, filter: AuditFilter): Page {
  const { after, before } = filter ?? {};
  return {
    ...page,
    after: nearer(page.after, 'after', before, (a, b) => (isEarlier(a, b) ? a : b)),
    before: nearer(page.before, 'before', after, (a, b) => (isEarlier(a, b) ? b : a)),
  };
}

function nearer(
  cursor: string | null,
  name: string,
  end: Date | null | undefined,
  choose: (a: Place, b: Place) => Place,
) {
  const place = cursor === null ? null : readInstantCursor(cursor, name);
  // No record has the id 0: it stands before every record of that instant.
  const limit = end == null ? null : { at: new Date(Math.max(0, end.getTime())), id: '0' };
  const chosen = place && limit ? choose(place, limit) : (place ?? limit);
  return chosen && instantCursor(chosen);
}

const isEarlier = (a: Place, b: Place): boolean =>
  a.at.getTime() === b.at.getTime() ? BigInt(a.id) < BigInt(b.id) : a.at < b.at;

type Question = { list: RowList<AuditRow>; where: Conditions; alternatives: string[] | undefined };

/** How to ask so that one index answers, at any depth; null where nothing can fulfil the filter. */
function questionOf(filter: AuditFilter): Question | null {
  const where = new Conditions();
  where.equals('it.ticket_no', filter?.ticketNo);
  where.equals('it.operation_id', filter?.operationId);
  where.equals('it.username', filter?.username);
  where.equals('it.application_name', filter?.applicationName);
  where.equals('it.namespace', filter?.namespace);
  const isNamed = where.values.length > 0;
  const alternatives = alternativesOf(filter);
  if (alternatives?.length === 0 || (filter?.operationId != null && !isUuid(filter.operationId))) return null;
  if (filter?.text != null) where.add('strpos(lower(it.message), lower(?)) > 0', searchedText(filter));
  if (alternatives && isNamed) where.add(`(${alternatives.join(' or ')})`);
  return {
    list: isNamed || alternatives ? recordsOfNames : wholeRecord,
    where,
    alternatives: isNamed || !alternatives ? undefined : alternatives,
  };
}

/** Conditions of which a record must fulfil one, and can fulfil only one; null where it need not. */
function alternativesOf(filter: AuditFilter): string[] | null {
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
  const fields = ['filter.text'];
  if (text!.trim() === '' || text!.length > longestText) {
    throw new RedeployError('INVALID_INPUT', `text must have 1 to ${longestText} characters`, { fields });
  }
  if (after != null && before != null && before.getTime() - after.getTime() <= longestSearchDays * 86_400_000)
    return text!;
  const message = `text is searched for within at most ${longestSearchDays} days`;
  throw new RedeployError('INVALID_INPUT', message, { fields, advice: 'Give the time from which and until which.' });
}
