import { AuditRecord } from '../domain/audit-record.ts';
import { Grant, whyNotLive } from '../domain/grant.ts';
import { type Actor, isSamePerson } from '../domain/person.ts';
import { mayReadWhatBelongsTo } from '../domain/permissions.ts';
import type { TokenCopy } from '../domain/token.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { readTokenQuery } from './inputs.ts';
import { describeToken, tokenCopy } from './issue-tokens.ts';
import { findLiveGrants, type LiveGrant } from './live-grants.ts';
import type { RowList } from './pages.ts';
import type { EntryRow } from './reads.ts';
import { lockTicket } from './ticket-locks.ts';
import { databaseNow, inTransaction, reading, readingRows } from './transaction.ts';

/** A redeploy token as clients see it. Not valid: what else is known of it, and `desc` says why. */
export type RedeployToken = {
  /** Null where there never was one. */
  grantId: number | null;
  username: string;
  applicationName: string;
  ticketId: number | null;
  ticketNo: string | null;
  expires: Date | null;
  valid: boolean;
  desc: string;
  secondsRemaining: number;
  /** Null: as many as its time allows. */
  usesLeft: number | null;
  breakGlass: boolean;
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
  const { applicationName, ...named } = readTokenQuery(input);
  const username = named.username ?? actor.username;
  const own = username === actor.username;
  const pair = own ? { applicationName, issuer: actor.issuer, subject: actor.subject } : { applicationName, username };
  const latest = await reading(deps, (em) =>
    em.findOne(Grant, pair, { orderBy: { expires: 'desc', id: 'desc' }, populate: ['ticket'] }),
  );
  const none = {
    grantId: null,
    username,
    applicationName,
    ticketId: null,
    ticketNo: null,
    expires: null,
    valid: false,
    secondsRemaining: 0,
    usesLeft: 0,
    breakGlass: false,
  };
  const visible = own || mayReadWhatBelongsTo(actor, latest ?? { issuer: '', subject: '' });
  const noToken = { ...none, desc: `${username} has no token for ${applicationName}` };
  if (!visible) return noToken;
  const { grant, now } = await reconcileToken(deps, pair, username);
  if (grant) return showGrant(grant, grant.ticketId, now);
  return latest ? showGrant(latest, latest.ticket.id, now) : noToken;
}

type Pair =
  | { applicationName: string; username: string }
  | { applicationName: string; issuer: string; subject: string };

/**
 * Brings Redis in line with the grants, which are the authority: a missing or stale copy is written again, one
 * without a live grant is deleted. Both are recorded before they are done: without the record nothing is done. Throws
 * UNAVAILABLE where Redis does not answer. `found`: what was read of the pair just before.
 */
export async function reconcileToken(
  deps: Dependencies,
  pair: Pair,
  username: string,
  found?: LiveGrant[],
): Promise<{ grant: LiveGrant | null; now: Date }> {
  const { applicationName } = pair;
  const { grant, underName, now } = await readingRows(deps, async (em) => {
    const live = found ?? (await findLiveGrants(em, { username, ...pair }));
    const own = live.filter((one) => 'username' in pair || isSamePerson(one, pair));
    // What is running serves until what was approved since is issued too.
    const grant = own.find(({ isIssued }) => isIssued) ?? own[0] ?? null;
    const name = grant?.username ?? username;
    const ofName = name === username ? live : await findLiveGrants(em, { applicationName, username: name });
    const underName = ofName.find((one) => one.username === name) ?? null;
    return { grant, underName, now: grant?.now ?? (await databaseNow(em)) };
  });
  const keyName = grant?.username ?? username;
  const copy = await deps.tokens.get(keyName, applicationName);
  if (underName) {
    const wanted = tokenCopy(underName);
    if (isSameCopy(copy, wanted)) return { grant, now };
    await recordRestoring(deps, wanted, now);
    await deps.tokens.put(wanted);
  } else if (copy) {
    const isGranted = !(await recordStray(deps, copy, keyName, applicationName));
    if (isGranted) return reconcileToken(deps, pair, username); // since the first look; the key is its own
    await deps.tokens.remove(keyName, applicationName);
  }
  return { grant, now };
}

export const isSameCopy = (copy: TokenCopy | null, wanted: Pick<TokenCopy, 'ticketId' | 'expires'>): boolean =>
  copy?.ticketId === wanted.ticketId && copy.expires === wanted.expires;

