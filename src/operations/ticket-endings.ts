import { Grant } from '../domain/grant.ts';
import type { Actor } from '../domain/person.ts';
import type { Ticket } from '../domain/ticket.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { readCancelInput, readCompleteInput } from './inputs.ts';
import { lockTicket } from './ticket-locks.ts';
import { settleTicket } from './ticket-settlement.ts';
import { refreshCopies } from './token-copies.ts';
import { inTransaction } from './transaction.ts';

/** Takes a ticket back before it is decided. Only its requester. */
export async function cancelTicket(
  deps: Dependencies,
  actor: Actor,
  input: { ticketNo: string; reason?: string | null },
): Promise<Ticket> {
  const { ticketNo, reason } = readCancelInput(input);
  return inTransaction(deps, async (em) => {
    const { ticket, now } = await lockTicket(em, { ticketNo }, { reader: actor });
    recordFacts(em, ticket, actor, now, {}, [ticket.cancel(actor, reason, now)]);
    return ticket;
  });
}

/**
 * The requester is done: the ticket's tokens end now, and the ticket is completed at once or with its last operation.
 * Only its requester.
 */
export async function completeTicket(
  deps: Dependencies,
  actor: Actor,
  input: { ticketNo: string; summary?: string | null },
): Promise<Ticket> {
  const { ticketNo, summary } = readCompleteInput(input);
  const { ticket, ended } = await inTransaction(deps, async (em) => {
    const { ticket, now } = await lockTicket(em, { ticketNo }, { reader: actor });
    recordFacts(em, ticket, actor, now, {}, [ticket.completeEarly(actor, summary, now)]);
    const ended = await em.find(Grant, { ticket: ticket.id, endedAt: null });
    for (const grant of ended) {
      const { applicationName, expires } = grant;
      if (expires <= now) recordFacts(em, ticket, null, expires, { applicationName }, [grant.expire()]);
      else recordFacts(em, ticket, actor, now, { applicationName }, [grant.revoke(now, 'its ticket was completed')]);
    }
    await settleTicket(em, ticket, now);
    return { ticket, ended };
  });
  await refreshCopies(deps, ended);
  return ticket;
}
