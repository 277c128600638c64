import { type StandingRequirement, standingOf } from '../domain/approval-policy.ts';
import { breakGlassFrom, requiredOf } from '../domain/ticket-policy.ts';
import type { TicketRow } from '../operations/reads.ts';
import { builder } from './builder.ts';

const RequiredApprovalsType = builder.objectRef<StandingRequirement>('RequiredApprovals').implement({
  description: 'So many different people must approve. One person may count towards several requirements.',
  fields: (t) => ({
    count: t.exposeInt('count', { description: 'How many.' }),
    groups: t.stringList({
      description: 'Only members of one of these groups count; empty: every APPROVER does.',
      resolve: ({ groups }) => groups,
    }),
    missing: t.exposeInt('missing', { description: 'How many of them have not approved yet; 0 when it is fulfilled.' }),
  }),
});

/** What applied to a ticket when it was created; a changed policy file does not change it. */
export const TicketPolicyType = builder.objectRef<TicketRow>('TicketPolicy').implement({
  description:
    'The approval policy of a ticket as it stood when the ticket was created: of every policy that matched the tags of an entry.',
  fields: (t) => ({
    names: t.stringList({
      description: 'The names of the policies that applied; empty in tickets from before there were any.',
      resolve: ({ policy }) => policy?.policies.map(({ name }) => name) ?? [],
    }),
    required: t.field({
      type: [RequiredApprovalsType],
      description: 'Whose approval it takes, and whom it still waits for. All must be fulfilled.',
      resolve: async (ticket, _, ctx) => {
        const decided = await ctx.loaders().approvals(ticket.id);
        const approvals = decided.filter(({ decision }) => decision === 'APPROVED');
        return standingOf(requiredOf(ticket), approvals);
      },
    }),
    breakGlassFrom: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'From when on the requester, with the role BREAK_GLASS, may take the tokens where nobody has decided; null where the policy forbids it.',
      resolve: breakGlassFrom,
    }),
    text: t.field({
      type: 'JSONObject',
      nullable: true,
      description: 'The policies as they were written; null in tickets from before there were any.',
      resolve: ({ policy }) => policy,
    }),
    hash: t.exposeString('policyHash', {
      nullable: true,
      description:
        'SHA-256, hexadecimal, over the canonical JSON (RFC 8785) of text; the same for all tickets under the same policies. Null where there is no text.',
    }),
  }),
});
