import { requiredApprovals, type RequiredApprovals } from './approval-policy.ts';
import type { Ticket } from './ticket.ts';

/** What a ticket's policy requires; of a ticket from before policies were stored so many people. */
export const requiredOf = ({ policy, approvalsRequired }: Pick<Ticket, 'policy' | 'approvalsRequired'>) =>
  policy ? requiredApprovals(policy) : [{ count: approvalsRequired, groups: [] } satisfies RequiredApprovals];

/** When the requester may take the tokens alone; null where the policy forbids it. */
export function breakGlassFrom({ policy, createdAt }: Pick<Ticket, 'policy' | 'createdAt'>): Date | null {
  const minutes = policy?.breakGlassAfterMinutes ?? null;
  return minutes === null ? null : new Date(createdAt.getTime() + minutes * 60_000);
}
