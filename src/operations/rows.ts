import type { EntityManager } from '@mikro-orm/postgresql';

/*
 * Lean rows for reads: plain objects straight from SQL. Hydrating entities is ten times the cost and is kept for
 * commands, which need their rules.
 */

/** `ticket_no as "ticketNo", …` */
const selectList = (columns: readonly string[], table: string): string =>
  columns.map((name) => `${table}.${name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)} as "${name}"`).join(', ');

/** Where rows of one shape come from. */
export type RowSource<R> = {
  table: string;
  columns: readonly (keyof R & string)[];
  /** Columns that hold a time: the driver gives strings. */
  instants: readonly (keyof R & string)[];
};

/** Reads the named columns of a table; `rest` is what follows its name. */
export async function readRows<R extends object>(
  em: EntityManager,
  source: RowSource<R>,
  rest: string,
  params: readonly unknown[],
): Promise<R[]> {
  const rows = await em.execute<R[]>(`select ${selectList(source.columns, 'it')} from ${source.table} it ${rest}`, [
    ...params,
  ]);
  for (const row of rows) {
    for (const name of source.instants) {
      const value: unknown = row[name];
      if (typeof value === 'string') Object.assign(row, { [name]: new Date(value) });
    }
  }
  return rows;
}

/** A PostgreSQL array literal of numbers or UUIDs. */
export const arrayOf = (items: readonly (number | string)[]): string => `{${items.join(',')}}`;

export function groupBy<Item, Key>(items: readonly Item[], keys: readonly Key[], key: (item: Item) => Key): Item[][] {
  const groups = Map.groupBy(items, key);
  return keys.map((wanted) => groups.get(wanted) ?? []);
}
