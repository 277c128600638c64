import { type Collection, defineEntity, p } from '@mikro-orm/core';
import type { BusinessTag } from './application.ts';
import type { AppliedPolicy } from './approval-policy.ts';
import type { AuditFact } from './audit-facts.ts';
import type { Target } from './cluster.ts';
import { RedeployError } from './errors.ts';
import { isSamePerson, mayBeSamePerson, type Person } from './person.ts';
import { type GroupMember, missingOf, requireGlassMayBreak, weighApproval } from './ticket-policy.ts';
import {
  type Decision,
  type TicketCategory,
  type TicketResult,
  type TicketStatus,
  ticketTransitions,
} from './ticket-status.ts';
import { followTransition } from './transitions.ts';

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
    awaitsGroups: p.array().nullable(),
    createdAt: p.datetime(3).index('ticket_created_index'),
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
  approve(approver: GroupMember, comment: string | null, at: Date): AuditFact<'TICKET_APPROVE'> {
    this.requireDecidable(approver, at);
    const { groups, missing, awaitsGroups } = weighApproval(this, approver);
    this.awaitsGroups = awaitsGroups;
    if (missing.length === 0) this.decideAt(at);
    const { approvalsRequired } = this;
    const approvals = this.approvals.length + 1;
    return { kind: 'TICKET_APPROVE', comment, approvals, approvalsRequired, groups, missing };
  }

  /** The requester takes the tokens alone, because nobody has decided; somebody else reviews that afterwards. */
  breakGlass(requester: Person, reason: string, at: Date): AuditFact<'TICKET_BREAK_GLASS'> {
    this.requireRequester(requester);
    this.requirePending(at);
    requireGlassMayBreak(this, at);
    this.decideAt(at);
    this.breakGlassAt = at;
    this.breakGlassReason = reason;
    return { kind: 'TICKET_BREAK_GLASS', reason, missing: missingOf(this) };
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

const TicketEntrySchema = defineEntity({
  name: 'TicketEntry',
  uniques: [{ properties: ['ticket', 'applicationName'], name: 'ticket_entry_application_unique' }],
  properties: {
    id: p.integer().primary(),
    ticket: () => p.manyToOne(Ticket),
    position: p.integer(),
    applicationName: p.text().index('ticket_entry_application_index'),
    /** Tags, targets and manifest as they stood when the ticket was created: what the approvers decide on. */
    businessTags: p.json<BusinessTag[]>(),
    targets: p.json<Target[]>(),
    manifest: p.json<object>().nullable(),
    expectedEffect: p.text().nullable(),
    rollbackPlan: p.text().nullable(),
    success: p.boolean().nullable(),
    completed: p.boolean().default(false),
    executedAt: p.datetime(3).nullable(),
    completedAt: p.datetime(3).nullable(),
    errorMessage: p.text().nullable(),
  },
});

/** One application of a ticket. */
export class TicketEntry extends TicketEntrySchema.class {
  /** Its token has been issued. */
  succeed(at: Date): void {
    this.settle(true, null, at);
  }

  fail(reason: string, at: Date): void {
    this.settle(false, reason, at);
  }

  private settle(success: boolean, errorMessage: string | null, at: Date): void {
    if (this.completed) throw new Error(`entry ${this.id} is completed already`);
    this.success = success;
    this.errorMessage = errorMessage;
    this.completed = true;
    this.executedAt = at;
    this.completedAt = at;
  }
}
TicketEntrySchema.setClass(TicketEntry);

const ApprovalSchema = defineEntity({
  name: 'Approval',
  // Each person counts once, even when two requests of one person arrive together.
  uniques: [{ properties: ['ticket', 'issuer', 'subject'], name: 'approval_person_unique' }],
  properties: {
    id: p.integer().primary(),
    ticket: () => p.manyToOne(Ticket),
    issuer: p.text(),
    subject: p.text(),
    username: p.text(),
    decision: p.text().$type<Decision>(),
    comment: p.text().nullable(),
    /** Of the groups that the ticket's policy names those that the person was in. */
    groups: p.array().defaultRaw(`'{}'`),
    at: p.datetime(3),
  },
});

/** One person's decision. */
export class Approval extends ApprovalSchema.class {}
ApprovalSchema.setClass(Approval);
