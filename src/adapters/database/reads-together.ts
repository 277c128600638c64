import { AsyncLocalStorage } from 'node:async_hooks';
import DataLoader from 'dataloader';
import type { SendingConnection, Statement } from './transaction-messages.ts';

/*
 * A page is several reads, of which those of one level are asked for in the same tick. Each of them over a connection of
 * its own would be a write, a process that wakes up, and an answer of its own, which costs more than what they read: so
 * they go to PostgreSQL over one connection, in one piece, and are answered one after the other.
 */

/** What one connection is given at a time: others are free to answer what comes beyond. */
const mostTogether = 8;

type Result = { rows: unknown[] };
export type ProvidingConnections = {
  provideConnection: <T>(consume: (connection: SendingConnection) => Promise<T>) => Promise<T>;
};

/** Of statements outside transactions, which stand each for itself: where one fails, the others are answered. */
export function readsTogether(executor: () => ProvidingConnections): (statement: Statement) => Promise<Result> {
  const reads = new DataLoader(
    (asked: readonly { statement: Statement; inItsContext: <T>(work: () => T) => T }[]) =>
      executor().provideConnection((connection) =>
        Promise.all(
          asked.map(({ statement, inItsContext }) =>
            inItsContext(() => connection.executeQuery(statement) as Promise<Result>).catch((error: Error) => error),
          ),
        ),
      ),
    { cache: false, maxBatchSize: mostTogether },
  );
  // Whose trace it is part of.
  return (statement) => reads.load({ statement, inItsContext: AsyncLocalStorage.snapshot() });
}
