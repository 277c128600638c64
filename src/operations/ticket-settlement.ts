import type { EntityManager } from '@mikro-orm/postgresql';
import type { Ticket } from '../domain/ticket.ts';
import { recordFacts } from './audit.ts';

/**
 * To be called, under the ticket's lock, when one of its operations or tokens has ended: completes the ticket when
 * nothing of either is left. `at` is when that became true.
 */
export async function settleTicket(em: EntityManager, ticket: Ticket, at: Date): Promise<void> {
  await em.flush();
  const [counts] = await em.execute<{ unfinished: number; succeeded: number; failed: number; liveGrants: number }[]>(
    `select count(*) filter (where success is null)::int as unfinished,
            count(*) filter (where success)::int as succeeded,
            count(*) filter (where not success)::int as failed,
            (select count(*)::int from redeploy_grant where ticket_id = ? and revoked_at is null
               and expires > clock_timestamp() and (max_uses is null or uses < max_uses)) as "liveGrants"
     from operation where ticket_id = ?`,
    [ticket.id, ticket.id],
  );
  recordFacts(em, ticket, null, at, {}, ticket.settle(counts!, at));
}
