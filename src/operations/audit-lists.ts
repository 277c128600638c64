import { addSearch, alternativesOf, type AuditFilter, inUtc, isImpossible, namesIn } from './audit-filter.ts';
import type { Dependencies } from './dependencies.ts';
import { instantCursor, type Page, pageOf, type Place, readInstantCursor, type RowList } from './pages.ts';
import { auditRows, type AuditRow } from './reads.ts';
import { reading } from './transaction.ts';

/**
 * The whole record, newest first; whatever it is narrowed by, one index answers, at any depth. One's own story stands
 * with one's tickets.
 */
export async function listAuditRecords(
  deps: Pick<Dependencies, 'orm'>,
  filter: AuditFilter,
  page: Page,
): Promise<AuditRow[]> {
  const part = withinTime(page, filter);
  const where = namesIn(filter);
  const isNamed = where.values.length > 0;
  addSearch(where, filter);
  if (isImpossible(filter)) return [];
  const alternatives = alternativesOf(filter);
  if (alternatives && !isNamed) return reading(deps, (em) => pageOf(em, recordsOfNames, where, part, alternatives));
  if (alternatives) where.anyOf(alternatives);
  return reading(deps, (em) => pageOf(em, isNamed ? recordsOfNames : wholeRecord, where, part));
}

const recordsOfNames: RowList<AuditRow> = {
  ...auditRows,
  key: 'id',
  order: 'desc',
  cursor: 'bigint',
  asOrdered: (instant) => instant,
};
const wholeRecord: RowList<AuditRow> = { ...recordsOfNames, asOrdered: inUtc };

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
