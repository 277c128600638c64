import {
  ArrayType,
  type EntityClass,
  type EntityDictionary,
  type EntityManager,
  ReferenceKind,
  type RequiredEntityData,
} from '@mikro-orm/postgresql';
import { ask, execute, type Question } from './rows.ts';

/*
 * What is written with every redeploy and every step of a rollout goes past MikroORM's unit of work, which gives each
 * property of each entity accessors of its own, compares them all and sends a statement per table. Here a row is a plain
 * object with its entity's rules, and what was added and changed is written by one prepared statement, the
 * transaction's last. Whoever changes JSON in a row replaces it: it is compared by identity.
 */

type Fields = Record<string, unknown>;
type Column = { name: string; column: string; isReference: boolean; read: (stored: unknown) => unknown };
type Shape = { table: string; prototype: object; columns: readonly Column[] };
type Row = { shape: Shape; fields: Fields };
/** What was locked or stored, and what is stored of it. */
type Known = Row & { stored: Fields };
/** `known` by table and id. */
type Rows = { added: Row[]; appended: Row[]; known: Map<string, Known> };

type Locking = [where: string, params: readonly unknown[], strength?: 'for update' | 'for update skip locked'];

/**
 * One row, locked until the transaction ends, and PostgreSQL's clock as of then. What becomes of it is stored with the
 * transaction. Of other entities it has the ids alone.
 */
export const lockRow = <E extends object>(em: EntityManager, entity: EntityClass<E>, ...locking: Locking) =>
  ask(em, rowLock(em, entity, ...locking));

/** The same, to be asked together with what is locked before it. */
export function rowLock<E extends object>(em: EntityManager, entity: EntityClass<E>, ...locking: Locking) {
  const shape = shapeOf(em, entity);
  return lockOf(shape, locking, (row) => entityOf(em, shape, row) as E);
}

/** The one that the transaction knows already, or the row as it came. */
function entityOf(em: EntityManager, shape: Shape, row: Fields): Fields {
  const known = rowsOf(em).known.get(keyOf(shape, row));
  if (known) return known.fields;
  const fields = dress(shape, ({ column, read }) => (row[column] == null ? null : read(row[column])));
  know(em, { shape, fields });
  return fields;
}

/** Named one by one: what a migration adds meanwhile does not change what the prepared statement answers. */
const namesOf = ({ columns }: Shape): string => columns.map(({ column }) => column).join(', ');

/** The same as MikroORM's entity, for whoever goes on from it to others. */
export const lockEntity = <E extends object>(em: EntityManager, entity: EntityClass<E>, ...locking: Locking) =>
  ask(
    em,
    lockOf(shapeOf(em, entity), locking, (row) => em.map(entity, row as EntityDictionary<E>)),
  );

const lockOf = <E>(
  shape: Shape,
  [where, params, strength = 'for update']: Locking,
  toEntity: (row: Fields) => E,
): Question<{ entity: E; now: Date } | null> => ({
  // The clock is read outside: where the row is selected it is not locked yet.
  text: `with it as materialized (select ${namesOf(shape)} from ${shape.table} where ${where} ${strength})
     select it.*, clock_timestamp()::timestamptz(3) as locked_at from it`,
  params,
  read: ([found]: (Fields & { locked_at: Date })[]) => {
    if (!found) return null;
    const { locked_at: now, ...row } = found;
    return { entity: toEntity(row), now };
  },
});

type Send = (em: EntityManager, text: string, params: readonly string[]) => Promise<unknown>;

/** The work of a transaction, and what has been added and changed in it by then, which is its last statement. */
export async function storingRows<T>(em: EntityManager, work: () => Promise<T>, sendLast: Send = execute): Promise<T> {
  rowsByTransaction.set(em, { added: [], appended: [], known: new Map() });
  const done = await work();
  await em.flush();
  await storeRows(em, sendLast);
  return done;
}

/** A new row; what becomes of it until the end of the transaction is stored as well. */
export function addRow<E extends object>(em: EntityManager, entity: EntityClass<E>, given: RequiredEntityData<E>): E {
  const shape = shapeOf(em, entity);
  const fields = dress(shape, ({ name }) => (given as Fields)[name] ?? null);
  rowsOf(em).added.push({ shape, fields });
  return fields as E;
}

/** A row that never changes. PostgreSQL numbers those of a table in the order of these calls. */
export function appendRow<E extends object>(em: EntityManager, entity: EntityClass<E>, fields: Partial<E>): void {
  rowsOf(em).appended.push({ shape: shapeOf(em, entity), fields });
}

