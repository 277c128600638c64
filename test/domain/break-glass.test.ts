import { describe, expect, test } from 'vitest';
import { RedeployError } from '../../src/domain/errors.ts';
import { mayBreakGlass } from '../../src/domain/permissions.ts';
import type { Role } from '../../src/domain/person.ts';
import { ticketStatuses } from '../../src/domain/ticket-status.ts';
import type { Ticket } from '../../src/domain/ticket.ts';
import { addApproval, at, minutesLater, newTicket } from '../support/entities.ts';
import { alice, carol, dave, person } from '../support/people.ts';
import { policyWith, requiredIn } from '../support/policies.ts';

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof RedeployError) return error.code;
    throw error;
  }
  return 'done';
};

const ticketUnder = (breakGlassAfterMinutes: number | null, required = '2', changes = {}): Ticket =>
  newTicket({
    policy: { policies: [policyWith({ approvals: requiredIn(required) })], breakGlassAfterMinutes },
    approvalsRequired: 2,
    ...changes,
  });
const reason = 'nobody of the on-call rota answers';

test.for<[roles: Role[], may: boolean]>([
  [['APPLICATION_DEPLOYER', 'BREAK_GLASS'], true],
  [['ADMIN', 'BREAK_GLASS'], true],
  [['BREAK_GLASS'], false],
  [['APPROVER', 'BREAK_GLASS'], false],
  [['APPLICATION_DEPLOYER'], false],
  [['ADMIN', 'APPROVER', 'APPLICATION_DEPLOYER'], false],
])('who is %j may break a glass: %s', ([roles, may]) => {
  expect(mayBreakGlass(person('alice', ...roles))).toBe(may);
});

describe('breaking the glass', () => {
  test('decides the ticket without the approvals that are missing, and says which', () => {
    const ticket = ticketUnder(15, '2, 1 of sre');
    addApproval(ticket, carol);
    expect(ticket.breakGlass(alice, reason, minutesLater(15))).toEqual({
      kind: 'TICKET_BREAK_GLASS',
      reason,
      missing: ['1 approver', '1 of sre'],
    });
    expect(ticket).toMatchObject({
      status: 'APPROVED',
      approvedAt: minutesLater(15),
      breakGlassAt: minutesLater(15),
      breakGlassReason: reason,
      reviewedAt: undefined,
    });
  });

  type Row = [rule: string, ticket: Ticket, by: typeof alice, at: Date, answer: string];
  test.for<Row>([
    ['at once where the policy says so', ticketUnder(0), alice, at, 'done'],
    ['to the millisecond when its time has come', ticketUnder(15), alice, minutesLater(15), 'done'],
    ['not a millisecond earlier', ticketUnder(15), alice, new Date(minutesLater(15).getTime() - 1), 'CONFLICT'],
    ['never where the policy forbids it', ticketUnder(null), alice, minutesLater(59), 'FORBIDDEN'],
    ['never of a ticket from before there were policies', newTicket(), alice, minutesLater(59), 'FORBIDDEN'],
    ['not by anybody else', ticketUnder(0), carol, minutesLater(1), 'FORBIDDEN'],
    ['not by a namesake', ticketUnder(0), { ...alice, subject: 'another' }, minutesLater(1), 'FORBIDDEN'],
    ['not once nobody can decide any more', ticketUnder(0), alice, minutesLater(60), 'CONFLICT'],
    ...ticketStatuses
      .filter((status) => status !== 'PENDING_APPROVAL')
      .map((status): Row => [`not when it is ${status}`, ticketUnder(0, '1', { status }), alice, at, 'CONFLICT']),
  ])('is possible %s', ([, ticket, by, when, answer]) => {
    const { status } = ticket;
    expect(codeOf(() => ticket.breakGlass(by, reason, when))).toBe(answer);
    const changed = answer === 'done';
    expect([ticket.status, ticket.breakGlassAt, ticket.approvedAt]).toEqual(
      changed ? ['APPROVED', when, when] : [status, undefined, undefined],
    );
  });
});

describe('reviewing it', () => {
  const broken = (): Ticket => {
    const ticket = ticketUnder(0);
    ticket.breakGlass(alice, reason, minutesLater(1));
    return ticket;
  };

  test.for(ticketStatuses)('is possible while the ticket is %s', (status) => {
    const ticket = broken();
    ticket.status = status;
    expect(ticket.review(carol, 'it was right', minutesLater(500))).toEqual({
      kind: 'TICKET_REVIEW',
      comment: 'it was right',
    });
    expect(ticket).toMatchObject({
      status,
      reviewedAt: minutesLater(500),
      reviewedBy: 'carol',
      reviewComment: 'it was right',
    });
  });

  test.for([
    ['the one who broke it', { ...alice, username: 'alice2' }],
    ['somebody of the same name', { ...person('ALICE', 'APPROVER'), issuer: 'https://elsewhere.test' }],
  ] as const)('is not for %s', ([, reviewer]) => {
    const ticket = broken();
    expect(codeOf(() => ticket.review(reviewer, 'fine', minutesLater(2)))).toBe('FORBIDDEN');
    expect(ticket.reviewedAt).toBeUndefined();
  });

  test('happens once', () => {
    const ticket = broken();
    ticket.review(carol, 'it was right', minutesLater(2));
    expect(codeOf(() => ticket.review(dave, 'it was not', minutesLater(3)))).toBe('CONFLICT');
    expect(ticket).toMatchObject({ reviewedBy: 'carol', reviewComment: 'it was right' });
  });

  test('needs a broken glass', () => {
    expect(codeOf(() => ticketUnder(0).review(carol, 'which?', minutesLater(2)))).toBe('CONFLICT');
  });
});

describe('an approval under a policy with groups', () => {
  const member = (name: string, ...groups: string[]) => ({ ...person(name, 'APPROVER'), groups });

  test('counts as that of the groups that the policy names, and tells what is missing still', () => {
    const ticket = ticketUnder(15, '2, 1 of sre');
    expect(ticket.approve(member('carol', 'web', 'all'), null, at)).toMatchObject({
      groups: [],
      missing: ['1 approver', '1 of sre'],
    });
    addApproval(ticket, carol);
    expect(ticket).toMatchObject({ status: 'PENDING_APPROVAL', awaitsGroups: null });
    expect(ticket.approve(member('dave', 'all', 'sre'), null, at)).toMatchObject({ groups: ['sre'], missing: [] });
    expect(ticket.status).toBe('APPROVED');
  });

  test('that would add nothing is refused, and nothing changes', () => {
    const ticket = ticketUnder(15, '2, 1 of sre');
    for (const approver of [carol, dave]) {
      ticket.approve(approver, null, at);
      addApproval(ticket, approver);
    }
    expect(ticket.awaitsGroups).toEqual(['sre']);
    expect(() => ticket.approve(member('erin', 'ops'), null, at)).toThrow(
      "erin's approval would not count: ticket a1b2c3d4 waits for 1 of sre",
    );
    expect(codeOf(() => ticket.approve(member('erin', 'ops'), null, at))).toBe('FORBIDDEN');
    expect(ticket).toMatchObject({ status: 'PENDING_APPROVAL', awaitsGroups: ['sre'] });
    expect(ticket.approve(member('frida', 'sre'), null, at)).toMatchObject({ approvals: 3, missing: [] });
  });
});
