import { RedeployError } from '../domain/errors.ts';
import { isStorable } from '../domain/instants.ts';
import { arrayOf, columnOf, type Conditions, groupBy, readRows, type RowReader, type RowSource } from './rows.ts';

/** Rows in the order of one unique column, whose values are the cursors: a deep page costs what the first one does. */
export type RowList<R> = RowSource<R> & {
  key: keyof R & string;
  order: 'asc' | 'desc';
  cursor: 'int' | 'bigint' | 'uuid';
  /** Of rows that are in the order of their `at`, and of the key only within one: what the index orders instants by. */
  asOrdered?: (instant: string) => string;
};

/** Which part of a list. `inverted`: the end of it, read backwards. */
export type Page = { after: string | null; before: string | null; limit: number; inverted: boolean };

const cursors = {
  int: /^\d{1,9}$/,
  bigint: /^\d{1,18}$/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
} as const;

type PageSql = { text: string; values: unknown[]; order: string };

/** What belongs behind a `where`, ending with the order. Throws INVALID_INPUT for what is no cursor of the list. */
function pageSql<R>(list: RowList<R>, { after, before, limit, inverted }: Page): PageSql {
  const { asOrdered } = list;
  const columns = [...(asOrdered ? [asOrdered('it.at')] : []), `it.${columnOf(list.key)}`];
  // In a subselect, so that PostgreSQL plans for any instant alike: few rows are not gathered and sorted either.
  const marks = [...(asOrdered ? [`(select ${asOrdered('?::timestamptz')})`] : []), `?::${list.cursor}`];
  const [behind, ahead] = list.order === 'asc' ? ['>', '<'] : ['<', '>'];
  const direction = inverted === (list.order === 'asc') ? 'desc' : 'asc';
  let text = '';
  const values: unknown[] = [];
  for (const [name, cursor, sign] of [
    ['after', after, behind],
    ['before', before, ahead],
  ] as const) {
    if (cursor === null) continue;
    text += ` and (${columns.join(', ')}) ${sign} (${marks.join(', ')})`;
    values.push(...placeOf(list, cursor, name));
  }
  const order = `order by ${columns.map((column) => `${column} ${direction}`).join(', ')} limit ?`;
  return { text: `${text} ${order}`, values: [...values, limit], order };
}

/** What a cursor stands for, column by column. */
function placeOf<R>({ cursor: type, asOrdered }: RowList<R>, cursor: string, name: string): string[] {
  if (asOrdered) {
    const { at, id } = readInstantCursor(cursor, name);
    return [at.toISOString(), id];
  }
  if (cursors[type].test(cursor)) return [cursor];
  throw noCursor(name);
}

const noCursor = (name: string) =>
  new RedeployError('INVALID_INPUT', `${name} is no cursor of this list`, { fields: [name] });

/** A place in the order of instants. */
export type Place = { at: Date; id: string };

export const instantCursor = ({ at, id }: Place): string => `${at.getTime()}-${id}`;

/** Throws INVALID_INPUT. */
export function readInstantCursor(cursor: string, name: string): Place {
  const [, milliseconds, id = ''] = /^(\d{1,15})-(\d{1,18})$/.exec(cursor) ?? [];
  const at = new Date(Number(milliseconds));
  if (isStorable(at)) return { at, id };
  throw noCursor(name);
}

/**
 * One page of what fulfils the conditions, and of the alternatives exactly one. Each alternative is read in order from
 * its own index, and only as far as the page needs it: `= any` would read and sort all that there is.
 */
export function pageOf<R extends object>(
  em: RowReader,
  list: RowList<R>,
  where: Conditions,
  page: Page,
  alternatives: readonly string[] = ['true'],
): Promise<R[]> {
  const { text, values, order } = pageSql(list, page);
  const all = [...where.values, ...values];
  const rest = alternatives.map((one) => `where ${where.text} and ${one}${text}`);
  if (rest.length === 1) return readRows(em, list, rest[0]!, all);
  const parts = rest.map((one) => `(select it.* from ${list.table} it ${one})`);
  const merged: RowSource<R> = { ...list, table: `(${parts.join(' union all ')})` };
  return readRows(em, merged, order, [...parts.flatMap(() => all), page.limit]);
}

/** The same page of each parent's own list, in one statement. */
export async function pagesOf<R extends object>(
  em: RowReader,
  list: RowList<R>,
  parent: { column: keyof R & string; type: 'int' | 'uuid' },
  parents: readonly (number | string)[],
  page: Page,
): Promise<R[][]> {
  const { text, values } = pageSql(list, page);
  const own = `where it.${columnOf(parent.column)} = parent.id${text}`;
  const lateral: RowSource<R> = {
    ...list,
    table: `unnest(?::${parent.type}[]) with ordinality as parent (id, place)
            cross join lateral (select it.* from ${list.table} it ${own})`,
  };
  const key = columnOf(list.key);
  const direction = page.inverted === (list.order === 'asc') ? 'desc' : 'asc';
  const rows = await readRows(em, lateral, `order by parent.place, it.${key} ${direction}`, [
    arrayOf(parents),
    ...values,
  ]);
  return groupBy(rows, parents, (row) => row[parent.column] as number | string);
}
