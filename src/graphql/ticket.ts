import { type ticketCategories, type ticketResults, type ticketStatuses } from '../domain/ticket.ts';
import { approve, createTicket, reject } from '../operations/tickets.ts';
import { auditPage, type AuditRow, findTicket, type OperationRow, operationsPage } from '../operations/reads.ts';
import { BusinessTagInput } from './application.ts';
import { ApprovalType } from './approval.ts';
import { AuditRecordType } from './audit-record.ts';
import { builder } from './builder.ts';
import { keysetConnection } from './connections.ts';
import { OperationType } from './redeploy-operation.ts';
import { TicketEntryType } from './ticket-entry.ts';
import { TicketType } from './ticket-ref.ts';

type Described<Values extends readonly string[]> = Record<Values[number], { description: string }>;

const WorkOrderKeyEnum = builder.enumType('WorkOrderKey', {
  description: 'The kind of work order.',
  values: { APPLICATION_REDEPLOY: { description: 'Emergency redeploy of applications; business type APPLICATION.' } },
});

const TicketStatusEnum = builder.enumType('TicketStatus', {
  description: 'Where a ticket stands.',
  values: {
    PENDING_APPROVAL: { description: 'Waits for the people who decide.' },
    APPROVED: { description: 'Decided; the tokens are being issued, for 30 seconds at most.' },
    AUTHORIZED: { description: 'Its tokens are live: the requester may redeploy.' },
    REDEPLOYING: { description: 'An operation of it is unfinished.' },
    COMPLETED: { description: 'No token is live and nothing is unfinished; see result.' },
    REJECTED: { description: 'Somebody said no.' },
    CANCELLED: { description: 'The requester took it back.' },
    EXPIRED: { description: 'Nobody decided in time.' },
    FAILED: { description: 'Approved, but its tokens could not be issued; they are void.' },
  } satisfies Described<typeof ticketStatuses>,
});

const TicketResultEnum = builder.enumType('TicketResult', {
  description: 'What a completed ticket led to.',
  values: {
    SUCCEEDED: { description: 'Every operation was COMPLETED.' },
    FAILED: { description: 'No operation was COMPLETED.' },
    MIXED: { description: 'Some were, some were not.' },
    UNUSED: { description: 'Nothing was redeployed.' },
  } satisfies Described<typeof ticketResults>,
});

const TicketCategoryEnum = builder.enumType('TicketCategory', {
  description:
    'Why an emergency redeploy is asked for. Not for planned releases, functional tests, performance tests, routine maintenance, or scaling.',
  values: {
    BUG_FIX: { description: 'A severe fault in production is mended. Planned releases do not belong here.' },
    CONFIG_CHANGE: {
      description: 'A changed configuration takes effect with a restart. Routine maintenance does not belong here.',
    },
    ROLLBACK: { description: 'Back to a version that worked.' },
    SECURITY_PATCH: { description: 'An urgent vulnerability is closed.' },
    MEMORY_LEAK: {
      description: 'A leak is relieved by a restart. A change of the number of replicas does not belong here.',
    },
    PERFORMANCE: {
      description: 'An urgent performance problem is mended. Functional and performance tests do not belong here.',
    },
  } satisfies Described<typeof ticketCategories>,
});

builder.node(TicketType, {
  description:
    'A request to redeploy applications in an emergency, with one entry per application. Read by the requester, APPROVER, AUDITOR and ADMIN.',
  id: { resolve: (ticket) => ticket.ticketNo },
  isTypeOf: (value) => 'approvalsRequired' in (value as object),
  loadOne: (ticketNo, ctx) => findTicket(ctx.desk, ctx.actor, ticketNo),
  fields: (t) => ({
    ticketId: t.exposeInt('id', { description: "The ticket's number inside the service." }),
    ticketNo: t.exposeString('ticketNo', { description: 'Its name for people: 8 characters of a–z and 0–9.' }),
    workOrderKey: t.field({
      type: WorkOrderKeyEnum,
      description: 'The kind of work order.',
      resolve: () => 'APPLICATION_REDEPLOY' as const,
    }),
    category: t.field({
      type: TicketCategoryEnum,
      description: 'Why it is asked for.',
      resolve: (ticket) => ticket.category,
    }),
    status: t.field({ type: TicketStatusEnum, description: 'Where it stands.', resolve: (ticket) => ticket.status }),
    result: t.field({
      type: TicketResultEnum,
      nullable: true,
      description: 'What it led to; null until it is COMPLETED.',
      resolve: (ticket) => ticket.result,
    }),
    emergency: t.boolean({ description: 'Always true: every ticket here is an emergency.', resolve: () => true }),
    username: t.exposeString('username', { description: 'The requester, who alone may use its tokens.' }),
    reason: t.exposeString('reason', { description: "In the requester's words." }),
    approvalsRequired: t.exposeInt('approvalsRequired', {
      description: 'How many people must approve: two where an application is tagged critical:true, else one.',
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was created.',
      resolve: (ticket) => ticket.createdAt,
    }),
    decideBy: t.field({
      type: 'DateTime',
      description: 'Until when it can be decided.',
      resolve: (ticket) => ticket.decideBy,
    }),
    approvedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the last approval came; null before.',
      resolve: (ticket) => ticket.approvedAt,
    }),
    endedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it reached its last status; null before.',
      resolve: (ticket) => ticket.endedAt,
    }),
    entries: t.field({
      type: [TicketEntryType],
      description: 'One per application, in the order of the request.',
      resolve: (ticket, _, ctx) => ctx.loaders.entries.load(ticket.id),
    }),
    approvals: t.field({
      type: [ApprovalType],
      description: 'The decisions so far, oldest first.',
      resolve: (ticket, _, ctx) => ctx.loaders.approvals.load(ticket.id),
    }),
    operations: t.connection(
      {
        type: OperationType,
        description: 'Its redeployments, newest first.',
        resolve: (ticket, args, ctx) =>
          keysetConnection(
            args,
            (operation: OperationRow) => operation.id,
            (page) => operationsPage(ctx.desk, ticket.id, page),
          ),
      },
      { description: 'A page of operations.' },
      { description: 'An operation in its list.' },
    ),
    auditTrail: t.connection(
      {
        type: AuditRecordType,
        description: 'Its story: every record of it, oldest first.',
        resolve: (ticket, args, ctx) =>
          keysetConnection(
            args,
            (record: AuditRow) => String(record.sequence),
            (page) => auditPage(ctx.desk, ticket.id, page),
          ),
      },
      { description: 'A page of records.' },
      { description: 'A record in its list.' },
    ),
  }),
});

