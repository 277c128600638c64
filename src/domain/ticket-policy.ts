import {
  awaitedGroups,
  groupsThatCount,
  missingTexts,
  requiredApprovals,
  type RequiredApprovals,
  standingOf,
  wouldCount,
} from './approval-policy.ts';
import { RedeployError } from './errors.ts';
import type { Actor, Person } from './person.ts';
import type { Ticket } from './ticket.ts';

/** What a ticket's policy requires; of a ticket from before policies were stored so many people. */
export const requiredOf = ({ policy, approvalsRequired }: Pick<Ticket, 'policy' | 'approvalsRequired'>) =>
  policy ? requiredApprovals(policy) : [{ count: approvalsRequired, groups: [] } satisfies RequiredApprovals];

/** When the requester may take the tokens alone; null where the policy forbids it. */
export function breakGlassFrom({ policy, createdAt }: Pick<Ticket, 'policy' | 'createdAt'>): Date | null {
  const minutes = policy?.breakGlassAfterMinutes ?? null;
  return minutes === null ? null : new Date(createdAt.getTime() + minutes * 60_000);
}

/** Somebody with the groups that the sign-in tells. */
export type GroupMember = Pick<Actor, keyof Person | 'groups'>;

const standingNow = (ticket: Ticket) => standingOf(requiredOf(ticket), ticket.approvals.getItems());

/** Whose approval is missing. */
export const missingOf = (ticket: Ticket): string[] => missingTexts(standingNow(ticket));

/** As whose member one more person's approval counts, and what is missing after it. Throws FORBIDDEN where it adds nothing. */
export function weighApproval(ticket: Ticket, approver: GroupMember) {
  if (!wouldCount(standingNow(ticket), approver)) {
    const waitsFor = missingOf(ticket).join(' and ');
    throw new RedeployError(
      'FORBIDDEN',
      `${approver.username}'s approval would not count: ticket ${ticket.ticketNo} waits for ${waitsFor}`,
      { advice: 'Ask a member of that group.' },
    );
  }
  const required = requiredOf(ticket);
  const groups = groupsThatCount(required, approver.groups);
  const after = standingOf(required, [...ticket.approvals.getItems(), { groups }]);
  return { groups, missing: missingTexts(after), awaitsGroups: awaitedGroups(after) };
}

/** Throws FORBIDDEN where the policy does not let the requester take the tokens alone, CONFLICT where it is too early. */
export function requireGlassMayBreak(ticket: Ticket, at: Date): void {
  const from = breakGlassFrom(ticket);
  if (from === null) {
    throw new RedeployError('FORBIDDEN', `the policy of ticket ${ticket.ticketNo} forbids to break the glass`, {
      advice: 'Ask its approvers.',
    });
  }
  if (at < from) {
    throw new RedeployError(
      'CONFLICT',
      `the glass of ticket ${ticket.ticketNo} can be broken from ${from.toISOString()} on, if nobody decides before`,
      { advice: 'Ask its approvers meanwhile.' },
    );
  }
}
