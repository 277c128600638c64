import type { EntityManager } from '@mikro-orm/postgresql';

/*
 * Lean rows for reads: plain objects straight from SQL. Hydrating entities is ten times the cost and is kept for
 * commands, which need their rules; those that are carried out most do without it too (stored-rows.ts).
 */

/** What rows are read through: a transaction, or what `readingRows` lends. */
export type RowReader = Pick<EntityManager, 'execute' | 'getLoggerContext'>;

const selectLists = new WeakMap<readonly string[], string>();

/** `it.ticket_no as "ticketNo", …` */
function selectList(columns: readonly string[]): string {
  const known = selectLists.get(columns);
  if (known !== undefined) return known;
  const list = columns.map((name) => `it.${columnOf(name)} as "${name}"`).join(', ');
  selectLists.set(columns, list);
  return list;
}

/** ticketNo → ticket_no */
export const columnOf = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Where rows of one shape come from. */
export type RowSource<R> = {
  table: string;
  columns: readonly (keyof R & string)[];
  /** What is read whatever is asked for: what rows are told apart, ordered and allowed by. Where it is not said, all. */
  always?: readonly (keyof R & string)[];
};

/** Some of the columns of a source; the same ones are the same object. */
export type Columns = { readonly names: ReadonlySet<string>; readonly sources: WeakMap<object, object> };

const columnsByNames = new Map<string, Columns>();

/** There may only be a few: they are kept, and so are the statements that are made of them. */
export function columnsNamed(names: readonly string[]): Columns {
  const key = names.toSorted().join();
  const known = columnsByNames.get(key) ?? { names: new Set(names), sources: new WeakMap() };
  columnsByNames.set(key, known);
  return known;
}

type Narrowable = { columns: readonly string[]; always?: readonly string[] };

/** The same rows with these of their columns; of the others nobody may ask. All, where nothing is said. */
export function only<Source extends Narrowable>(source: Source, asked: Columns | undefined): Source {
  if (!asked || !source.always) return source;
  const known = asked.sources.get(source) as Source | undefined;
  if (known) return known;
  const { always } = source;
  const isRead = (name: string): boolean => asked.names.has(name) || always.includes(name);
  const narrowed = { ...source, columns: source.columns.filter(isRead) };
  asked.sources.set(source, narrowed);
  return narrowed;
}

/** Planned once per connection, not each time: the text holds no values and is one of a few. */
const prepared: Sending = { label: 'prepared' };
/** As prepared-statements.ts understands it. `together`: with what else is asked for in the same tick. */
type Sending = { label: 'prepared'; together?: boolean; followedBy?: readonly Question<unknown>[]; commits?: boolean };

/** Carries out what has one text, whatever its values, of which there is one at least. Instants are Dates. */
export const execute = <R extends object>(em: RowReader, text: string, params: readonly unknown[]): Promise<R[]> =>
  em.execute<R[]>(text, [...params], 'all', { ...prepared, ...em.getLoggerContext() });

/** What is asked, and what is made of the answer. */
export type Question<T> = { text: string; params: readonly unknown[]; read: (rows: never[]) => T };

/**
 * Asks several in one message: each is carried out after the one before, and sees what was stored before it had its
 * turn. They may lock, but none of them writes.
 */
export async function askTogether<T extends unknown[]>(
  em: RowReader,
  ...[first, ...rest]: { [K in keyof T]: Question<T[K]> }
): Promise<T> {
  const { text, params } = first!;
  const sending: Sending = { ...prepared, followedBy: rest };
  const answers = await em.execute<never[][]>(text, [...params], 'all', sending);
  return answers.map((rows, at) => [first!, ...rest][at]!.read(rows)) as T;
}

export const ask = async <T>(em: RowReader, question: Question<T>): Promise<T> =>
  (await askTogether<[T]>(em, question))[0];

/** The same as `execute`, and COMMIT with it. */
export const executeLast = (em: EntityManager, text: string, params: readonly string[]): Promise<unknown> =>
  em.execute(text, [...params], 'all', committing);
const committing: Sending = { ...prepared, commits: true };

/** Reads the named columns of a table; `rest` is what follows its name. */
export const readRows = <R extends object>(
  em: RowReader,
  source: RowSource<R>,
  rest: string,
  params: readonly unknown[],
): Promise<R[]> => execute(em, `select ${selectList(source.columns)} from ${source.table} it ${rest}`, params);

/** A PostgreSQL array literal of numbers or UUIDs. */
export const arrayOf = (items: readonly (number | string)[]): string => `{${items.join(',')}}`;

export function groupBy<Item, Key>(items: readonly Item[], keys: readonly Key[], key: (item: Item) => Key): Item[][] {
  const groups = Map.groupBy(items, key);
  return keys.map((wanted) => groups.get(wanted) ?? []);
}

/** What a list is narrowed by; null is as good as left out. */
export type Filter<T> = { [K in keyof T]?: T[K] | null } | null | undefined;

/** What rows must fulfil, put together piece by piece with their values. */
export class Conditions {
  private readonly parts: string[] = ['true'];
  readonly values: unknown[] = [];

  get text(): string {
    return this.parts.join(' and ');
  }

  get isEmpty(): boolean {
    return this.parts.length === 1;
  }

  add(condition: string, ...values: unknown[]): void {
    this.parts.push(condition);
    this.values.push(...values);
  }

  equals(column: string, value: string | null | undefined): void {
    if (value != null) this.add(`${column} = ?`, value);
  }

  oneOf(column: string, values: readonly string[] | null | undefined): void {
    if (values != null) this.add(`${column} = any(?::text[])`, arrayOf(values));
  }

  /** One of these, which have no values of their own. */
  anyOf(conditions: readonly string[]): void {
    this.add(`(${conditions.join(' or ')})`);
  }

  /** From `after` on, and before `before`; `asOrdered` is what the index orders instants by. */
  between(
    column: string,
    after: Date | null | undefined,
    before: Date | null | undefined,
    asOrdered = (instant: string) => instant,
  ): void {
    const [it, value] = [asOrdered(column), asOrdered('?::timestamptz')];
    if (after != null) this.add(`${it} >= ${value}`, after.toISOString());
    if (before != null) this.add(`${it} < ${value}`, before.toISOString());
  }
}
