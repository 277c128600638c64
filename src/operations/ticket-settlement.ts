import type { EntityManager } from '@mikro-orm/postgresql';
import { Grant, isLiveInSql } from '../domain/grant.ts';
import type { Ticket } from '../domain/ticket.ts';
import { recordFacts } from './audit.ts';
import { execute } from './rows.ts';
import { storeRows } from './stored-rows.ts';

/**
 * To be called, under the ticket's lock, when one of its operations or tokens has ended: completes the ticket when
 * nothing of either is left. `at` is when that became true.
 */
export async function settleTicket(em: EntityManager, ticket: Ticket, at: Date): Promise<void> {
  await em.flush();
  await storeRows(em);
  const [counts] = await execute<{ unfinished: number; succeeded: number; failed: number; liveGrants: number }>(
    em,
    `select count(*) filter (where success is null)::int as unfinished,
            count(*) filter (where success)::int as succeeded,
            count(*) filter (where not success)::int as failed,
            (select count(*)::int from redeploy_grant where ticket_id = ? and ${isLiveInSql}) as "liveGrants"
     from operation where ticket_id = ?`,
    [ticket.id, ticket.id],
  );
  await endUsedUp(em, ticket, at);
  recordFacts(em, ticket, null, at, {}, ticket.settle(counts!, at));
}

/** The last use of a token is spent for good once no operation of it is left that could give it back. */
async function endUsedUp(em: EntityManager, ticket: Ticket, at: Date): Promise<void> {
  const usedUp = await execute<{ id: number }>(
    em,
    `select id from redeploy_grant g where ticket_id = ? and ended_at is null and uses >= max_uses
       and not exists (select from operation o where o.grant_id = g.id and o.success is null) order by id`,
    [ticket.id],
  );
  for (const { id } of usedUp) {
    const grant = await em.findOneOrFail(Grant, id);
    recordFacts(em, ticket, null, at, { applicationName: grant.applicationName }, [grant.useUp(at)]);
  }
}