/** For where the transaction itself asks for what it has written; at its end `storingRows` does it. */
export async function storeRows(em: EntityManager, send: Send = execute): Promise<void> {
  const { added, appended, known } = rowsOf(em);
  const parts = [
    ...added.map(({ shape, fields }) => insertion(shape, [fields])),
    ...[...known.values()].flatMap(changeOf),
    ...[...Map.groupBy(appended, ({ shape }) => shape)].map(([shape, rows]) =>
      insertion(
        shape,
        rows.map(({ fields }) => fields),
      ),
    ),
  ];
  const texts = parts.map(({ text }) => text);
  const last = texts.pop();
  if (last === undefined) return;
  const others = texts.map((text, at) => `part_${at} as (${text})`);
  const rows = parts.map(({ rows }) => JSON.stringify(rows));
  await send(em, others.length === 0 ? last : `with ${others.join(', ')} ${last}`, rows);
  appended.length = 0;
  for (const row of [...known.values(), ...added.splice(0)]) know(em, row);
}

type Part = { text: string; rows: Fields | Fields[] };

/** All of the same columns: what the first one does not have is left to PostgreSQL. */
function insertion({ table, columns }: Shape, rows: readonly Fields[]): Part {
  const given = columns.filter(({ name }) => rows[0]![name] !== undefined);
  const names = given.map(({ column }) => column).join(', ');
  return {
    text: `insert into ${table} (${names}) select ${names} from json_populate_recordset(null::${table}, ?::json)`,
    rows: rows.map((row) => toColumns(row, given)),
  };
}

function changeOf({ shape: { table, columns }, fields, stored }: Known): Part[] {
  const changed = columns.filter(({ name }) => !isSame(fields[name], stored[name]));
  if (changed.length === 0) return [];
  const values = changed.map(({ column }) => `${column} = new.${column}`).join(', ');
  const text = `update ${table} it set ${values} from json_populate_record(null::${table}, ?::json) new where it.id = new.id`;
  return [{ text, rows: { ...toColumns(fields, changed), id: fields['id'] } }];
}

const isSame = (one: unknown, other: unknown): boolean =>
  one === other || (one instanceof Date && other instanceof Date && one.getTime() === other.getTime());

/** Of another entity its id is stored. */
const toColumns = (fields: Fields, columns: readonly Column[]): Fields => {
  const row: Fields = {};
  for (const { name, column, isReference } of columns) row[column] = isReference ? idOf(fields[name]) : fields[name];
  return row;
};

const idOf = (entity: unknown): unknown => (entity as { id: unknown } | null)?.id ?? null;

/** An own property for each column: those of MikroORM's prototypes are never come to. */
const dress = ({ prototype, columns }: Shape, valueOf: (column: Column) => unknown): Fields => {
  const fields: Fields = {};
  for (const column of columns) fields[column.name] = valueOf(column);
  return { __proto__: prototype, ...fields };
};

const rowsByTransaction = new WeakMap<EntityManager, Rows>();

function rowsOf(em: EntityManager): Rows {
  const rows = rowsByTransaction.get(em);
  if (!rows) throw new Error('rows are only written where storingRows stores them');
  return rows;
}

const keyOf = ({ table }: Shape, { id }: Fields): string => `${table} ${String(id)}`;

const know = (em: EntityManager, { shape, fields }: Row): void =>
  void rowsOf(em).known.set(keyOf(shape, fields), { shape, fields, stored: { ...fields } });

const shapes = new WeakMap<object, Shape>();

function shapeOf<E extends object>(em: EntityManager, entity: EntityClass<E>): Shape {
  const known = shapes.get(entity);
  if (known) return known;
  const { tableName: table, props } = em.getMetadata().get(entity);
  const columns = props.flatMap(({ name, fieldNames, kind, customType }): Column[] => {
    const [column] = fieldNames ?? [];
    if (column === undefined) return [];
    const isReference = kind === ReferenceKind.MANY_TO_ONE;
    const read = (stored: unknown): unknown => {
      if (isReference) return { id: stored };
      return customType instanceof ArrayType ? customType.convertToJSValue(stored as string, em.getPlatform()) : stored;
    };
    return [{ name, column, isReference, read }];
  });
  const shape = { table, prototype: (entity as { prototype: object }).prototype, columns };
  shapes.set(entity, shape);
  return shape;
}
