import type { EntityManager } from '@mikro-orm/postgresql';
import { Grant } from '../domain/grant.ts';
import { expiringId, expiringNotification, OutboxMessage } from '../domain/notifications.ts';
import type { Dependencies } from './dependencies.ts';
import { storeNotification } from './outbox.ts';
import { sweepEach } from './sweeps.ts';
import { lockTicketIfFree } from './ticket-locks.ts';
import { databaseNow, inTransaction, reading } from './transaction.ts';

/**
 * Tells of tokens that can be used and end within so many minutes, once of each. Every replica sweeps; a ticket's lock
 * decides who tells.
 */
export function expiringTokensSweep(minutes: number): (deps: Dependencies) => Promise<void> {
  return async function tellOfExpiringTokens(deps) {
    const due = await reading(deps, (em) => findUntold(em, minutes));
    await sweepEach(deps, due, ({ id, ticketId }) =>
      inTransaction(deps, async (em) => {
        const ticket = await lockTicketIfFree(em, ticketId);
        if (!ticket) return;
        const now = await databaseNow(em);
        const grant = await em.findOneOrFail(Grant, id);
        if (!grant.isLive(now)) return;
        const notification = expiringNotification(grant, ticket, now);
        if ((await told(em, [notification.id])).length > 0) return; // another replica was faster
        storeNotification(em, ticket.id, notification);
      }),
    );
  };
}

type Due = { id: number; ticketId: number; ticketNo: string };

async function findUntold(em: EntityManager, minutes: number): Promise<Due[]> {
  // Not of a ticket whose tokens are not issued yet.
  const due = await em.execute<Due[]>(
    `select g.id, g.ticket_id as "ticketId", g.ticket_no as "ticketNo" from redeploy_grant g join ticket t on t.id = g.ticket_id
     where g.ended_at is null and g.expires > clock_timestamp() and g.expires <= clock_timestamp() + ? * interval '1 minute'
       and (g.max_uses is null or g.uses < g.max_uses) and t.status in ('AUTHORIZED', 'REDEPLOYING')
     order by g.expires`,
    [minutes],
  );
  const known = due.length === 0 ? [] : await told(em, due.map(notificationId));
  return due.filter((one) => !known.includes(notificationId(one)));
}

const notificationId = ({ id, ticketNo }: Due): string => expiringId(ticketNo, id);

/** Which of these are in the outbox; it keeps what ended for longer than a token can be about to expire. */
async function told(em: EntityManager, ids: readonly string[]): Promise<string[]> {
  const found = await em.find(OutboxMessage, { notificationId: { $in: [...ids] } }, { fields: ['notificationId'] });
  return found.map(({ notificationId }) => notificationId);
}
