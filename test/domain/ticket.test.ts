import { describe, expect, test } from 'vitest';
import { RedeployError } from '../../src/domain/errors.ts';
import { type TicketStatus, ticketStatuses } from '../../src/domain/ticket-status.ts';
import type { Ticket } from '../../src/domain/ticket.ts';
import { newTicketNo } from '../../src/operations/tickets.ts';
import { addApproval, at, minutesLater, newTicket } from '../support/entities.ts';
import { alice, carol, dave, person } from '../support/people.ts';

const refusalOf = (act: () => unknown): { code: string; message: string } => {
  try {
    act();
  } catch (error) {
    if (error instanceof RedeployError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was refused');
};

const decided = ticketStatuses.filter((status) => status !== 'PENDING_APPROVAL');

describe('deciding a ticket', () => {
  test('one approval is enough for what is not critical', () => {
    const ticket = newTicket();
    expect(ticket.approve(carol, 'go', minutesLater(1))).toEqual({
      kind: 'TICKET_APPROVE',
      comment: 'go',
      approvals: 1,
      approvalsRequired: 1,
      groups: [],
      missing: [],
    });
    expect(ticket).toMatchObject({ status: 'APPROVED', approvedAt: minutesLater(1) });
  });

  test('where two are needed the first one leaves it pending', () => {
    const ticket = newTicket({ approvalsRequired: 2 });
    expect(ticket.approve(carol, null, at)).toMatchObject({
      approvals: 1,
      approvalsRequired: 2,
      missing: ['1 approver'],
    });
    expect(ticket).toMatchObject({ status: 'PENDING_APPROVAL', approvedAt: undefined });
    addApproval(ticket, carol);
    expect(ticket.approve(dave, null, minutesLater(2))).toMatchObject({ approvals: 2 });
    expect(ticket).toMatchObject({ status: 'APPROVED', approvedAt: minutesLater(2) });
  });

  test('one rejection is enough, even after an approval', () => {
    const ticket = newTicket({ approvalsRequired: 2 });
    addApproval(ticket, carol);
    expect(ticket.reject(dave, 'no', minutesLater(2))).toEqual({ kind: 'TICKET_REJECT', comment: 'no' });
    expect(ticket).toMatchObject({ status: 'REJECTED', endedAt: minutesLater(2) });
  });

  const withApproval = () => {
    const ticket = newTicket({ approvalsRequired: 2 });
    addApproval(ticket, carol);
    return ticket;
  };
  type Row = [rule: string, ticketOf: () => Ticket, by: typeof carol, minutes: number, code: string, message: string];
  const refusals: Row[] = [
    [
      'nobody decides their own ticket',
      newTicket,
      { ...alice, roles: ['APPROVER'] },
      1,
      'FORBIDDEN',
      'alice asked for ticket a1b2c3d4 and cannot decide it',
    ],
    [
      'nor under another username',
      newTicket,
      { ...alice, username: 'alice2' },
      1,
      'FORBIDDEN',
      'alice2 asked for ticket a1b2c3d4 and cannot decide it',
    ],
    [
      'nor somebody of the same username, who may be the same person',
      newTicket,
      { ...person('Alice', 'APPROVER'), issuer: 'https://elsewhere.test' },
      1,
      'FORBIDDEN',
      'Alice asked for ticket a1b2c3d4 and cannot decide it',
    ],
    ['nobody approves twice', withApproval, carol, 1, 'CONFLICT', 'carol has already approved ticket a1b2c3d4'],
    [
      'nor under another username',
      withApproval,
      { ...carol, username: 'carol2' },
      1,
      'CONFLICT',
      'carol2 has already approved ticket a1b2c3d4',
    ],
    [
      'nor somebody of the same username',
      withApproval,
      { ...carol, issuer: 'https://elsewhere.test' },
      1,
      'CONFLICT',
      'carol has already approved ticket a1b2c3d4',
    ],
    [
      'nobody decides an expired one, to the millisecond',
      newTicket,
      carol,
      60,
      'CONFLICT',
      'ticket a1b2c3d4 expired at 2025-08-22T11:00:00.000Z',
    ],
    ...decided.map((status): Row => {
      const message = `ticket a1b2c3d4 is ${status} and can no longer be decided`;
      return [`nobody decides one that is ${status}`, () => newTicket({ status }), carol, 1, 'CONFLICT', message];
    }),
  ];

  describe.for(['approve', 'reject'] as const)('%s', (decide) => {
    test.for(refusals)('%s', ([, ticketOf, by, minutes, code, message]) => {
      const ticket = ticketOf();
      const { status } = ticket;
      expect(refusalOf(() => ticket[decide](by, null, minutesLater(minutes)))).toEqual({ code, message });
      expect(ticket).toMatchObject({ status, approvedAt: undefined, endedAt: undefined });
    });
  });
});

describe('taking a ticket back', () => {
  test('the requester may, while it is pending', () => {
    const ticket = newTicket();
    expect(ticket.cancel(alice, 'it mended itself', minutesLater(5))).toEqual({
      kind: 'TICKET_CANCEL',
      reason: 'it mended itself',
    });
    expect(ticket).toMatchObject({ status: 'CANCELLED', endedAt: minutesLater(5) });
  });

  test('nobody else may', () => {
    const ticket = newTicket();
    expect(refusalOf(() => ticket.cancel(carol, null, at)).code).toBe('FORBIDDEN');
    expect(ticket.status).toBe('PENDING_APPROVAL');
  });

  test.for(decided)('nobody may when it is %s', (status) => {
    const ticket = newTicket({ status });
    expect(refusalOf(() => ticket.cancel(alice, null, at)).code).toBe('CONFLICT');
    expect(ticket.status).toBe(status);
  });

  test('one that nobody decided has expired when it should have, not when that was noticed', () => {
    const ticket = newTicket();
    expect(ticket.expire()).toEqual({ kind: 'TICKET_EXPIRE', decideBy: minutesLater(60).toISOString() });
    expect(ticket).toMatchObject({ status: 'EXPIRED', endedAt: minutesLater(60) });
  });
});

describe('completing a ticket early', () => {
  const withTokens: TicketStatus[] = ['AUTHORIZED', 'REDEPLOYING'];

  test.for(withTokens)('the requester may while it is %s, and the summary stands in its last record', (status) => {
    const ticket = newTicket({ status });
    expect(ticket.completeEarly(alice, 'well again', minutesLater(4))).toEqual({
      kind: 'TICKET_COMPLETE_REQUEST',
      summary: 'well again',
    });
    expect(ticket.status).toBe(status);
    const [fact] = ticket.settle({ unfinished: 0, liveGrants: 0, succeeded: 1, failed: 0 }, minutesLater(5));
    expect(fact).toEqual({ kind: 'TICKET_COMPLETE', result: 'SUCCEEDED', summary: 'well again' });
  });

  test('nobody asks for it twice, and what was said first stays', () => {
    const ticket = newTicket({ status: 'REDEPLOYING' });
    ticket.completeEarly(alice, 'well again', minutesLater(4));
    expect(refusalOf(() => ticket.completeEarly(alice, 'or not', minutesLater(5))).code).toBe('CONFLICT');
    expect(ticket).toMatchObject({ summary: 'well again', completionAskedAt: minutesLater(4) });
  });

  test('nobody else may', () => {
    expect(refusalOf(() => newTicket({ status: 'AUTHORIZED' }).completeEarly(carol, null, at)).code).toBe('FORBIDDEN');
  });

  test.for(ticketStatuses.filter((status) => !withTokens.includes(status)))('nobody may while it is %s', (status) => {
    expect(refusalOf(() => newTicket({ status }).completeEarly(alice, null, at)).code).toBe('CONFLICT');
  });
});

describe('settling a ticket', () => {
  const counts = { unfinished: 0, liveGrants: 0, succeeded: 0, failed: 0 };

  test.for([
    [0, 0, 'UNUSED'],
    [2, 0, 'SUCCEEDED'],
    [0, 2, 'FAILED'],
    [1, 1, 'MIXED'],
  ] as const)('%i successes and %i failures are %s', ([succeeded, failed, result]) => {
    const ticket = newTicket({ status: 'AUTHORIZED' });
    expect(ticket.settle({ ...counts, succeeded, failed }, minutesLater(5))).toEqual([
      { kind: 'TICKET_COMPLETE', result, summary: null },
    ]);
    expect(ticket).toMatchObject({ status: 'COMPLETED', result, endedAt: minutesLater(5) });
  });

  test.for([
    ['it goes on while an operation is unfinished', 'REDEPLOYING', { unfinished: 1 }, 'REDEPLOYING'],
    ['even when no token is live any more', 'REDEPLOYING', { unfinished: 1, liveGrants: 0 }, 'REDEPLOYING'],
    ['it is AUTHORIZED again while a token is live', 'REDEPLOYING', { liveGrants: 1 }, 'AUTHORIZED'],
    ['one that is AUTHORIZED stays so while a token is live', 'AUTHORIZED', { liveGrants: 1 }, 'AUTHORIZED'],
  ] as const)('%s', ([, status, changes, expected]) => {
    const ticket = newTicket({ status });
    expect(ticket.settle({ ...counts, ...changes }, at)).toEqual([]);
    expect(ticket).toMatchObject({ status: expected, endedAt: undefined });
  });
});

test('a second redeploy of a ticket changes nothing about it', () => {
  const ticket = newTicket({ status: 'AUTHORIZED' });
  ticket.startRedeploying();
  ticket.startRedeploying();
  expect(ticket.status).toBe('REDEPLOYING');
});

test('a ticket whose tokens could not be issued has failed, and says why', () => {
  const ticket = newTicket({ status: 'APPROVED' });
  expect(ticket.fail('Redis is away', at)).toEqual({ kind: 'TICKET_FAIL', reason: 'Redis is away' });
  expect(ticket).toMatchObject({ status: 'FAILED', endedAt: at });
});

test('an entry is settled once', () => {
  const entry = newTicket().entries[0]!;
  entry.succeed(at);
  expect(entry).toMatchObject({ success: true, completed: true, errorMessage: null, executedAt: at, completedAt: at });
  expect(() => entry.fail('too late', at)).toThrow('completed already');
  expect(entry.success).toBe(true);
});

test('a ticket number is 8 characters of a–z and 0–9, with a letter and a digit', () => {
  const numbers = Array.from({ length: 5000 }, () => newTicketNo());
  expect(numbers.filter((ticketNo) => !/^(?=.*[a-z])(?=.*[0-9])[a-z0-9]{8}$/.test(ticketNo))).toEqual([]);
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(new Set(numbers.join('')).size).toBe(36);
});
