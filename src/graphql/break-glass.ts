import { breakGlass, reviewBreakGlass } from '../operations/break-glass.ts';
import type { TicketRow } from '../operations/reads.ts';
import { builder } from './builder.ts';
import { TicketType } from './ticket-ref.ts';

const BreakGlassReviewType = builder.objectRef<TicketRow>('BreakGlassReview').implement({
  description: "Somebody else's review of a broken glass.",
  fields: (t) => ({
    reviewer: t.string({
      description: 'The username of the APPROVER who reviewed it, never the one who broke it.',
      resolve: ({ reviewedBy }) => reviewedBy!,
    }),
    comment: t.string({ description: 'What came of it.', resolve: ({ reviewComment }) => reviewComment! }),
    at: t.field({ type: 'DateTime', description: 'When.', resolve: ({ reviewedAt }) => reviewedAt! }),
  }),
});

/** Of a ticket whose glass was broken. */
export const BreakGlassType = builder.objectRef<TicketRow>('BreakGlass').implement({
  description: 'That the requester took the tokens of a ticket without the approvals that it needed.',
  fields: (t) => ({
    by: t.string({
      description: 'The username of the one who did: the requester.',
      resolve: (ticket) => ticket.username,
    }),
    reason: t.string({
      description: 'Why nobody could be waited for, in their words.',
      resolve: ({ breakGlassReason }) => breakGlassReason!,
    }),
    at: t.field({ type: 'DateTime', description: 'When.', resolve: ({ breakGlassAt }) => breakGlassAt! }),
    review: t.field({
      type: BreakGlassReviewType,
      nullable: true,
      description: 'The review; null as long as it is open.',
      resolve: (ticket) => (ticket.reviewedAt ? ticket : null),
    }),
  }),
});

const BreakGlassInput = builder.inputType('BreakGlassInput', {
  description: 'A ticket whose tokens cannot wait for approval.',
  fields: (t) => ({
    ticketNo: t.string({ required: true, description: "The ticket's number for people." }),
    reason: t.string({
      required: true,
      description:
        'Why nobody could be waited for, for those who review it: 20 to 2,000 characters and at least four different words.',
    }),
  }),
});

const ReviewBreakGlassInput = builder.inputType('ReviewBreakGlassInput', {
  description: 'A review of a broken glass.',
  fields: (t) => ({
    ticketNo: t.string({ required: true, description: "The ticket's number for people." }),
    comment: t.string({ required: true, description: 'What came of it, for the record; at most 2,000 characters.' }),
  }),
});

builder.mutationFields((t) => ({
  breakGlass: t.field({
    type: TicketType,
    description:
      'Takes the tokens of a pending ticket without the approvals that are missing, once nobody has decided it for as long as its policy waits (policy.breakGlassFrom); a review stays open until somebody else closes it. FORBIDDEN where the policy forbids it. CONFLICT where it is too early, decided or expired; INVALID_INPUT where the reason has no substance; UNAVAILABLE, and nothing changed, where Redis is away.',
    args: { input: t.arg({ type: BreakGlassInput, required: true, description: 'Which, and why.' }) },
    resolve: (_, { input }, ctx) => ctx.perform(breakGlass, input),
  }),
  reviewBreakGlass: t.field({
    type: TicketType,
    description:
      'Closes the open review of a broken glass, in whatever status the ticket is. NOT_FOUND for an unknown ticket; CONFLICT where its glass was not broken, or is reviewed already.',
    args: { input: t.arg({ type: ReviewBreakGlassInput, required: true, description: 'Which, and the comment.' }) },
    resolve: (_, { input }, ctx) => ctx.perform(reviewBreakGlass, input),
  }),
}));
