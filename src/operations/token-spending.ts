import type { EntityManager } from '@mikro-orm/postgresql';
import { RedeployError } from '../domain/errors.ts';
import { Grant, isLiveInSql } from '../domain/grant.ts';
import type { Actor } from '../domain/person.ts';
import type { Dependencies } from './dependencies.ts';
import type { LiveGrant } from './live-grants.ts';
import { execute } from './rows.ts';
import { reconcileToken } from './tokens.ts';
import { databaseNow, reading } from './transaction.ts';

/** The grant that a redeploy may spend now. Throws TOKEN_INVALID where there is none, UNAVAILABLE where Redis is away. */
export async function requireToken(deps: Dependencies, actor: Actor, applicationName: string): Promise<LiveGrant> {
  const { issuer, subject, username } = actor;
  const { grant } = await reconcileToken(deps, { applicationName, issuer, subject }, username);
  if (!grant) throw await tokenInvalid(deps, actor, applicationName);
  return grant;
}

/** Says which it is: none, expired, revoked or used up. */
async function tokenInvalid(deps: Dependencies, actor: Actor, applicationName: string): Promise<RedeployError> {
  const { issuer, subject, username } = actor;
  const why = await reading(deps, async (em) => {
    const last = await em.findOne(
      Grant,
      { issuer, subject, applicationName },
      { orderBy: { expires: 'desc', id: 'desc' }, populate: ['ticket'] },
    );
    return last ? `the token of ticket ${last.ticketNo} ${last.whyNotLive(await databaseNow(em)) ?? 'ended'}` : null;
  });
  return new RedeployError('TOKEN_INVALID', why ?? `${username} has no token for ${applicationName}`, {
    advice: 'Create a ticket and have it approved.',
  });
}

/** Atomically: of two requests for a last use one gets it. Answers with the instant. */
export async function spendToken(
  deps: Dependencies,
  em: EntityManager,
  actor: Actor,
  { id, applicationName }: LiveGrant,
): Promise<Date> {
  const [spent] = await execute<{ now: string }>(
    em,
    `update redeploy_grant set uses = uses + 1 where id = ? and ${isLiveInSql}
     returning clock_timestamp()::timestamptz(3) as now`,
    [id],
  );
  if (!spent) throw await tokenInvalid(deps, actor, applicationName);
  return new Date(spent.now);
}
