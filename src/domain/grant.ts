import { defineEntity, p } from '@mikro-orm/core';
import type { AuditFact } from './audit-facts.ts';
import { Ticket, TicketEntry } from './ticket.ts';

const GrantSchema = defineEntity({
  name: 'Grant',
  tableName: 'redeploy_grant',
  indexes: [
    { properties: ['applicationName', 'username', 'expires'], name: 'redeploy_grant_lookup_index' },
    { properties: ['expires'], name: 'redeploy_grant_open_index', where: 'ended_at is null' },
  ],
  properties: {
    id: p.integer().primary(),
    ticket: () => p.manyToOne(Ticket).index('redeploy_grant_ticket_index'),
    ticketNo: p.text(),
    entry: () => p.manyToOne(TicketEntry).unique('redeploy_grant_entry_unique'),
    applicationName: p.text(),
    issuer: p.text(),
    subject: p.text(),
    /** As it was when the grant was given; the Redis key bears it. */
    username: p.text(),
    grantedAt: p.datetime(3),
    expires: p.datetime(3),
    revokedAt: p.datetime(3).nullable(),
    revokedReason: p.text().nullable(),
    /** When it stopped being live, as the record tells it; null until that is recorded. */
    endedAt: p.datetime(3).nullable(),
    uses: p.integer().default(0),
    /** Null: as many as the time allows. */
    maxUses: p.integer().nullable(),
    /** Taken by its holder alone, without the approvals that the ticket needed. */
    breakGlass: p.boolean().default(false),
  },
});

/**
 * The authority behind a redeploy token: one person's right to redeploy one application until `expires`.
 * Redis only holds a copy.
 */
export class Grant extends GrantSchema.class {
  isLive(now: Date): boolean {
    return this.whyNotLive(now) === null;
  }

  whyNotLive(now: Date): string | null {
    return whyNotLive(this, now);
  }

  /** Under its row's lock: of two requests for a last use one gets it. */
  spend(): void {
    this.uses += 1;
  }

  revoke(at: Date, reason: string): AuditFact<'TOKEN_REVOKE'> {
    this.revokedAt = at;
    this.revokedReason = reason;
    this.endedAt = at;
    return { kind: 'TOKEN_REVOKE', reason };
  }

  /** Its last use is spent and cannot be given back any more. */
  useUp(at: Date): AuditFact<'TOKEN_USED_UP'> {
    this.endedAt = at;
    return { kind: 'TOKEN_USED_UP', uses: this.maxUses! };
  }

  /** Its time is over; that was at `expires`, whenever it is noticed. */
  expire(): AuditFact<'TOKEN_EXPIRE'> {
    this.endedAt = this.expires;
    return { kind: 'TOKEN_EXPIRE', expires: this.expires.toISOString() };
  }
}
GrantSchema.setClass(Grant);

type Liveness = Pick<Grant, 'revokedAt' | 'revokedReason' | 'expires' | 'uses' | 'maxUses'>;

export const whyRevoked = (reason: string | null | undefined): string => `was revoked${reason ? `: ${reason}` : ''}`;

/** What ended a grant, as the person reads it; null while it is live. */
export function whyNotLive(grant: Liveness, now: Date): string | null {
  if (grant.revokedAt) return whyRevoked(grant.revokedReason);
  if (grant.expires <= now) return `expired at ${grant.expires.toISOString()}`;
  if (grant.maxUses != null && grant.uses >= grant.maxUses) return 'is used up';
  return null;
}

/** The same of a row, exact on PostgreSQL's clock. */
export const isLiveInSql = `revoked_at is null and expires > clock_timestamp() and (max_uses is null or uses < max_uses)`;
