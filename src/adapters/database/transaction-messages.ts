import type { Writable } from 'node:stream';

/*
 * PostgreSQL carries out in its order what a connection brings, so that not every answer must be there before the next
 * statement is sent, and each message less saves both sides a wake-up. BEGIN and SET LOCAL go with the transaction's
 * first statement, COMMIT with the last one where that is known: where that statement fails, COMMIT rolls back.
 *
 * Nor may BEGIN fail by itself: Kysely gives a transaction's connection back to the pool only once its BEGIN and its
 * COMMIT or ROLLBACK have succeeded, so that each one that is lost half-way would be missing for ever, and after a
 * restart of PostgreSQL the pool would be empty. So ROLLBACK always succeeds, too: the server rolls back by itself what
 * loses its connection, and the pool throws away what is broken.
 */

export type Statement = {
  sql: string;
  parameters: readonly unknown[];
  /** Sent with it, and answered with it. Neither writes: should BEGIN fail, they stand outside of the transaction. */
  followedBy?: readonly Statement[];
  /** The transaction's last, COMMIT with it. Its parameters are texts: it must not fail before it is sent. */
  commits?: boolean;
};
type Answer = { rows: unknown[] };
export type SendingConnection = { executeQuery: (statement: Statement, options?: object) => Promise<Answer> };

const nothing: Answer = { rows: [] };
const commit: Statement = { sql: 'commit', parameters: [] };

export function joinMessages(connection: SendingConnection): void {
  const execute = connection.executeQuery.bind(connection);
  /** BEGIN, and what is set for the transaction. */
  let beginning: Statement | null = null;
  /** Why the transaction is lost: what follows must not be carried out outside of it, nor COMMIT pass for one. */
  let failure: { reason: unknown } | null = null;
  let state: 'none' | 'open' | 'over' = 'none';

  /** All are answered before anything else goes on; what follows one that failed tells only of that. */
  async function sendTogether(statements: readonly Statement[], options?: object): Promise<Answer[]> {
    const answers = await Promise.allSettled(statements.map((statement) => execute(statement, options)));
    return answers.map((answer) => {
      if (answer.status === 'rejected') throw answer.reason;
      return answer.value;
    });
  }

  const send = async (statement: Statement, options?: object): Promise<Answer> => {
    const { followedBy, commits } = statement;
    if (followedBy) {
      const answers = await sendTogether([statement, ...followedBy], options);
      return { rows: answers.map(({ rows }) => rows) };
    }
    if (!commits) return execute(statement, options);
    state = 'over';
    try {
      const [answer] = await sendTogether([statement, commit], options);
      return answer!;
    } catch (reason) {
      state = 'open';
      throw reason;
    }
  };

  async function sendFirst(begin: Statement, first: Statement, options?: object): Promise<Answer> {
    if (first.followedBy) {
      const [, ...answers] = await sendTogether([begin, first, ...first.followedBy], options);
      return { rows: answers.map(({ rows }) => rows) };
    }
    if (first.parameters.length === 0) return execute({ ...first, sql: `${begin.sql}; ${first.sql}` }, options);
    await execute(begin);
    return send(first, options);
  }

  connection.executeQuery = async (statement, options) => {
    const { sql } = statement;
    if (sql === 'begin') {
      beginning = statement;
      state = 'open';
      return nothing;
    }
    if (beginning && sql.startsWith('set local ')) {
      beginning = { ...beginning, sql: `${beginning.sql}; ${sql}` };
      return nothing;
    }
    const begin = beginning;
    beginning = null;
    if (sql === 'commit' || sql === 'rollback') {
      const isNothingLeft = begin !== null || state === 'over';
      const lost = failure;
      failure = null;
      state = 'none';
      if (isNothingLeft) return nothing;
      if (sql === 'rollback') return execute(statement, options).catch(() => nothing);
      if (lost) throw lost.reason;
      return execute(statement, options);
    }
    if (failure) throw failure.reason;
    if (state === 'over') throw new Error('the transaction has been committed');
    if (state === 'none') return send(statement, options);
    return (begin ? sendFirst(begin, statement, options) : send(statement, options)).catch((reason: unknown) => {
      failure = { reason };
      throw reason;
    });
  };
}

export type QueryingClient = { query: (...query: unknown[]) => unknown; connection: { stream: Writable } };

/** What is sent in one go leaves in one piece. The driver answers two statements of one text with two results. */
export function sendInOnePiece(client: QueryingClient): void {
  const query = client.query.bind(client);
  const { stream } = client.connection;
  client.query = (...statement) => {
    stream.cork();
    process.nextTick(() => stream.uncork());
    const answer = query(...statement);
    if (typeof statement[0] !== 'string' || !statement[0].startsWith('begin; ')) return answer;
    return (answer as Promise<unknown[]>).then((results) => results.at(-1));
  };
}
