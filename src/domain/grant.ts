import { defineEntity, p } from '@mikro-orm/core';
import { Ticket, TicketEntry } from './ticket.ts';

const GrantSchema = defineEntity({
  name: 'Grant',
  tableName: 'redeploy_grant',
  indexes: [{ properties: ['applicationName', 'username', 'expires'], name: 'redeploy_grant_lookup_index' }],
  properties: {
    id: p.integer().primary(),
    ticket: () => p.manyToOne(Ticket).index('redeploy_grant_ticket_index'),
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
    uses: p.integer().default(0),
    /** Null: as many as the time allows. */
    maxUses: p.integer().nullable(),
  },
});

/**
 * The authority behind a redeploy token: one person's right to redeploy one application until `expires`.
 * Redis only holds a copy. Spending is a conditional UPDATE (operations/tokens), never a change of this object.
 */
export class Grant extends GrantSchema.class {
  isLive(now: Date): boolean {
    return this.whyNotLive(now) === null;
  }

  /** What ended it, as the person reads it; null while it is live. */
  whyNotLive(now: Date): string | null {
    if (this.revokedAt) return `was revoked${this.revokedReason ? `: ${this.revokedReason}` : ''}`;
    if (this.expires <= now) return `expired at ${this.expires.toISOString()}`;
    if (this.maxUses != null && this.uses >= this.maxUses) return 'is used up';
    return null;
  }

  revoke(at: Date, reason: string): void {
    this.revokedAt ??= at;
    this.revokedReason ??= reason;
  }
}
GrantSchema.setClass(Grant);
