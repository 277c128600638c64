import type { Actor } from '../domain/person.ts';
import type { Ticket } from '../domain/ticket.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { readBreakGlassInput, readReviewInput } from './inputs.ts';
import { carryOut, grantEntries } from './issue-tokens.ts';
import { lockTicket } from './ticket-locks.ts';
import { inTransaction } from './transaction.ts';

/**
 * The requester takes the tokens of a pending ticket alone: nobody has decided it for as long as its policy waits, and
 * the policy does not forbid it. From there on everything goes as after the last approval, but for the open review.
 * UNAVAILABLE, and nothing changed, where Redis is away beforehand.
 */
export async function breakGlass(
  deps: Dependencies,
  actor: Actor,
  input: { ticketNo: string; reason: string },
): Promise<Ticket> {
  const { ticketNo, reason } = readBreakGlassInput(input);
  await deps.tokens.ping();
  const ticket = await inTransaction(deps, async (em) => {
    const { ticket, now } = await lockTicket(em, { ticketNo }, { populate: ['entries', 'approvals'], reader: actor });
    recordFacts(em, ticket, actor, now, {}, [ticket.breakGlass(actor, reason, now)]);
    grantEntries(em, ticket, now, deps.limits.tokenHours);
    return ticket;
  });
  return carryOut(deps, ticket);
}

/** Closes the open review of a broken glass, with a comment. Never the one who broke it. */
export async function reviewBreakGlass(
  deps: Dependencies,
  actor: Actor,
  input: { ticketNo: string; comment: string },
): Promise<Ticket> {
  const { ticketNo, comment } = readReviewInput(input);
  return inTransaction(deps, async (em) => {
    const { ticket, now } = await lockTicket(em, { ticketNo });
    recordFacts(em, ticket, actor, now, {}, [ticket.review(actor, comment, now)]);
    return ticket;
  });
}
