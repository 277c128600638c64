import { isDeployer, mayBreakGlass, mayDecide, mayReadAudit, mayRegisterApplications } from '../domain/permissions.ts';
import type { Actor } from '../domain/person.ts';

/*
 * Who may read and do what, in one place; docs/access.md has the answer for each role. What stands nowhere here is not
 * served: the schema cannot be built with it (guarded-schema.ts).
 */

/**
 * `for` stands in the field's description. `may` is what somebody's roles decide, before anything is looked at, and is
 * asked nowhere else; what depends on the thing asked for (its owners, its requester, the token) is decided by the
 * operation that finds it. Both by the functions of domain/permissions.
 */
export type Rule = { for: string } & (
  | { may?: undefined }
  | { may: (actor: Actor) => boolean; refusal: string; advice?: string }
);

const ownOrAll: Rule = { for: 'anyone who is signed in: their own, and all for APPROVER, AUDITOR and ADMIN' };

const requesterOnly: Rule = {
  for: 'its requester; FORBIDDEN for others who may read it, NOT_FOUND for those who may not',
};

const decision: Rule = {
  for: 'an APPROVER, never the requester nor somebody of the same username; FORBIDDEN for everyone else',
  may: mayDecide,
  refusal: 'only an APPROVER decides tickets',
};

const registration = (verb: string): Rule => ({
  for: 'ADMIN; FORBIDDEN for everyone else',
  may: mayRegisterApplications,
  refusal: `only ADMIN ${verb} applications`,
});

export const rootRules: Record<'Query' | 'Mutation' | 'Subscription', Record<string, Rule>> = {
  Query: {
    viewer: { for: 'anyone who is signed in' },
    node: { for: 'whoever may read the object; NOT_FOUND for everyone else' },
    application: { for: 'its owners, APPROVER, AUDITOR and ADMIN; NOT_FOUND for everyone else' },
    applications: {
      for: 'anyone who is signed in: what they or a group of theirs own, and all for APPROVER, AUDITOR and ADMIN',
    },
    ticket: { for: 'its requester, APPROVER, AUDITOR and ADMIN; NOT_FOUND for everyone else' },
    tickets: ownOrAll,
    operation: { for: 'whoever did it, APPROVER, AUDITOR and ADMIN; NOT_FOUND for everyone else' },
    operations: ownOrAll,
    token: {
      for: "anyone who is signed in: their own, and anybody's for APPROVER, AUDITOR and ADMIN; for others there is none",
    },
    tokens: ownOrAll,
    preflight: { for: 'anyone who is signed in; who may not redeploy reads so in refusal' },
    rolloutHistory: { for: 'whoever may read the application; NOT_FOUND for everyone else' },
    auditRecords: {
      for: 'AUDITOR and ADMIN; FORBIDDEN for everyone else',
      may: mayReadAudit,
      refusal: 'only AUDITOR and ADMIN read the whole record',
      advice: 'Read ticket.auditTrail.',
    },
    auditVerification: {
      for: 'AUDITOR and ADMIN; FORBIDDEN for everyone else',
      may: mayReadAudit,
      refusal: 'only AUDITOR and ADMIN verify the record',
    },
  },
  Mutation: {
    createTicket: {
      for: 'APPLICATION_DEPLOYER who owns every application named, and ADMIN; FORBIDDEN for everyone else',
      may: isDeployer,
      refusal: 'only an APPLICATION_DEPLOYER creates tickets',
      advice: 'Ask for that role.',
    },
    approve: decision,
    reject: decision,
    cancelTicket: requesterOnly,
    completeTicket: requesterOnly,
    // Its role is asked for by the operation: a requestId that is known comes first.
    redeploy: {
      for: 'APPLICATION_DEPLOYER who owns the application, and ADMIN, with a valid token of their own; FORBIDDEN without role or ownership, TOKEN_INVALID without token',
    },
    revokeToken: { for: 'the holder, APPROVER and ADMIN; FORBIDDEN for everyone else' },
    breakGlass: {
      for: 'its requester with BREAK_GLASS beside APPLICATION_DEPLOYER or ADMIN; FORBIDDEN for others, NOT_FOUND for those of them with these roles who may not read it',
      may: mayBreakGlass,
      refusal: 'only an APPLICATION_DEPLOYER with the role BREAK_GLASS takes tokens without approval',
      advice: 'Ask the approvers.',
    },
    reviewBreakGlass: {
      ...decision,
      for: 'an APPROVER, never the one who broke it nor somebody of the same username; FORBIDDEN for everyone else',
      refusal: 'only an APPROVER reviews a broken glass',
    },
    registerApplication: registration('registers'),
    unregisterApplication: registration('unregisters'),
  },
  Subscription: {
    rolloutStatus: {
      for: 'whoever may read the operation, NOT_FOUND for everyone else; without APPROVER, AUDITOR or ADMIN only as long as they own its application, FORBIDDEN otherwise and as the last word where that ends meanwhile',
    },
    ticketChanged: {
      for: 'whoever may read the ticket, NOT_FOUND for everyone else; without APPROVER, AUDITOR or ADMIN only as long as they own every application of it, FORBIDDEN otherwise and as the last word where that ends meanwhile, and without a number such a ticket is left out',
    },
  },
};

