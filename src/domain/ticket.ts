import { type Collection, defineEntity, p } from '@mikro-orm/core';
import {
  type AppliedPolicy,
  awaitedGroups,
  groupsThatCount,
  missingTexts,
  standingOf,
  wouldCount,
} from './approval-policy.ts';
import { Approval } from './approval.ts';
import type { AuditFact } from './audit-facts.ts';
import { RedeployError } from './errors.ts';
import { type Actor, isSamePerson, mayBeSamePerson, type Person } from './person.ts';
import { TicketEntry } from './ticket-entry.ts';
import { breakGlassFrom, requiredOf } from './ticket-policy.ts';
import { followTransition, type Transitions } from './transitions.ts';

export const ticketStatuses = [
  'PENDING_APPROVAL',
  'APPROVED',
  'AUTHORIZED',
  'REDEPLOYING',
  'COMPLETED',
  'REJECTED',
  'CANCELLED',
  'EXPIRED',
  'FAILED',
] as const;
export type TicketStatus = (typeof ticketStatuses)[number];

export const ticketTransitions: Transitions<TicketStatus> = {
  PENDING_APPROVAL: ['APPROVED', 'REJECTED', 'CANCELLED', 'EXPIRED'],
  APPROVED: ['AUTHORIZED', 'FAILED'],
  AUTHORIZED: ['REDEPLOYING', 'COMPLETED'],
  REDEPLOYING: ['AUTHORIZED', 'COMPLETED'],
  COMPLETED: [],
  REJECTED: [],
  CANCELLED: [],
  EXPIRED: [],
  FAILED: [],
};

export const ticketResults = ['SUCCEEDED', 'FAILED', 'MIXED', 'UNUSED'] as const;
export type TicketResult = (typeof ticketResults)[number];

export const ticketCategories = [
  'BUG_FIX',
  'CONFIG_CHANGE',
  'ROLLBACK',
  'SECURITY_PATCH',
  'MEMORY_LEAK',
  'PERFORMANCE',
] as const;
export type TicketCategory = (typeof ticketCategories)[number];

const TicketSchema = defineEntity({
  name: 'Ticket',
  indexes: [
    {
      properties: ['id'],
      name: 'ticket_open_review_index',
      where: 'break_glass_at is not null and reviewed_at is null',
    },
  ],
  properties: {
    id: p.integer().primary(),
    ticketNo: p.text().unique(),
    category: p.text().$type<TicketCategory>(),
    reason: p.text(),
    issuer: p.text(),
    subject: p.text(),
    username: p.text(),
    status: p.text().$type<TicketStatus>().default('PENDING_APPROVAL'),
    result: p.text().$type<TicketResult>().nullable(),
    /** The fewest people who can fulfil the policy. */
    approvalsRequired: p.integer(),
    /** As it applied when the ticket was created, and its hash; null in tickets from before there were any. */
    policy: p.json<AppliedPolicy>().nullable(),
    policyHash: p.text().nullable(),
    /** Only members of these groups can approve what is still missing; null: every approver can. */
    awaitsGroups: p.array<string>().nullable(),
    createdAt: p.datetime(3),
    /** Nobody can decide any more from then on. */
    decideBy: p.datetime(3),
    /** When it was decided: with the last approval, or without one by breaking the glass. */
    approvedAt: p.datetime(3).nullable(),
    breakGlassAt: p.datetime(3).nullable(),
    breakGlassReason: p.text().nullable(),
    reviewedAt: p.datetime(3).nullable(),
    reviewedBy: p.text().nullable(),
    reviewComment: p.text().nullable(),
    /** When the requester said that its tokens are needed no more. */
    completionAskedAt: p.datetime(3).nullable(),
    endedAt: p.datetime(3).nullable(),
    /** What the requester said when completing it. */
    summary: p.text().nullable(),
    /** Head of the ticket's audit chain; changes only under the ticket row's lock. */
    auditSequence: p.integer().default(0),
    auditHash: p.text().nullable(),
    entries: () => p.oneToMany(TicketEntry).mappedBy('ticket').orderBy({ position: 'asc' }),
    approvals: () => p.oneToMany(Approval).mappedBy('ticket').orderBy({ id: 'asc' }),
  },
});

