import { RedeployError } from '../domain/errors.ts';
import { Grant } from '../domain/grant.ts';
import type { Actor } from '../domain/person.ts';
import { mayRevokeTokenOf, requirePermission } from '../domain/permissions.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { readRevokeInput } from './inputs.ts';
import { lockTicket } from './ticket-locks.ts';
import { settleTicket } from './ticket-settlement.ts';
import { removeCopies } from './token-copies.ts';
import { type RedeployToken, showGrant } from './tokens.ts';
import { inTransaction, reading } from './transaction.ts';

/**
 * Takes a user's right to redeploy an application away, at once: every live token of the pair, also for an operation
 * whose patch has not been sent. One's own, or anyone's for APPROVER and ADMIN. NOT_FOUND where there is none.
 */
export async function revokeToken(
  deps: Dependencies,
  actor: Actor,
  input: { applicationName: string; username: string; reason: string },
): Promise<RedeployToken> {
  const { applicationName, username, reason } = readRevokeInput(input);
  const open = await reading(deps, (em) =>
    // By ticket: whoever locks several of them does so in this order.
    em.find(Grant, { applicationName, username, endedAt: null }, { orderBy: { ticket: 'asc' } }),
  );
  const allowed = open.filter((grant) => mayRevokeTokenOf(actor, grant));
  const isOwn = username === actor.username;
  requirePermission(
    allowed.length > 0 || (isOwn && open.length === 0) || mayRevokeTokenOf(actor, null),
    `${actor.username} may not revoke this token`,
  );
  const { revoked, at } = await inTransaction(deps, async (em, now) => {
    const revoked: Grant[] = [];
    for (const { id, ticket } of allowed) {
      const locked = await lockTicket(em, { id: ticket.id });
      const grant = await em.findOneOrFail(Grant, id);
      if (!grant.isLive(now)) continue;
      recordFacts(em, locked, actor, now, { applicationName }, [grant.revoke(now, reason)]);
      await settleTicket(em, locked, now);
      revoked.push(grant);
    }
    return { revoked, at: now };
  });
  const last = revoked.toSorted((a, b) => a.expires.getTime() - b.expires.getTime()).at(-1);
  if (!last) throw new RedeployError('NOT_FOUND', `${username} has no live token for ${applicationName}`);
  await removeCopies(deps, revoked);
  return showGrant(last, last.ticket.id, at); // from the record: done is done, whether Redis answers or not
}