const DetailTagInput = builder.inputType('DetailTagInput', {
  description: "One element of the guide's businessTags.",
  fields: (t) => ({ tag: t.field({ type: BusinessTagInput, required: true, description: 'The tag.' }) }),
});

const ApplicationDetailInput = builder.inputType('ApplicationDetailInput', {
  description: "The guide's detail object as it stands. The registry is the authority on tags.",
  fields: (t) => ({
    id: t.int({ description: "The application's number in the caller's own books; not used." }),
    name: t.string({ description: 'The same as applicationName, where given.' }),
    applicationName: t.string({ required: true, description: 'A registered application.' }),
    businessTags: t.field({
      type: [DetailTagInput],
      description:
        'Tags that the caller believes to stand; one that differs from the registry is INVALID_INPUT naming both values.',
    }),
  }),
});

const TicketEntryInput = builder.inputType('TicketEntryInput', {
  description: 'One application to redeploy.',
  fields: (t) => ({
    detail: t.field({ type: ApplicationDetailInput, required: true, description: 'The application.' }),
    expectedEffect: t.string({ description: 'What will be better afterwards; at most 2,000 characters.' }),
    rollbackPlan: t.string({ description: 'What will be done if it goes wrong; at most 2,000 characters.' }),
  }),
});

const CreateTicketInput = builder.inputType('CreateTicketInput', {
  description: 'A request to redeploy.',
  fields: (t) => ({
    workOrderKey: t.field({ type: WorkOrderKeyEnum, required: true, description: 'APPLICATION_REDEPLOY.' }),
    reason: t.string({
      required: true,
      description: 'What happened, for the people who decide; at most 2,000 characters.',
    }),
    category: t.field({ type: TicketCategoryEnum, required: true, description: 'Why.' }),
    entries: t.field({
      type: [TicketEntryInput],
      required: true,
      description: 'One per application; 1 to 20, no application twice.',
    }),
  }),
});

const decisionInput = (name: string, what: string) =>
  builder.inputType(name, {
    description: `${what} of a ticket.`,
    fields: (t) => ({
      ticketNo: t.string({ required: true, description: "The ticket's number for people." }),
      comment: t.string({ description: 'For the record; at most 2,000 characters.' }),
    }),
  });

builder.queryField('ticket', (t) =>
  t.field({
    type: TicketType,
    nullable: true,
    description:
      'One ticket. Its requester, APPROVER, AUDITOR and ADMIN; null with NOT_FOUND for everyone else and for unknown numbers.',
    args: { ticketNo: t.arg.string({ required: true, description: "The ticket's number for people." }) },
    resolve: (_, { ticketNo }, ctx) => findTicket(ctx.desk, ctx.actor, ticketNo),
  }),
);

const decisionCodes =
  'APPROVER, never the requester (FORBIDDEN). NOT_FOUND for an unknown ticket; CONFLICT where it is decided, expired, or this person has decided it already.';

builder.mutationFields((t) => ({
  createTicket: t.field({
    type: TicketType,
    description:
      'Asks for a redeploy. APPLICATION_DEPLOYER who owns every application named, or ADMIN; FORBIDDEN otherwise. NOT_FOUND for an unknown application, INVALID_INPUT names every fault.',
    args: { input: t.arg({ type: CreateTicketInput, required: true, description: 'The request.' }) },
    resolve: (_, { input }, ctx) => ctx.perform(createTicket, input),
  }),
  approve: t.field({
    type: TicketType,
    description: `Approves a ticket; with the last approval its tokens are issued, valid for two hours. ${decisionCodes} UNAVAILABLE, and nothing changed, where Redis is away.`,
    args: {
      input: t.arg({
        type: decisionInput('ApproveInput', 'An approval'),
        required: true,
        description: 'The approval.',
      }),
    },
    resolve: (_, { input }, ctx) => ctx.perform(approve, input),
  }),
  reject: t.field({
    type: TicketType,
    description: `Rejects a ticket, which ends it. ${decisionCodes}`,
    args: {
      input: t.arg({
        type: decisionInput('RejectInput', 'A rejection'),
        required: true,
        description: 'The rejection.',
      }),
    },
    resolve: (_, { input }, ctx) => ctx.perform(reject, input),
  }),
}));
