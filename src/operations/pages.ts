import type { EntityManager } from '@mikro-orm/postgresql';
import { RedeployError } from '../domain/errors.ts';
import { arrayOf, columnOf, type Conditions, groupBy, readRows, type RowSource } from './rows.ts';

/** Rows in the order of one unique column, whose values are the cursors: a deep page costs what the first one does. */
export type RowList<R> = RowSource<R> & {
  key: keyof R & string;
  order: 'asc' | 'desc';
  cursor: 'int' | 'bigint' | 'uuid';
};

/** Which part of a list. `inverted`: the end of it, read backwards. */
export type Page = { after: string | null; before: string | null; limit: number; inverted: boolean };

const cursors = {
  int: /^\d{1,9}$/,
  bigint: /^\d{1,18}$/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
} as const;

/** The conditions and the order of a page, to be put behind a `where`. Throws INVALID_INPUT for what is no cursor of the list. */
function pageSql<R>(list: RowList<R>, { after, before, limit, inverted }: Page): { text: string; values: unknown[] } {
  const key = columnOf(list.key);
  const [behind, ahead] = list.order === 'asc' ? ['>', '<'] : ['<', '>'];
  const direction = inverted === (list.order === 'asc') ? 'desc' : 'asc';
  let text = '';
  const values: unknown[] = [];
  for (const [name, cursor, sign] of [
    ['after', after, behind],
    ['before', before, ahead],
  ] as const) {
    if (cursor === null) continue;
    if (!cursors[list.cursor].test(cursor)) {
      throw new RedeployError('INVALID_INPUT', `${name} is no cursor of this list`, { fields: [name] });
    }
    text += ` and it.${key} ${sign} ?::${list.cursor}`;
    values.push(cursor);
  }
  return { text: `${text} order by it.${key} ${direction} limit ?`, values: [...values, limit] };
}

/** One page of what fulfils the conditions. */
export function pageOf<R extends object>(
  em: EntityManager,
  list: RowList<R>,
  where: Conditions,
  page: Page,
): Promise<R[]> {
  const { text, values } = pageSql(list, page);
  return readRows(em, list, `where ${where.text}${text}`, [...where.values, ...values]);
}

/** The same page of each parent's own list, in one statement. */
export async function pagesOf<R extends object>(
  em: EntityManager,
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
