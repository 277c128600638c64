import { ticketMarkdown, timelineLine } from '../domain/ticket-texts.ts';
import type { ticketCategories, ticketResults, ticketStatuses } from '../domain/ticket-status.ts';
import { type AuditRow, findTicket, type OperationRow, type TicketRow } from '../operations/reads.ts';
import { listTickets } from '../operations/lists.ts';
import { ApprovalType } from './approval.ts';
import { BreakGlassType } from './break-glass.ts';
import { AuditRecordConnection, AuditRecordType } from './audit-record.ts';
import { askedColumns, reads } from './asked-columns.ts';
import { builder } from './builder.ts';
import { keysetConnection } from './connections.ts';
import { OperationConnection, OperationType } from './redeploy-operation.ts';
import { TicketEntryType } from './ticket-entry.ts';
import { TicketPolicyType } from './ticket-policy.ts';
import { TicketType } from './ticket-ref.ts';

type Described<Values extends readonly string[]> = Record<Values[number], { description: string }>;

export const WorkOrderKeyEnum = builder.enumType('WorkOrderKey', {
  description: 'The kind of work order.',
  values: { APPLICATION_REDEPLOY: { description: 'Emergency redeploy of applications; business type APPLICATION.' } },
});

export const TicketStatusEnum = builder.enumType('TicketStatus', {
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

export const TicketCategoryEnum = builder.enumType('TicketCategory', {
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
  description: 'A request to redeploy applications in an emergency, with one entry per application.',
  id: { resolve: (ticket) => ticket.ticketNo },
  isTypeOf: (value) => 'approvalsRequired' in (value as object),
  loadOne: (ticketNo, ctx) => findTicket(ctx.desk, ctx.actor, ticketNo),
  fields: (t) => ({
    ticketId: t.exposeInt('id', { description: "The ticket's number inside the service." }),
    ticketNo: t.exposeString('ticketNo', { description: 'Its name for people: 8 characters of a–z and 0–9.' }),
    workOrderKey: t.field({
      type: WorkOrderKeyEnum,
      description: 'The kind of work order.',
      extensions: reads<TicketRow>(),
      resolve: () => 'APPLICATION_REDEPLOY' as const,
    }),
    category: t.expose('category', {
      type: TicketCategoryEnum,
      description: 'Why it is asked for.',
    }),
    status: t.expose('status', { type: TicketStatusEnum, description: 'Where it stands.' }),
    result: t.expose('result', {
      type: TicketResultEnum,
      nullable: true,
      description: 'What it led to; null until it is COMPLETED.',
    }),
    emergency: t.boolean({ description: 'Always true: every ticket here is an emergency.', resolve: () => true }),
    username: t.exposeString('username', { description: 'The requester, who alone may use its tokens.' }),
    reason: t.exposeString('reason', { description: "In the requester's words." }),
    approvalsRequired: t.exposeInt('approvalsRequired', {
      description: 'At least how many people must approve; policy tells whose approval it takes.',
    }),
    policy: t.field({
      type: TicketPolicyType,
      description: 'What its approval takes, as it stood when the ticket was created, and whom it still waits for.',
      resolve: (ticket) => ticket,
    }),
    breakGlass: t.field({
      type: BreakGlassType,
      nullable: true,
      description: 'That its requester took its tokens without approval; null where nobody did.',
      resolve: (ticket) => (ticket.breakGlassAt ? ticket : null),
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'When it was created.',
    }),
    decideBy: t.expose('decideBy', {
      type: 'DateTime',
      description: 'Until when it can be decided.',
    }),
    approvedAt: t.expose('approvedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was decided: by the last approval, or without it by breaking the glass; null before.',
    }),
    endedAt: t.expose('endedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it reached its last status; null before.',
    }),
    summary: t.exposeString('summary', {
      nullable: true,
      description: 'What the requester said when completing it; null when nothing.',
    }),
    completionAskedAt: t.expose('completionAskedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the requester asked to complete it; null before, and where its tokens just ended.',
    }),
    entries: t.field({
      type: [TicketEntryType],
      description: 'One per application, in the order of the request.',
      extensions: reads<TicketRow>('id'),
      resolve: (ticket, _, ctx, info) => ctx.loaders().entries(ticket.id, askedColumns(info)),
    }),
    approvals: t.field({
      type: [ApprovalType],
      description: 'The decisions so far, oldest first.',
      extensions: reads<TicketRow>('id'),
      resolve: (ticket, _, ctx, info) => ctx.loaders().approvals(ticket.id, askedColumns(info)),
    }),
    markdown: t.string({
      description: "The guide's table of its applications and their tags, in Markdown; below it a broken glass.",
      resolve: async (ticket, _, ctx) => ticketMarkdown(await ctx.loaders().entries(ticket.id), ticket),
    }),
    timeline: t.stringList({
      description: 'Its story for people: one line per step, oldest first; at most 1,000.',
      resolve: async (ticket, _, ctx) => (await ctx.loaders().steps.load(ticket.id)).map(timelineLine),
    }),
    operations: t.connection(
      {
        type: OperationType,
        description: 'Its redeploys, newest first.',
        extensions: reads<TicketRow>('id'),
        resolve: (ticket, args, ctx, info) =>
          keysetConnection(
            args,
            (operation: OperationRow) => operation.id,
            (page) => ctx.loaders().operations(ticket.id, page, askedColumns(info)),
          ),
      },
      OperationConnection,
    ),
    auditTrail: t.connection(
      {
        type: AuditRecordType,
        description: 'Its story: every record of it, oldest first.',
        resolve: (ticket, args, ctx) =>
          keysetConnection(
            args,
            (record: AuditRow) => String(record.sequence),
            (page) => ctx.loaders().auditTrail(ticket.id, page),
          ),
      },
      AuditRecordConnection,
    ),
  }),
});

