import type { Tracing } from '../../domain/tracing.ts';
import { inSpan } from '../../domain/tracing.ts';
import type { SendingConnection } from './transaction-messages.ts';

/**
 * A span for each statement that is part of a trace; what loops of ours ask is of none. Of the text it bears the verbs
 * and the tables alone: parameters may stand in it.
 */
export function spanStatements(connection: SendingConnection, tracing: Tracing, tables: ReadonlySet<string>): void {
  const execute = connection.executeQuery.bind(connection);
  connection.executeQuery = (query, options) => {
    if (tracing.traceparent === null) return execute(query, options);
    const [first, ...more] = actsOf(query.sql, tables);
    const { verb, table } = first;
    const acts = [first, ...more, ...(query.followedBy ?? []).flatMap(({ sql }) => actsOf(sql, tables))];
    const name = acts.map(nameOf).join(' ');
    const one = { 'db.operation.name': verb, ...(table !== undefined && { 'db.collection.name': table }) };
    const attributes = { 'db.system.name': 'postgresql', ...(acts.length === 1 ? one : { 'db.query.summary': name }) };
    return inSpan(tracing, name, { kind: 'client', attributes }, () => execute(query, options));
  };
}

type Act = { verb: string; table: string | undefined };

const nameOf = ({ verb, table }: Act): string => (table === undefined ? verb : `${verb} ${table}`);

/** What it writes; or else the first table of ours that it reads. */
function actsOf(sql: string, tables: ReadonlySet<string>): [Act, ...Act[]] {
  const [first, ...others] = tablesAfter(/\b(insert|update|delete)(?: into| from)?/, sql, tables);
  if (first) return [first, ...others];
  const verb = /^\s*([a-z]+)/i.exec(sql)?.[1]?.toUpperCase() ?? 'SQL';
  return [{ verb, table: tablesAfter(/\b(from|join)/, sql, tables)[0]?.table }];
}

const tablesAfter = (word: RegExp, sql: string, tables: ReadonlySet<string>): Act[] =>
  [...sql.matchAll(new RegExp(`${word.source}\\s+(?:"public"\\.)?"?([a-z_]+)"?`, 'gi'))]
    .map(([, verb = '', table]) => ({ verb: verb.toUpperCase(), table }))
    .filter(({ table = '' }) => tables.has(table));
