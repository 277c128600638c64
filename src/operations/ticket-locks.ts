import { type EntityManager, LockMode } from '@mikro-orm/postgresql';
import { RedeployError } from '../domain/errors.ts';
import { Ticket } from '../domain/ticket.ts';

/*
 * The order in which rows are locked, everywhere: application, ticket, grant, operation.
 */

/** The ticket with entries and approvals, its row locked until the transaction ends. Throws NOT_FOUND. */
export async function lockTicket(em: EntityManager, which: { id: number } | { ticketNo: string }): Promise<Ticket> {
  const ticket = await em.findOne(Ticket, which, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (!ticket) throw ticketNotFound('ticketNo' in which ? which.ticketNo : String(which.id));
  await em.populate(ticket, ['entries', 'approvals']);
  return ticket;
}

export const ticketNotFound = (ticketNo: string): RedeployError =>
  new RedeployError('NOT_FOUND', `there is no ticket ${ticketNo}`);
