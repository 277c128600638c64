import type { EntityManager } from '@mikro-orm/postgresql';
import { RedeployError } from '../domain/errors.ts';
import { Grant, isLiveInSql } from '../domain/grant.ts';
import { tokenUsesFor } from '../domain/approval-policy.ts';
import { Ticket } from '../domain/ticket.ts';
import type { TokenCopy } from '../domain/token.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { findLiveGrants, type LiveGrant } from './live-grants.ts';
import { sweepEach } from './sweeps.ts';
import { lockTicket } from './ticket-locks.ts';
import { settleTicket } from './ticket-settlement.ts';
import { inTransaction, reading } from './transaction.ts';

/** One grant for each entry, in the transaction that decides the ticket. */
export function grantEntries(em: EntityManager, ticket: Ticket, now: Date, hours: number): void {
  const expires = new Date(now.getTime() + hours * 3_600_000);
  const { ticketNo, issuer, subject, username, policy, breakGlassAt } = ticket;
  const holder = { issuer, subject, username };
  for (const entry of ticket.entries) {
    const { applicationName, businessTags } = entry;
    em.create(Grant, {
      ticket,
      ticketNo,
      entry,
      applicationName,
      ...holder,
      grantedAt: now,
      expires,
      maxUses: policy ? tokenUsesFor(policy, businessTags) : null,
      breakGlass: breakGlassAt != null,
    });
    recordFacts(em, ticket, null, now, { applicationName }, [
      { kind: 'ENTRY_PROCESS', expires: expires.toISOString() },
    ]);
  }
}

/** Issues the tokens of a ticket that has just been decided; one that still waits for somebody is left as it is. */
export async function carryOut(deps: Dependencies, ticket: Ticket): Promise<Ticket> {
  if (ticket.status !== 'APPROVED') return ticket;
  try {
    await issueTokens(deps, ticket.id);
    return await reading(deps, (em) => em.findOneOrFail(Ticket, ticket.id));
  } catch (error) {
    // The decision stands and is answered for; the sweep of some replica issues the tokens.
    deps.log.warn({ ticketNo: ticket.ticketNo, err: error }, 'tokens not issued yet');
    return ticket;
  }
}

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
  await inTransaction(deps, async (em) => {
    const { ticket, now } = await lockTicket(em, { id: ticketId }, { populate: ['entries'] });
    if (ticket.status !== 'APPROVED') return; // another process was faster
    ticket.authorize();
    const running = await runningTickets(em, ticket);
    await forEachEntry(em, ticket, (entry, grant) => {
      entry.succeed(now);
      const expires = grant.expires.toISOString();
      const runningTicketNo = running.get(entry.applicationName) ?? null;
      recordFacts(em, ticket, null, now, { applicationName: entry.applicationName }, [
        { kind: 'ENTRY_SUCCESS', expires },
        { kind: 'TOKEN_CREATE', expires, runningTicketNo },
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
  await sweepEach(deps, waiting, ({ id }) => issueTokens(deps, id));
}

async function voidOverdue(deps: Dependencies, ticketId: number): Promise<void> {
  const { tokenIssueSeconds } = deps.limits;
  const reason = `the token could not be issued within ${tokenIssueSeconds} seconds: Redis was away`;
  await inTransaction(deps, async (em) => {
    const { ticket, now } = await lockTicket(em, { id: ticketId }, { populate: ['entries'] });
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

/** By application: another ticket of the same person's whose token runs already; it is not touched. */
async function runningTickets(em: EntityManager, ticket: Ticket): Promise<Map<string, string>> {
  const rows = await em.execute<{ applicationName: string; ticketNo: string }[]>(
    `select distinct on (application_name) application_name as "applicationName", ticket_no as "ticketNo"
     from redeploy_grant g where issuer = ? and subject = ? and ticket_id <> ? and ${isLiveInSql}
       and exists (select from ticket_entry e where e.ticket_id = ? and e.application_name = g.application_name)
     order by application_name, expires desc, id desc`,
    [ticket.issuer, ticket.subject, ticket.id, ticket.id],
  );
  return new Map(rows.map(({ applicationName, ticketNo }) => [applicationName, ticketNo]));
}

/** With several live grants for one pair the one that ends last is shown: a later ticket never shortens a token. */
function copiesToPut(deps: Dependencies, ticketId: number): Promise<TokenCopy[]> {
  return reading(deps, async (em) => {
    const copies: TokenCopy[] = [];
    for (const grant of await em.find(Grant, { ticket: ticketId }, { populate: ['ticket'] })) {
      const { username, applicationName } = grant;
      const [longest] = await findLiveGrants(em, { username, applicationName });
      if (longest) copies.push(tokenCopy(longest));
    }
    return copies;
  });
}

export const tokenCopy = (grant: LiveGrant): TokenCopy => ({
  username: grant.username,
  applicationName: grant.applicationName,
  ticketId: grant.ticketId,
  ticketNo: grant.ticketNo,
  expires: grant.expires.toISOString(),
  valid: true,
  desc: describeToken(grant),
});

export const describeToken = ({
  breakGlass,
  ...grant
}: Pick<Grant, 'username' | 'applicationName' | 'expires' | 'ticketNo' | 'breakGlass'>): string =>
  `${grant.username} may redeploy ${grant.applicationName} until ${grant.expires.toISOString()} (ticket ${grant.ticketNo}${breakGlass ? ', by breaking the glass' : ''})`;
