import type { MikroORM } from '@mikro-orm/postgresql';
import { readsTogether, type ProvidingConnections } from './reads-together.ts';
import type { Statement } from './transaction-messages.ts';

/*
 * PostgreSQL parses and plans a statement anew each time that it comes, and MikroORM writes the values into its text.
 * For reads of many small tables that is most of what PostgreSQL does; so statements labelled `prepared` are sent with
 * their values beside them and are planned once per connection. Their text must be one of a few: it holds no values.
 */

/** A text beyond these is planned anew each time: each connection keeps its plans as long as it lasts. */
const mostStatements = 200;

/** In the order of their `?`. */
const numbered = (text: string): string => {
  let count = 0;
  return text.replaceAll('?', () => `$${(count += 1)}`);
};

type Execute = (
  text: string,
  params: unknown[],
  method: string,
  ctx: Kysely | undefined,
  log?: Log,
) => Promise<unknown>;
type Log = { label?: string; together?: boolean; followedBy?: readonly Prepared[]; commits?: boolean };
type Prepared = { text: string; params: readonly unknown[] };
type Kysely = { executeQuery: (query: object) => Promise<{ rows: unknown[] }> };
type Connection = {
  execute: Execute;
  getClient: () => Kysely & { getExecutor: () => ProvidingConnections };
  executeQuery: (text: string, work: () => Promise<unknown>, context: object) => Promise<unknown>;
};

/** Lets what is labelled so be prepared. */
export function prepareStatements(orm: MikroORM): void {
  const connection = orm.em.getConnection() as unknown as Connection;
  const execute = connection.execute.bind(connection);
  const read = readsTogether(() => connection.getClient().getExecutor());
  const texts = new Map<string, string>();
  const sqlOf = (text: string): string => {
    const sql = texts.get(text) ?? numbered(text);
    if (texts.size < mostStatements) texts.set(text, sql);
    return sql;
  };
  connection.execute = async (text, params, method, ctx, log) => {
    if (log?.label !== 'prepared') return execute(text, params, method, ctx, log);
    if (params.length === 0) throw new Error('what is prepared has values beside it');
    const { commits } = log;
    const followedBy = log.followedBy?.map((one) => ({ sql: sqlOf(one.text), parameters: one.params }));
    const statement: Statement = { sql: sqlOf(text), parameters: params, followedBy, commits };
    const send = () => (ctx ?? connection.getClient()).executeQuery(statement);
    const work = async () => (await (log.together ? read(statement) : send())).rows;
    return connection.executeQuery(statement.sql, work, { query: text, params });
  };
}

type ReadValue = (text: string) => unknown;
export type NamingClient = {
  query: (text: unknown, values?: unknown, ...rest: unknown[]) => unknown;
  getTypeParser: (type: number, format: string) => ReadValue;
};

/** PostgreSQL's number of `timestamptz`. */
const instantType = 1184;
const readInstant: ReadValue = (text) => new Date(text);

/**
 * Only what is prepared comes with values of its own: the driver prepares what has a name. Its instants are Dates, where
 * MikroORM reads texts.
 */
export function nameStatements(client: NamingClient, names: Map<string, string>): void {
  const query = client.query.bind(client);
  const getTypeParser = (type: number, format: string): ReadValue =>
    type === instantType ? readInstant : client.getTypeParser(type, format);
  const types = { getTypeParser };
  client.query = (text, values, ...rest) => {
    if (typeof text !== 'string' || !Array.isArray(values) || values.length === 0) return query(text, values, ...rest);
    const name = names.get(text) ?? (names.size < mostStatements ? `read_${names.size}` : undefined);
    if (name !== undefined) names.set(text, name);
    return query({ name, text, values, types }, ...rest);
  };
}
