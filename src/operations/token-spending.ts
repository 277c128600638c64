import type { EntityManager } from '@mikro-orm/postgresql';
import { RedeployError } from '../domain/errors.ts';
import { Grant } from '../domain/grant.ts';
import type { Actor } from '../domain/person.ts';
import type { Dependencies } from './dependencies.ts';
import type { LiveGrant } from './live-grants.ts';
import { reconcileToken } from './tokens.ts';
import { databaseNow, reading } from './transaction.ts';

/**
 * Of the live ones the grant that a redeploy may spend now. Throws TOKEN_INVALID where there is none, UNAVAILABLE where
 * Redis is away.
 */
export async function requireToken(
  deps: Dependencies,
  actor: Actor,
  applicationName: string,
  live: LiveGrant[],
): Promise<LiveGrant> {
  const { issuer, subject, username } = actor;
  const { grant } = await reconcileToken(deps, { applicationName, issuer, subject }, username, live);
  if (!grant) throw await reading(deps, (em) => tokenInvalid(em, actor, applicationName));
  return grant;
}

/** Says which it is: none, expired, revoked or used up. */
export async function tokenInvalid(
  em: EntityManager,
  { issuer, subject, username }: Actor,
  applicationName: string,
): Promise<RedeployError> {
  const last = await em.findOne(
    Grant,
    { issuer, subject, applicationName },
    { orderBy: { expires: 'desc', id: 'desc' }, populate: ['ticket'] },
  );
  const why = last?.whyNotLive(await databaseNow(em)) ?? 'ended';
  const says = last ? `the token of ticket ${last.ticketNo} ${why}` : `${username} has no token for ${applicationName}`;
  return new RedeployError('TOKEN_INVALID', says, { advice: 'Create a ticket and have it approved.' });
}
