import { Grant } from '../domain/grant.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { sweepEach } from './sweeps.ts';
import { lockTicketIfFree } from './ticket-locks.ts';
import { settleTicket } from './ticket-settlement.ts';
import { databaseNow, inTransaction, reading } from './transaction.ts';

/*
 * What time alone ends. A sweep, not timers: it finds the same after a restart, and records the true time.
 */

const atOnce = 100;

/**
 * Pending tickets that nobody decided in time, and tokens whose time is over. Every replica sweeps; a ticket's lock
 * decides who, and what is locked, or fails, is left to the next sweep.
 */
export async function sweepExpiries(deps: Dependencies): Promise<void> {
  await expirePendingTickets(deps);
  await expireTokens(deps);
}

async function expirePendingTickets(deps: Dependencies): Promise<void> {
  const due = await reading(deps, (em) =>
    em.execute<{ id: number }[]>(
      `select id from ticket where status = 'PENDING_APPROVAL' and decide_by <= clock_timestamp() order by decide_by limit ?`,
      [atOnce],
    ),
  );
  await sweepEach(deps, due, ({ id }) =>
    inTransaction(deps, async (em) => {
      const now = await databaseNow(em);
      const ticket = await lockTicketIfFree(em, id);
      if (ticket?.status !== 'PENDING_APPROVAL' || ticket.decideBy > now) return;
      recordFacts(em, ticket, null, ticket.decideBy, {}, [ticket.expire()]);
    }),
  );
}

async function expireTokens(deps: Dependencies): Promise<void> {
  // A ticket whose tokens are not issued yet is not swept: they are issued or voided first.
  const due = await reading(deps, (em) =>
    em.execute<{ id: number; ticketId: number }[]>(
      `select g.id, g.ticket_id as "ticketId" from redeploy_grant g join ticket t on t.id = g.ticket_id
       where g.ended_at is null and g.expires <= clock_timestamp() and t.status <> 'APPROVED'
       order by g.expires limit ?`,
      [atOnce],
    ),
  );
  await sweepEach(deps, due, ({ id, ticketId }) =>
    inTransaction(deps, async (em) => {
      const ticket = await lockTicketIfFree(em, ticketId);
      if (!ticket) return;
      const grant = await em.findOneOrFail(Grant, id);
      if (grant.endedAt) return; // another replica was faster
      const { expires, applicationName } = grant;
      recordFacts(em, ticket, null, expires, { applicationName }, [grant.expire()]);
      await settleTicket(em, ticket, expires);
    }),
  );
}
