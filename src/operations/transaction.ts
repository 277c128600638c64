import {
  ConnectionException,
  DriverException,
  type EntityManager,
  type MikroORM,
  UniqueConstraintViolationException,
} from '@mikro-orm/postgresql';
import type { AuditContent } from '../domain/audit-record.ts';
import { RedeployError } from '../domain/errors.ts';
import type { TicketChange } from '../domain/ticket-changes.ts';
import type { Dependencies } from './dependencies.ts';
import { logFact } from './fact-log.ts';
import { executeLast, type RowReader } from './rows.ts';
import { storingRows } from './stored-rows.ts';

/**
 * One unit of work: all of it or nothing. Never call Redis or Kubernetes inside. Throws UNAVAILABLE where the database
 * is away; its message tells whether that was too late to know that nothing was changed.
 */
export async function inTransaction<T>(
  deps: Pick<Dependencies, 'orm' | 'ticketChanges' | 'notifies' | 'log'>,
  work: (em: EntityManager) => Promise<T>,
): Promise<T> {
  const changed = new Map<number, number>();
  const facts: AuditContent[] = [];
  let isCommitting = false;
  const result = await reachingDatabase(
    () =>
      deps.orm.em.fork().transactional(async (em) => {
        changedTickets.set(em, changed);
        recordedFacts.set(em, facts);
        if (deps.notifies) notifying.add(em);
        await em.execute(bounds);
        const done = await storingRows(
          em,
          () => work(em),
          (...last) => {
            isCommitting = true;
            return executeLast(...last);
          },
        );
        isCommitting = true;
        return done;
      }),
    (error) => (isCommitting && !wasRefused(error) ? outcomeUnknown : nothingChanged),
  );
  for (const fact of facts) logFact(deps.log, fact);
  for (const [ticketId, version] of changed) void deps.ticketChanges.publish({ ticketId, version });
  return result;
}

const nothingChanged = { message: 'the database is away; nothing was changed', advice: 'Try again.' };
/** COMMIT was sent, and PostgreSQL may have carried it out before the connection was lost. */
const outcomeUnknown = {
  message: 'the database went away just as the change was being stored; whether it was stored is not known',
  advice: 'Look at what is stored before you ask again; a redeploy may be asked for again with its requestId.',
};
const cannotRead = { message: 'the database is away', advice: 'Try again.' };

const changedTickets = new WeakMap<EntityManager, Map<number, number>>();

const recordedFacts = new WeakMap<EntityManager, AuditContent[]>();

/** Logged after the commit: a log tells of nothing that did not happen. */
export function noteFact(em: EntityManager, fact: AuditContent): void {
  recordedFacts.get(em)?.push(fact);
}

const notifying = new WeakSet<EntityManager>();

/** Whether somebody outside is told of what happens in this transaction. */
export const isNotifying = (em: EntityManager): boolean => notifying.has(em);

/** Whoever watches the ticket is told after the commit. */
export function noteTicketChange(em: EntityManager, { ticketId, version }: TicketChange): void {
  changedTickets.get(em)?.set(ticketId, version);
}

/** A process that sleeps or vanishes in the middle of a transaction must not keep its locks from the others. */
const bounds = `set local idle_in_transaction_session_timeout = '3s'; set local lock_timeout = '5s'`;

/** Reads without a transaction. Throws UNAVAILABLE where the database is away. */
export const reading = <T>(deps: Pick<Dependencies, 'orm'>, work: (em: EntityManager) => Promise<T>): Promise<T> =>
  readingThrough(deps.orm.em.fork(), work);

/**
 * Reads rows alone, through an EntityManager that all share: rows are not remembered, and to make one costs about what a
 * few rows cost.
 */
export const readingRows = <T>(deps: Pick<Dependencies, 'orm'>, work: (em: RowReader) => Promise<T>): Promise<T> =>
  readingThrough(rowReadersOf(deps.orm).apart, work);

/** The same together with what else is asked for in the same tick, as of a page: nothing that may take long. */
export const readingTogether = <T>(deps: Pick<Dependencies, 'orm'>, work: (em: RowReader) => Promise<T>): Promise<T> =>
  readingThrough(rowReadersOf(deps.orm).together, work);

const rowReaders = new WeakMap<MikroORM, { apart: RowReader; together: RowReader }>();

function rowReadersOf(orm: MikroORM): { apart: RowReader; together: RowReader } {
  const known = rowReaders.get(orm);
  if (known) return known;
  const lend = (together: boolean) => orm.em.fork({ disableContextResolution: true, loggerContext: { together } });
  const lent = { apart: lend(false), together: lend(true) };
  rowReaders.set(orm, lent);
  return lent;
}

const readingThrough = <Em, T>(em: Em, work: (em: Em) => Promise<T>): Promise<T> =>
  reachingDatabase(
    () => work(em),
    () => cannotRead,
  );

/** PostgreSQL's clock in milliseconds. What waits for a lock reads it afterwards. */
export async function databaseNow(em: RowReader): Promise<Date> {
  const [row] = await em.execute<{ now: Date }[]>('select clock_timestamp()::timestamptz(3) as now');
  return new Date(row!.now);
}

/** Whether the error is this unique constraint's. */
export const violates = (error: unknown, constraint: string): boolean =>
  error instanceof UniqueConstraintViolationException && error.message.includes(`"${constraint}"`);

async function reachingDatabase<T>(
  work: () => Promise<T>,
  whenAway: (error: unknown) => { message: string; advice: string },
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isDatabaseAway(error) && !isNulInText(error)) {
      const { message, advice } = whenAway(error);
      throw new RedeployError('UNAVAILABLE', message, { advice }, error);
    }
    if (isNulInText(error)) throw new RedeployError('INVALID_INPUT', 'a text holds a NUL character', {}, error);
    throw error;
  }
}

/** PostgreSQL knows no text with it; only what is looked up gets this far, what is stored is checked before. */
const isNulInText = (error: unknown): boolean =>
  error instanceof DriverException &&
  ((error.code === '08P01' && error.message.endsWith('invalid message format')) ||
    (error.code === '22021' && error.message.endsWith('0x00')) ||
    error.code === '22P05'); // in JSON

/** The statement that COMMIT goes with waited too long for a lock, or came when the connection was lost already. */
const wasRefused = (error: unknown): boolean =>
  error instanceof DriverException && (/^(55P03|25P03)$/.test(error.code ?? '') || notSent.test(error.message));
const notSent = /client has encountered a connection error/i;

const awayCodes = /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENOTFOUND|EAI_AGAIN|08|53300|57P0|25P03|55P03)/;

/** Not that it refuses: that it cannot be asked just now. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof RedeployError) return false;
  const code = 'code' in error ? String(error.code) : '';
  return (
    error instanceof ConnectionException ||
    awayCodes.test(code) ||
    notSent.test(error.message) ||
    /connection terminated|timeout exceeded when trying to connect/i.test(error.message)
  );
}
