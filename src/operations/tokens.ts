import { Grant } from '../domain/grant.ts';
import type { Actor } from '../domain/person.ts';
import { mayReadWhatBelongsTo } from '../domain/permissions.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { findLiveGrant, tokenCopy } from './issue-tokens.ts';
import { lockTicket } from './ticket-locks.ts';
import { databaseNow, inTransaction, reading } from './transaction.ts';

/** A redeploy token as clients see it. Not valid: what else is known of it, and `desc` says why. */
export type RedeployToken = {
  username: string;
  applicationName: string;
  ticketId: number | null;
  ticketNo: string | null;
  expires: Date | null;
  valid: boolean;
  desc: string;
  secondsRemaining: number;
};

/**
 * The token of a user for an application; "no token" is a value. One's own, or anyone's for APPROVER, AUDITOR and
 * ADMIN; for others there is none. UNAVAILABLE where Redis or PostgreSQL is away: nothing can be shown valid then.
 */
export async function findToken(
  deps: Dependencies,
  actor: Actor,
  input: { applicationName: string; username: string | null },
): Promise<RedeployToken> {
  const { applicationName } = input;
  const username = input.username ?? actor.username;
  const own = username === actor.username;
  const pair = own ? { applicationName, issuer: actor.issuer, subject: actor.subject } : { applicationName, username };
  const latest = await reading(deps, (em) =>
    em.findOne(Grant, pair, { orderBy: { expires: 'desc', id: 'desc' }, populate: ['ticket'] }),
  );
  const none = {
    username,
    applicationName,
    ticketId: null,
    ticketNo: null,
    expires: null,
    valid: false,
    secondsRemaining: 0,
  };
  const visible = own || mayReadWhatBelongsTo(actor, latest ?? { issuer: '', subject: '' });
  const noToken = { ...none, desc: `${username} has no token for ${applicationName}` };
  if (!visible) return noToken;
  const { grant, now } = await reconcileToken(deps, pair, username);
  if (!grant && !latest) return noToken;
  return showGrant(grant ?? latest!, now);
}

type Pair =
  | { applicationName: string; username: string }
  | { applicationName: string; issuer: string; subject: string };

/**
 * Brings Redis in line with the grants, which are the authority: a missing or stale copy is written again, one
 * without a live grant is deleted; both are recorded. Throws UNAVAILABLE where Redis does not answer.
 */
export async function reconcileToken(
  deps: Dependencies,
  pair: Pair,
  username: string,
): Promise<{ grant: Grant | null; now: Date }> {
  const { applicationName } = pair;
  const { grant, underName, now } = await reading(deps, async (em) => {
    const grant = await findLiveGrant(em, pair);
    const name = grant?.username ?? username;
    return {
      grant,
      underName: await findLiveGrant(em, { applicationName, username: name }),
      now: await databaseNow(em),
    };
  });
  const keyName = grant?.username ?? username;
  const copy = await deps.tokens.get(keyName, applicationName);
  if (underName) {
    const wanted = tokenCopy(underName);
    if (copy?.ticketId === wanted.ticketId && copy.expires === wanted.expires) return { grant, now };
    await deps.tokens.put(wanted);
    await inTransaction(deps, async (em, at) => {
      const ticket = await lockTicket(em, { id: underName.ticket.id });
      recordFacts(em, ticket, null, at, { applicationName }, [{ kind: 'TOKEN_RESTORE', expires: wanted.expires }]);
    });
  } else if (copy) {
    await deps.tokens.remove(keyName, applicationName);
    const reason = `no live grant stands behind the key (ticket ${copy.ticketNo})`;
    await inTransaction(deps, async (em, at) => {
      recordFacts(em, null, null, at, { applicationName }, [{ kind: 'TOKEN_STRAY', user: keyName, reason }]);
    });
  }
  return { grant, now };
}

/** The tokens of these entries as the record has them; null where none was granted. */
export async function tokensOfEntries(
  deps: Pick<Dependencies, 'orm'>,
  entryIds: readonly number[],
): Promise<(RedeployToken | null)[]> {
  return reading(deps, async (em) => {
    const now = await databaseNow(em);
    const grants = await em.find(Grant, { entry: { $in: [...entryIds] } }, { populate: ['ticket'] });
    const byEntry = new Map(grants.map((grant) => [grant.entry.id, showGrant(grant, now)]));
    return entryIds.map((id) => byEntry.get(id) ?? null);
  });
}

function showGrant(grant: Grant, now: Date): RedeployToken {
  const why = grant.whyNotLive(now);
  const { username, applicationName, ticket, expires } = grant;
  return {
    username,
    applicationName,
    ticketId: ticket.id,
    ticketNo: ticket.ticketNo,
    expires,
    valid: why === null,
    desc: why === null ? tokenCopy(grant).desc : `the token of ticket ${ticket.ticketNo} ${why}`,
    secondsRemaining: why === null ? Math.floor((expires.getTime() - now.getTime()) / 1000) : 0,
  };
}