/** Objects that are not read simply with what holds them. Each kind of audit record is as its interface. */
export const objectRules: Record<string, string> = {
  Application: 'its owners, APPROVER, AUDITOR and ADMIN',
  ApplicationStatistics: 'whoever may read the application',
  AuditRecord: 'whoever may read its ticket, and AUDITOR and ADMIN',
  Node: 'whoever may read the object that it is',
  RedeployOperation: 'whoever did it, APPROVER, AUDITOR and ADMIN',
  RedeployPreflight: 'the one who asks',
  RedeployToken: 'its holder, APPROVER, AUDITOR and ADMIN, and with its ticket',
  RolloutRevision: 'whoever may read the application',
  RolloutStatusEvent: 'whoever may read its operation',
  Ticket: 'its requester, APPROVER, AUDITOR and ADMIN',
  Viewer: 'that person alone',
};

/** Fields that lead from one of these objects to another one: nobody comes to what they may not read. Those of audit
 * records stand with their interface. */
export const linkRules: Record<string, string> = {
  'Application.statistics': 'whoever may read the application',
  'AuditRecord.ticket': 'whoever may read the record',
  'RedeployOperation.events': 'whoever may read the operation',
  'RedeployOperation.ticket': 'whoever may read the operation',
  'Ticket.auditTrail': 'whoever may read the ticket',
  'Ticket.operations': 'whoever may read the ticket',
  'TicketEntry.application': 'its owners, APPROVER, AUDITOR and ADMIN; null for everyone else',
  'TicketEntry.token': 'whoever may read the ticket',
};

/** What is read with whatever holds it. */
export const parts: readonly string[] = [
  'ApplicationConnection',
  'ApplicationEdge',
  'ApplicationRegistration',
  'Approval',
  'AuditCheckpoint',
  'AuditFault',
  'AuditRecordConnection',
  'AuditRecordEdge',
  'AuditVerification',
  'BreakGlass',
  'BreakGlassReview',
  'BusinessTag',
  'ContainerImage',
  'OperationCounts',
  'Owners',
  'PageInfo',
  'Percentiles',
  'PodFailure',
  'RedeployOperationConnection',
  'RedeployOperationEdge',
  'RedeployRefusal',
  'RedeployTokenConnection',
  'RedeployTokenEdge',
  'RedeployWarning',
  'Replicas',
  'RequiredApprovals',
  'RolloutStatusEventConnection',
  'RolloutStatusEventEdge',
  'Target',
  'TicketConnection',
  'TicketCounts',
  'TicketEdge',
  'TicketEntry',
  'TicketPolicy',
];
