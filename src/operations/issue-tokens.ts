import type { EntityManager } from '@mikro-orm/postgresql';
import { RedeployError } from '../domain/errors.ts';
import { Grant } from '../domain/grant.ts';
import type { Ticket } from '../domain/ticket.ts';
import type { TokenCopy } from '../domain/token.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { lockTicket } from './ticket-locks.ts';
import { settleTicket } from './ticket-settlement.ts';
import { inTransaction, reading } from './transaction.ts';

/**
 * What follows the last approval: the keys go to Redis, then a second transaction marks the entries and
 * authorizes the ticket. Idempotent and computed from the grants, so that any process may do it again after a
 * crash. Redis away: returns, and the next sweep tries again until `tokenIssueSeconds` are over; then all is voided.
 */
export async function issueTokens(deps: Dependencies, ticketId: number): Promise<void> {
  const copies = await copiesToPut(deps, ticketId);
  try {
    for (const copy of copies) await deps.tokens.put(copy);
  } catch (error) {
    if (!(error instanceof RedeployError) || error.code !== 'UNAVAILABLE') throw error;
    deps.log.warn({ ticketId, reason: error.message }, 'tokens not issued yet');
    await voidOverdue(deps, ticketId);
    return;
  }
  await inTransaction(deps, async (em, now) => {
    const ticket = await lockTicket(em, { id: ticketId }, { populate: ['entries'] });
    if (ticket.status !== 'APPROVED') return; // another process was faster
    ticket.authorize();
    await forEachEntry(em, ticket, (entry, grant) => {
      entry.succeed(now);
      const expires = grant.expires.toISOString();
      recordFacts(em, ticket, null, now, { applicationName: entry.applicationName }, [
        { kind: 'ENTRY_SUCCESS', expires },
        { kind: 'TOKEN_CREATE', expires },
      ]);
    });
    await settleTicket(em, ticket, now); // a token may have been revoked meanwhile
  });
}

/** Takes up every ticket whose tokens a process left unissued: after a crash, or because Redis was away. */
export async function resumeApprovedTickets(deps: Dependencies): Promise<void> {
  const waiting = await reading(deps, (em) =>
    em.execute<{ id: number }[]>(`select id from ticket where status = 'APPROVED' order by id limit 100`),
  );
  for (const { id } of waiting) await issueTokens(deps, id);
}

async function voidOverdue(deps: Dependencies, ticketId: number): Promise<void> {
  const { tokenIssueSeconds } = deps.limits;
  const reason = `the token could not be issued within ${tokenIssueSeconds} seconds: Redis was away`;
  await inTransaction(deps, async (em, now) => {
    const ticket = await lockTicket(em, { id: ticketId }, { populate: ['entries'] });
    const overdue = ticket.approvedAt && now.getTime() - ticket.approvedAt.getTime() > tokenIssueSeconds * 1000;
    if (ticket.status !== 'APPROVED' || !overdue) return;
    await forEachEntry(em, ticket, (entry, grant) => {
      grant.revoke(now, 'it could not be issued');
      entry.fail(reason, now);
      recordFacts(em, ticket, null, now, { applicationName: entry.applicationName }, [
        { kind: 'ENTRY_FAILED', reason },
      ]);
    });
    recordFacts(em, ticket, null, now, {}, [ticket.fail(reason, now)]);
  });
}

async function forEachEntry(
  em: EntityManager,
  ticket: Ticket,
  visit: (entry: Ticket['entries'][number], grant: Grant) => void,
): Promise<void> {
  const grants = await em.find(Grant, { ticket });
  for (const entry of ticket.entries)
    visit(
      entry,
      grants.find((grant) => grant.entry === entry)!,
    );
}

/** With several live grants for one pair the one that ends last is shown: a later ticket never shortens a token. */
function copiesToPut(deps: Dependencies, ticketId: number): Promise<TokenCopy[]> {
  return reading(deps, async (em) => {
    const copies: TokenCopy[] = [];
    for (const grant of await em.find(Grant, { ticket: ticketId }, { populate: ['ticket'] })) {
      const { username, applicationName } = grant;
      const longest = await findLiveGrant(em, { username, applicationName });
      if (longest) copies.push(tokenCopy(longest));
    }
    return copies;
  });
}

/** The live grant for this pair that ends last. */
export async function findLiveGrant(
  em: EntityManager,
  pair: { applicationName: string; username: string } | { applicationName: string; issuer: string; subject: string },
): Promise<Grant | null> {
  const live = await em.execute<{ id: number }[]>(
    `select id from redeploy_grant where application_name = ? and ${'username' in pair ? 'username = ?' : 'issuer = ? and subject = ?'}
       and revoked_at is null and expires > clock_timestamp() and (max_uses is null or uses < max_uses)
     order by expires desc, id desc limit 1`,
    'username' in pair ? [pair.applicationName, pair.username] : [pair.applicationName, pair.issuer, pair.subject],
  );
  return live[0] ? em.findOneOrFail(Grant, live[0].id, { populate: ['ticket', 'entry'] }) : null;
}

export const tokenCopy = (grant: Grant): TokenCopy => ({
  username: grant.username,
  applicationName: grant.applicationName,
  ticketId: grant.ticket.id,
  ticketNo: grant.ticketNo,
  expires: grant.expires.toISOString(),
  valid: true,
  desc: describeToken(grant),
});

export const describeToken = (grant: Pick<Grant, 'username' | 'applicationName' | 'expires' | 'ticketNo'>): string =>
  `${grant.username} may redeploy ${grant.applicationName} until ${grant.expires.toISOString()} (ticket ${grant.ticketNo})`;