/** A request to redeploy, with one entry per application. It alone changes its status. */
export class Ticket extends TicketSchema.class {
  declare entries: Collection<TicketEntry>;
  declare approvals: Collection<Approval>;

  /** The approval itself is stored beside it, with the groups that the fact names. */
  approve(
    approver: Pick<Actor, keyof Person | 'groups'>,
    comment: string | null,
    at: Date,
  ): AuditFact<'TICKET_APPROVE'> {
    this.requireDecidable(approver, at);
    const required = requiredOf(this);
    const before = this.approvals.getItems();
    const standing = standingOf(required, before);
    if (!wouldCount(standing, approver)) {
      const waitsFor = missingTexts(standing).join(' and ');
      throw new RedeployError(
        'FORBIDDEN',
        `${approver.username}'s approval would not count: ticket ${this.ticketNo} waits for ${waitsFor}`,
        { advice: 'Ask a member of that group.' },
      );
    }
    const groups = groupsThatCount(required, approver.groups);
    const after = standingOf(required, [...before, { groups }]);
    this.awaitsGroups = awaitedGroups(after);
    const missing = missingTexts(after);
    if (missing.length === 0) this.decideAt(at);
    const { approvalsRequired } = this;
    return { kind: 'TICKET_APPROVE', comment, approvals: before.length + 1, approvalsRequired, groups, missing };
  }

  /** The requester takes the tokens alone, because nobody has decided; somebody else reviews that afterwards. */
  breakGlass(requester: Person, reason: string, at: Date): AuditFact<'TICKET_BREAK_GLASS'> {
    this.requireRequester(requester);
    this.requirePending(at);
    const from = breakGlassFrom(this);
    if (from === null) {
      throw new RedeployError('FORBIDDEN', `the policy of ticket ${this.ticketNo} forbids to break the glass`, {
        advice: 'Ask its approvers.',
      });
    }
    if (at < from) {
      throw new RedeployError(
        'CONFLICT',
        `the glass of ticket ${this.ticketNo} can be broken from ${from.toISOString()} on, if nobody decides before`,
        { advice: 'Ask its approvers meanwhile.' },
      );
    }
    this.decideAt(at);
    this.breakGlassAt = at;
    this.breakGlassReason = reason;
    const missing = missingTexts(standingOf(requiredOf(this), this.approvals.getItems()));
    return { kind: 'TICKET_BREAK_GLASS', reason, missing };
  }

  /** Closes the review of a broken glass; in whatever status the ticket is by then. */
  review(reviewer: Person, comment: string, at: Date): AuditFact<'TICKET_REVIEW'> {
    if (mayBeSamePerson(this, reviewer)) {
      throw new RedeployError(
        'FORBIDDEN',
        `${reviewer.username} broke the glass of ticket ${this.ticketNo} and cannot review it`,
        { advice: 'Ask an approver.' },
      );
    }
    if (!this.breakGlassAt) throw new RedeployError('CONFLICT', `nobody broke the glass of ticket ${this.ticketNo}`);
    if (this.reviewedAt) {
      throw new RedeployError('CONFLICT', `${this.reviewedBy} has already reviewed ticket ${this.ticketNo}`);
    }
    this.reviewedAt = at;
    this.reviewedBy = reviewer.username;
    this.reviewComment = comment;
    return { kind: 'TICKET_REVIEW', comment };
  }

  reject(approver: Person, comment: string | null, at: Date): AuditFact<'TICKET_REJECT'> {
    this.requireDecidable(approver, at);
    this.end('REJECTED', at);
    return { kind: 'TICKET_REJECT', comment };
  }

  cancel(requester: Person, reason: string | null, at: Date): AuditFact<'TICKET_CANCEL'> {
    this.requireRequester(requester);
    this.requirePending(at);
    this.end('CANCELLED', at);
    return { kind: 'TICKET_CANCEL', reason };
  }

  /** Nobody decided in time; that was at `decideBy`, whenever it is noticed. */
  expire(): AuditFact<'TICKET_EXPIRE'> {
    this.end('EXPIRED', this.decideBy);
    return { kind: 'TICKET_EXPIRE', decideBy: this.decideBy.toISOString() };
  }

