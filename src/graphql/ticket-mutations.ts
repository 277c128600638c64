import { cancelTicket, completeTicket } from '../operations/ticket-endings.ts';
import { approve, createTicket, reject } from '../operations/tickets.ts';
import { BusinessTagInput } from './application.ts';
import { builder } from './builder.ts';
import { TicketCategoryEnum, WorkOrderKeyEnum } from './ticket.ts';
import { TicketType } from './ticket-ref.ts';

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

const CancelTicketInput = builder.inputType('CancelTicketInput', {
  description: 'A ticket to take back.',
  fields: (t) => ({
    ticketNo: t.string({ required: true, description: "The ticket's number for people." }),
    reason: t.string({ description: 'Why, for the record; at most 2,000 characters.' }),
  }),
});

const CompleteTicketInput = builder.inputType('CompleteTicketInput', {
  description: 'A ticket whose tokens are needed no more.',
  fields: (t) => ({
    ticketNo: t.string({ required: true, description: "The ticket's number for people." }),
    summary: t.string({ description: 'What was wrong and how it ended, for the record; at most 2,000 characters.' }),
  }),
});

const decisionCodes =
  'NOT_FOUND for an unknown ticket; CONFLICT where it is decided, expired, or this person has decided it already.';

builder.mutationFields((t) => ({
  createTicket: t.field({
    type: TicketType,
    description: 'Asks for a redeploy. NOT_FOUND for an unknown application, INVALID_INPUT names every fault.',
    args: { input: t.arg({ type: CreateTicketInput, required: true, description: 'The request.' }) },
    resolve: (_, { input }, ctx) => ctx.perform(createTicket, input),
  }),
  approve: t.field({
    type: TicketType,
    description: `Approves a ticket; with the last approval its tokens are issued, valid for two hours unless the service is set otherwise. ${decisionCodes} FORBIDDEN too where the approval would add nothing that its policy still misses. UNAVAILABLE, and nothing changed, where Redis is away.`,
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
  cancelTicket: t.field({
    type: TicketType,
    description: 'Takes a ticket back before it is decided; CONFLICT where it is decided or expired.',
    args: { input: t.arg({ type: CancelTicketInput, required: true, description: 'Which, and why.' }) },
    resolve: (_, { input }, ctx) => ctx.perform(cancelTicket, input),
  }),
  completeTicket: t.field({
    type: TicketType,
    description:
      'Ends the tokens of a ticket now; it is COMPLETED at once, or with its last operation. CONFLICT unless it is AUTHORIZED or REDEPLOYING, and where that was asked for already.',
    args: { input: t.arg({ type: CompleteTicketInput, required: true, description: 'Which, and how it ended.' }) },
    resolve: (_, { input }, ctx) => ctx.perform(completeTicket, input),
  }),
}));