/** Redis answers within this time, or it is away. */
const writtenWithinMs = 2_000;

/** Of several who miss the same copy one records it: what was recorded a moment ago is being written. */
async function recordRestoring(
  deps: Dependencies,
  { ticketId, applicationName, expires }: TokenCopy,
  missedAt: Date,
): Promise<void> {
  await inTransaction(deps, async (em) => {
    const { ticket, now } = await lockTicket(em, { id: ticketId });
    if (ticket.status === 'APPROVED') return; // nothing was lost: the key is being issued for the first time
    const since = new Date(missedAt.getTime() - writtenWithinMs);
    const told = { ticketId, applicationName, kind: 'TOKEN_RESTORE', at: { $gt: since } } as const;
    if ((await em.count(AuditRecord, told)) > 0) return;
    recordFacts(em, ticket, null, now, { applicationName }, [{ kind: 'TOKEN_RESTORE', expires }]);
  });
}

/** False where a grant stands behind the key by now. */
async function recordStray(
  deps: Dependencies,
  copy: TokenCopy,
  username: string,
  applicationName: string,
): Promise<boolean> {
  const key = { applicationName, username };
  return inTransaction(deps, async (em) => {
    const at = await databaseNow(em);
    if ((await findLiveGrants(em, key)).length > 0) return false;
    // A grant that ended by itself: Redis' clock may be a little behind PostgreSQL's.
    const origin = await em.findOne(Grant, { ...key, ticket: copy.ticketId, expires: new Date(copy.expires) });
    if (origin && !origin.revokedAt) return true;
    const reason = `no live grant stands behind the key (ticket ${copy.ticketNo})`;
    recordFacts(em, null, null, at, { applicationName }, [{ kind: 'TOKEN_STRAY', user: username, reason }]);
    return true;
  });
}

const grantColumns = [
  'id',
  'ticketNo',
  'applicationName',
  'issuer',
  'subject',
  'username',
  'expires',
  'revokedAt',
  'revokedReason',
  'uses',
  'maxUses',
  'breakGlass',
] as const;
export type GrantRow = Pick<Grant, (typeof grantColumns)[number]> & { ticketId: number; entryId: number };
export const grantRows: RowList<GrantRow> = {
  key: 'id',
  order: 'desc',
  cursor: 'int',
  table: 'redeploy_grant',
  columns: [...grantColumns, 'ticketId', 'entryId'],
};

/** A grant as the person reads it. */
export const showGrant = (grant: ShownGrant & { id: number }, ticketId: number, now: Date): RedeployToken =>
  new TokenOfGrant(grant.id, grant, ticketId, now);

/** The token of this entry as the record has it; null where none was granted. */
export const tokenOfEntry = (entry: EntryRow): RedeployToken | null =>
  entry.grantId === null ? null : new TokenOfGrant(entry.grantId, entry, entry.ticketId, entry.readAt);

type ShownGrant = Omit<GrantRow, 'id' | 'issuer' | 'subject' | 'ticketId' | 'entryId'>;

/** A class, because a getter of an object literal is made anew for each token, at forty times the cost. */
class TokenOfGrant implements RedeployToken {
  readonly grantId: number;
  readonly username: string;
  readonly applicationName: string;
  readonly ticketId: number;
  readonly ticketNo: string;
  readonly expires: Date;
  readonly valid: boolean;
  readonly secondsRemaining: number;
  readonly usesLeft: number | null;
  readonly breakGlass: boolean;
  readonly #why: string | null;

  constructor(id: number, grant: ShownGrant, ticketId: number, now: Date) {
    const { expires, uses, maxUses = null } = grant;
    const why = whyNotLive(grant, now);
    this.grantId = id;
    this.username = grant.username;
    this.applicationName = grant.applicationName;
    this.ticketId = ticketId;
    this.ticketNo = grant.ticketNo;
    this.expires = expires;
    this.valid = why === null;
    this.secondsRemaining = why === null ? Math.floor((expires.getTime() - now.getTime()) / 1000) : 0;
    this.usesLeft = why !== null ? 0 : maxUses === null ? null : maxUses - uses;
    this.breakGlass = grant.breakGlass;
    this.#why = why;
  }

  /** Put together when it is asked for: a page of tokens mostly does without. */
  get desc(): string {
    return this.#why === null ? describeToken(this) : `the token of ticket ${this.ticketNo} ${this.#why}`;
  }
}
