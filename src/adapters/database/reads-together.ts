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
/** `sendTo` never fails. */
type Asked = { sendTo: (connection: SendingConnection) => Promise<void>; fail: (reason: unknown) => void };
export type ProvidingConnections = {
  provideConnection: <T>(consume: (connection: SendingConnection) => Promise<T>) => Promise<T>;
};

/**
 * Of statements outside transactions, which stand each for itself: each is answered as soon as it can be, and where one
 * fails the others are answered all the same.
 */
export function readsTogether(executor: () => ProvidingConnections): (statement: Statement) => Promise<Result> {
  const reads = new DataLoader(
    async (asked: readonly Asked[]) => {
      try {
        await executor().provideConnection((connection) => Promise.all(asked.map(({ sendTo }) => sendTo(connection))));
      } catch (reason) {
        for (const { fail } of asked) fail(reason);
      }
      return asked;
    },
    { cache: false, maxBatchSize: mostTogether },
  );
  return (statement) => {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    // Whose trace it is part of.
    const inItsContext = AsyncLocalStorage.snapshot();
    const sendTo = (connection: SendingConnection) =>
      inItsContext(async () => resolve(await connection.executeQuery(statement))).catch(reject);
    void reads.load({ sendTo, fail: reject });
    return promise;
  };
}
