import type { EntityManager } from '@mikro-orm/postgresql';
import { RedeployError } from '../domain/errors.ts';
import { Grant } from '../domain/grant.ts';
import type { Actor } from '../domain/person.ts';
import { mayRevokeTokenOf, requirePermission } from '../domain/permissions.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { readRevokeInput } from './inputs.ts';
import { lockTicket } from './ticket-locks.ts';
import { settleTicket } from './ticket-settlement.ts';
import { refreshCopies } from './token-copies.ts';
import { type RedeployToken, showGrant } from './tokens.ts';
import { inTransaction, reading } from './transaction.ts';

/**
 * Takes a user's right to redeploy an application away, at once: every live token of the pair, and every one that ended
 * meanwhile with an operation whose patch has not been sent; that patch never is. One's own, or anyone's for APPROVER and ADMIN. NOT_FOUND where there is none.
 */
export async function revokeToken(
  deps: Dependencies,
  actor: Actor,
  input: { applicationName: string; username: string; reason: string },
): Promise<RedeployToken> {
  const { applicationName, username, reason } = readRevokeInput(input);
  const open = await reading(deps, async (em) =>
    // By ticket: whoever locks several of them does so in this order.
    em.find(
      Grant,
      {
        applicationName,
        username,
        $or: [{ endedAt: null }, { id: { $in: await grantsWithUnsent(em, applicationName) } }],
      },
      { orderBy: { ticket: 'asc' } },
    ),
  );
  const allowed = open.filter((grant) => mayRevokeTokenOf(actor, grant));
  const isOwn = username === actor.username;
  requirePermission(
    allowed.length > 0 || (isOwn && open.length === 0) || mayRevokeTokenOf(actor, null),
    `${actor.username} may not revoke this token`,
  );
  const revoked = await inTransaction(deps, async (em) => {
    const revoked: Grant[] = [];
    for (const { id, ticket } of allowed) {
      const { ticket: locked, now } = await lockTicket(em, { id: ticket.id });
      const grant = await em.findOneOrFail(Grant, id);
      const isOpen = grant.isLive(now) || (await grantsWithUnsent(em, applicationName)).includes(id);
      if (!isOpen || grant.revokedAt) continue;
      recordFacts(em, locked, actor, now, { applicationName }, [grant.revoke(now, reason)]);
      await settleTicket(em, locked, now);
      revoked.push(grant);
    }
    return revoked;
  });
  const last = revoked.toSorted((a, b) => a.expires.getTime() - b.expires.getTime()).at(-1);
  if (!last) throw new RedeployError('NOT_FOUND', `${username} has no live token for ${applicationName}`);
  await refreshCopies(deps, revoked);
  return showGrant(last, last.ticket.id, last.revokedAt!); // from the record: done is done, whether Redis answers or not
}

/** With an operation that is stored and whose patch, as far as is known, has not been sent. */
async function grantsWithUnsent(em: EntityManager, applicationName: string): Promise<number[]> {
  const rows = await em.execute<{ id: number }[]>(
    `select distinct grant_id as id from operation
     where application_name = ? and landed_at is null and success is null`,
    [applicationName],
  );
  return rows.map(({ id }) => id);
}