  /** The requester needs its tokens no more; the ticket is completed by `settle`, at the latest with its last operation. */
  completeEarly(requester: Person, summary: string | null, at: Date): AuditFact<'TICKET_COMPLETE_REQUEST'> {
    this.requireRequester(requester);
    if (this.status !== 'AUTHORIZED' && this.status !== 'REDEPLOYING') {
      throw new RedeployError('CONFLICT', `ticket ${this.ticketNo} is ${this.status} and cannot be completed`);
    }
    if (this.completionAskedAt) {
      const since = this.completionAskedAt.toISOString();
      throw new RedeployError('CONFLICT', `ticket ${this.ticketNo} is being completed since ${since}`, {
        advice: 'It is COMPLETED with its last operation.',
      });
    }
    this.completionAskedAt = at;
    this.summary = summary;
    return { kind: 'TICKET_COMPLETE_REQUEST', summary };
  }

  /** Every entry has its token. */
  authorize(): void {
    this.become('AUTHORIZED');
  }

  /** The tokens could not be issued; their grants are void. */
  fail(reason: string, at: Date): AuditFact<'TICKET_FAIL'> {
    this.end('FAILED', at);
    return { kind: 'TICKET_FAIL', reason };
  }

  startRedeploying(): void {
    if (this.status !== 'REDEPLOYING') this.become('REDEPLOYING');
  }

  /**
   * To be called when an operation of this ticket has ended, and when a token has; also of one that is completed
   * already (its last operation may end just before its expired token is noticed) or whose tokens are being issued.
   */
  settle(
    now: { unfinished: number; liveGrants: number; succeeded: number; failed: number },
    at: Date,
  ): AuditFact<'TICKET_COMPLETE'>[] {
    if (this.status !== 'AUTHORIZED' && this.status !== 'REDEPLOYING') return [];
    if (now.unfinished > 0) return [];
    if (now.liveGrants > 0) {
      if (this.status === 'REDEPLOYING') this.become('AUTHORIZED');
      return [];
    }
    const { succeeded, failed } = now;
    this.result = failed > 0 ? (succeeded > 0 ? 'MIXED' : 'FAILED') : succeeded > 0 ? 'SUCCEEDED' : 'UNUSED';
    this.end('COMPLETED', at);
    return [{ kind: 'TICKET_COMPLETE', result: this.result, summary: this.summary ?? null }];
  }

  private requireDecidable(approver: Person, at: Date): void {
    if (mayBeSamePerson(this, approver)) {
      throw new RedeployError(
        'FORBIDDEN',
        `${approver.username} asked for ticket ${this.ticketNo} and cannot decide it`,
        {
          advice: 'Ask another approver.',
        },
      );
    }
    this.requirePending(at);
    if (this.approvals.getItems().some((approval) => mayBeSamePerson(approval, approver))) {
      throw new RedeployError('CONFLICT', `${approver.username} has already approved ticket ${this.ticketNo}`, {
        advice: 'It needs another person.',
      });
    }
  }

  private requirePending(at: Date): void {
    if (this.status !== 'PENDING_APPROVAL') {
      throw new RedeployError('CONFLICT', `ticket ${this.ticketNo} is ${this.status} and can no longer be decided`);
    }
    if (this.decideBy <= at) {
      throw new RedeployError('CONFLICT', `ticket ${this.ticketNo} expired at ${this.decideBy.toISOString()}`, {
        advice: 'Create a new ticket.',
      });
    }
  }

  private requireRequester(person: Person): void {
    if (isSamePerson(this, person)) return;
    throw new RedeployError('FORBIDDEN', `only ${this.username}, who asked for ticket ${this.ticketNo}, may do this`);
  }

  private decideAt(at: Date): void {
    this.become('APPROVED');
    this.approvedAt = at;
  }

  private become(status: TicketStatus): void {
    this.status = followTransition(ticketTransitions, this.status, status);
  }

  private end(status: TicketStatus, at: Date): void {
    this.become(status);
    this.endedAt = at;
  }
}
TicketSchema.setClass(Ticket);
