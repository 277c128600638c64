import type { EntityManager } from '@mikro-orm/postgresql';
import { RedeployError } from '../domain/errors.ts';
import { mayReadWhatBelongsTo } from '../domain/permissions.ts';
import type { Actor, Person } from '../domain/person.ts';
import { Ticket } from '../domain/ticket.ts';
import type { Question } from './rows.ts';
import { lockEntity, lockRow } from './stored-rows.ts';

/*
 * The order in which things are locked, everywhere: person, application, ticket, grant, operation.
 */

/** Names this advisory lock among PostgreSQL's. */
const personLocks = 0x6372_6174;

/** What one person does at the same moment in several replicas is done one after the other, until the transaction ends. */
export const personLock = ({ issuer, subject }: Omit<Person, 'username'>): Question<void> => ({
  text: 'select pg_advisory_xact_lock(?, hashtext(?))',
  params: [personLocks, JSON.stringify([issuer, subject])],
  read: () => undefined,
});

/**
 * Until the transaction ends nobody registers the application differently. A statement of its own, after the person's
 * lock and before anything is read: it would not see what whoever held a lock that it waited for has done.
 */
export const applicationLock = (name: string): Question<void> => ({
  text: 'select from application where name = ? for update',
  params: [name],
  read: () => undefined,
});

/**
 * The ticket, its row locked until the transaction ends. Throws NOT_FOUND, also where `reader` may not know of it.
 * What happens to it happens at `now` or later: who held the lock before has recorded later instants than the
 * transaction's beginning.
 */
export async function lockTicket(
  em: EntityManager,
  which: { id: number } | { ticketNo: string },
  options: { populate?: ('entries' | 'approvals')[]; reader?: Actor } = {},
): Promise<{ ticket: Ticket; now: Date }> {
  const { populate = [], reader } = options;
  // What belongs to it comes with MikroORM's entity alone.
  const lock = populate.length > 0 ? lockEntity : lockRow;
  const locked =
    'id' in which
      ? await lock(em, Ticket, 'id = ?', [which.id])
      : await lock(em, Ticket, 'ticket_no = ?', [which.ticketNo]);
  if (!locked || (reader && !mayReadWhatBelongsTo(reader, locked.entity))) {
    throw ticketNotFound('ticketNo' in which ? which.ticketNo : String(which.id));
  }
  const { entity: ticket, now } = locked;
  if (populate.length > 0) await em.populate(ticket, populate);
  return { ticket, now };
}

/** The same for a sweep: null where somebody works on the ticket at this moment, so that no other is kept waiting. */
export const lockTicketIfFree = async (em: EntityManager, id: number): Promise<Ticket | null> =>
  (await lockRow(em, Ticket, 'id = ?', [id], 'for update skip locked'))?.entity ?? null;

export const ticketNotFound = (ticketNo: string): RedeployError =>
  new RedeployError('NOT_FOUND', `there is no ticket ${ticketNo}`);
