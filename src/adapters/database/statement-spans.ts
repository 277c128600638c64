import type { Tracing } from '../../domain/tracing.ts';
import { inSpan } from '../../domain/tracing.ts';
import type { SendingConnection } from './transaction-beginnings.ts';

/**
 * A span for each statement that is part of a trace; what loops of ours ask is of none. Of the text it bears the verb
 * and the table alone: parameters may stand in it.
 */
export function spanStatements(connection: SendingConnection, tracing: Tracing, tables: ReadonlySet<string>): void {
  const execute = connection.executeQuery.bind(connection);
  connection.executeQuery = (query, options) => {
    if (tracing.traceparent === null) return execute(query, options);
    const { verb, table } = statementOf(query.sql, tables);
    const attributes = {
      'db.system.name': 'postgresql',
      'db.operation.name': verb,
      ...(table !== undefined && { 'db.collection.name': table }),
    };
    const name = table === undefined ? verb : `${verb} ${table}`;
    return inSpan(tracing, name, { kind: 'client', attributes }, () => execute(query, options));
  };
}

/** The first table of ours that it reads from or writes to. */
function statementOf(sql: string, tables: ReadonlySet<string>): { verb: string; table: string | undefined } {
  const verb = /^\s*([a-z]+)/i.exec(sql)?.[1]?.toUpperCase() ?? 'SQL';
  for (const [, name = ''] of sql.matchAll(/\b(?:from|into|update|join)\s+(?:"public"\.)?"?([a-z_]+)"?/gi)) {
    if (tables.has(name)) return { verb, table: name };
  }
  return { verb, table: undefined };
}