builder.queryField('ticket', (t) =>
  t.field({
    type: TicketType,
    nullable: true,
    description: 'One ticket; null with NOT_FOUND for unknown numbers.',
    args: { ticketNo: t.arg.string({ required: true, description: "The ticket's number for people." }) },
    resolve: (_, { ticketNo }, ctx) => findTicket(ctx.desk, ctx.actor, ticketNo),
  }),
);

const TicketConnection = builder.connectionObject(
  { type: TicketType, name: 'TicketConnection', description: 'A page of tickets.' },
  { name: 'TicketEdge', description: 'A ticket in its list.' },
);

const TicketFilterInput = builder.inputType('TicketFilter', {
  description: 'Which tickets; what is left out does not narrow the list.',
  fields: (t) => ({
    awaitingMyDecision: t.boolean({
      description:
        "With true: pending ones to which the viewer's approval would add something that is missing. None for those who are no APPROVER, none of one's own, and none of somebody of the same username.",
    }),
    openReview: t.boolean({
      description: 'With true: those whose glass was broken and that nobody else has reviewed yet, in whatever status.',
    }),
    status: t.field({ type: [TicketStatusEnum], description: 'In one of these statuses.' }),
    category: t.field({ type: [TicketCategoryEnum], description: 'Of one of these categories.' }),
    username: t.string({ description: 'Of this requester.' }),
    applicationName: t.string({ description: 'With an entry for this application.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Created then or later.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Created before.' }),
  }),
});

builder.queryField('tickets', (t) =>
  t.connection(
    {
      type: TicketType,
      description: 'Tickets, newest first.',
      args: { filter: t.arg({ type: TicketFilterInput, description: 'Which ones; all where left out.' }) },
      resolve: (_, { filter, ...args }, ctx, info) =>
        keysetConnection(
          args,
          (row: TicketRow) => String(row.id),
          (page) => listTickets(ctx.desk, ctx.actor, filter, page, askedColumns(info)),
        ),
    },
    TicketConnection,
  ),
);

builder.subscriptionField('ticketChanged', (t) =>
  t.field({
    type: TicketType,
    description:
      'Tickets as they change, each in its latest state. With a number: that ticket, its present state first, ending with it. Without: every ticket that the viewer may follow, from now on, so that approvers learn of new ones; a client that was away reads tickets first.',
    args: { ticketNo: t.arg.string({ description: "The ticket's number for people; every ticket where left out." }) },
    subscribe: (_, { ticketNo }, ctx) =>
      ticketNo == null
        ? ctx.live.tickets.subscribeToAll(ctx.actor)
        : ctx.live.tickets.subscribeToTicket(ctx.actor, ticketNo),
    resolve: (ticket, _, ctx) => {
      ctx.renewLoaders();
      return ticket;
    },
  }),
);
