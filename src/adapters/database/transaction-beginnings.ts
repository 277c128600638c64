/*
 * BEGIN is sent with the transaction's first statement: one round trip less for each transaction. Nor may it fail by
 * itself: Kysely gives a transaction's connection back to the pool only once its BEGIN and its COMMIT or ROLLBACK have
 * succeeded, so that each one that is lost half-way would be missing for ever, and after a restart of PostgreSQL the
 * pool would be empty. So ROLLBACK always succeeds, too: the server rolls back by itself what loses its connection, and
 * the pool throws away what is broken.
 */

type Statement = { sql: string; parameters: readonly unknown[] };
export type SendingConnection = { executeQuery: (statement: Statement, options?: object) => Promise<unknown> };

const nothing = { rows: [] };

export function beginWithFirstStatement(connection: SendingConnection): void {
  const execute = connection.executeQuery.bind(connection);
  let toBegin: Statement | null = null;
  /** What follows must not be carried out outside the transaction. */
  let notBegun: { reason: unknown } | null = null;

  async function sendFirst(begin: Statement, first: Statement, options?: object): Promise<unknown> {
    if (first.parameters.length === 0) return execute({ ...first, sql: `begin; ${first.sql}` }, options);
    await execute(begin);
    return execute(first, options);
  }

  connection.executeQuery = async (statement, options) => {
    const begin = toBegin;
    const isEmpty = begin !== null && (statement.sql === 'commit' || statement.sql === 'rollback');
    toBegin = statement.sql === 'begin' ? statement : null;
    if (toBegin || isEmpty) return nothing;
    if (statement.sql === 'rollback') {
      notBegun = null;
      return execute(statement, options).catch(() => nothing);
    }
    if (notBegun) throw notBegun.reason;
    if (!begin) return execute(statement, options);
    return sendFirst(begin, statement, options).catch((reason: unknown) => {
      notBegun = { reason };
      throw reason;
    });
  };
}

export type QueryingClient = { query: (...query: unknown[]) => unknown };

/** The driver answers two statements with two results. */
export function answerWithLastResult(client: QueryingClient): void {
  const query = client.query.bind(client);
  client.query = (...statement) => {
    const answer = query(...statement);
    if (typeof statement[0] !== 'string' || !statement[0].startsWith('begin; ')) return answer;
    return (answer as Promise<unknown[]>).then((results) => results.at(-1));
  };
}
