import type { decisions } from '../domain/ticket-status.ts';
import type { ApprovalRow } from '../operations/reads.ts';
import { builder } from './builder.ts';

const DecisionEnum = builder.enumType('Decision', {
  description: "One person's decision on a ticket.",
  values: {
    APPROVED: { description: 'Yes.' },
    REJECTED: { description: 'No; one is enough.' },
  } satisfies Record<(typeof decisions)[number], { description: string }>,
});

export const ApprovalType = builder.objectRef<ApprovalRow>('Approval').implement({
  description: 'One decision. Each person counts once, and never the requester.',
  fields: (t) => ({
    approver: t.exposeString('username', { description: 'The username of the person who decided.' }),
    decision: t.expose('decision', { type: DecisionEnum, description: 'Yes or no.' }),
    comment: t.exposeString('comment', {
      nullable: true,
      description: 'What the person said to it; null when nothing.',
    }),
    groups: t.exposeStringList('groups', {
      description: "Of the groups that the ticket's policy names those that the person was in.",
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When the person decided.' }),
  }),
});
