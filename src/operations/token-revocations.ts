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
import { findToken, type RedeployToken } from './tokens.ts';
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
  const open = await reading(deps, (em) => em.find(Grant, { applicationName, username, endedAt: null }));
  const allowed = open.filter((grant) => mayRevokeTokenOf(actor, grant));
  requirePermission(allowed.length > 0 || mayRevokeTokenOf(actor, null), `${actor.username} may not revoke this token`);
  const revoked: Grant[] = [];
  for (const { id, ticket } of allowed) {
    const grant = await inTransaction(deps, async (em, now) => {
      const locked = await lockTicket(em, { id: ticket.id });
      const found = await em.findOneOrFail(Grant, id);
      if (!found.isLive(now)) return null;
      recordFacts(em, locked, actor, now, { applicationName }, [found.revoke(now, reason)]);
      await settleTicket(em, locked, now);
      return found;
    });
    if (grant) revoked.push(grant);
  }
  if (revoked.length === 0) {
    throw new RedeployError('NOT_FOUND', `${username} has no live token for ${applicationName}`);
  }
  await removeCopies(deps, revoked);
  return findToken(deps, actor, { applicationName, username });
}
