import { describe, expect, test } from 'vitest';
import { type AuditKind, auditKindLevels, auditKinds } from '../../src/domain/audit-facts.ts';
import type { AuditContent } from '../../src/domain/audit-record.ts';
import { expiringNotification, notificationOf, notificationTypes } from '../../src/domain/notifications.ts';
import { at, minutesLater, newGrant, newTicket } from '../support/entities.ts';

const record = (kind: AuditKind, changes: Partial<AuditContent> = {}): AuditContent => ({
  ticketId: 1,
  sequence: 7,
  level: auditKindLevels[kind],
  kind,
  at,
  issuer: 'https://issuer.test',
  subject: 'subject-of-carol',
  username: 'carol',
  address: '192.0.2.7',
  ticketNo: 'a1b2c3d4',
  applicationName: null,
  operationId: null,
  cluster: null,
  namespace: null,
  message: 'approved, 1 of 1',
  data: {},
  previousHash: null,
  ...changes,
});

const told: Partial<Record<AuditKind, string>> = {
  TICKET_CREATE: 'ticket.created',
  TICKET_APPROVE: 'ticket.approved',
  TICKET_REJECT: 'ticket.rejected',
  TICKET_CANCEL: 'ticket.cancelled',
  TICKET_EXPIRE: 'ticket.expired',
  TICKET_FAIL: 'ticket.failed',
  TICKET_BREAK_GLASS: 'ticket.break_glass',
  TICKET_REVIEW: 'ticket.reviewed',
  TOKEN_REVOKE: 'token.revoked',
  REDEPLOY_START: 'operation.started',
  REDEPLOY_SUCCESS: 'operation.completed',
  REDEPLOY_FAILED: 'operation.failed',
  REDEPLOY_LATE_SUCCESS: 'operation.late_success',
};
const verdicts = [
  ['FAILED', 'operation.failed'],
  ['TIMED_OUT', 'operation.timed_out'],
  ['SUPERSEDED', 'operation.superseded'],
] as const;

describe('what is told', () => {
  test.for(auditKinds.map((kind) => [kind, told[kind] ?? null] as const))('%s as %s', ([kind, type]) => {
    expect(notificationOf(record(kind), newTicket())?.type ?? null).toBe(type);
  });

  test.for(verdicts)('the verdict %s as %s', ([status, type]) => {
    const notification = notificationOf(record('REDEPLOY_FAILED', { data: { status } }), newTicket());
    expect(notification).toMatchObject({ type, data: { rolloutStatus: status } });
  });

  test('every type is one of these, or that of a token about to expire', () => {
    const types = new Set([...Object.values(told), ...verdicts.map(([, type]) => type), 'token.expiring']);
    expect(new Set(notificationTypes)).toEqual(types);
    expect(notificationTypes).toHaveLength(types.size);
  });
});

test('who, on what and why is told; of the person only the name', () => {
  const about = { applicationName: 'web', operationId: 'an id', cluster: 'main', namespace: 'production' };
  const data = { status: 'FAILED', errorMessage: 'no image', durationSeconds: 12 };
  const ticket = Object.assign(newTicket({ status: 'REDEPLOYING' }), { breakGlassAt: at });
  const notification = notificationOf(record('REDEPLOY_FAILED', { ...about, data, message: 'ended' }), ticket);
  expect(notification).toEqual({
    id: 'a1b2c3d4-7',
    type: 'operation.failed',
    at: '2025-08-22T10:00:00.000Z',
    data: {
      ticketNo: 'a1b2c3d4',
      status: 'REDEPLOYING',
      requester: 'alice',
      reason: 'it answers 500',
      breakGlass: true,
      username: 'carol',
      ...about,
      rolloutStatus: 'FAILED',
      expires: null,
      message: 'ended',
      details: data,
    },
  });
  expect(JSON.stringify(notification)).not.toContain('subject-of');
});

test('a token about to expire is told of under the id of its grant, whenever it is noticed', () => {
  const grant = newGrant();
  const ticket = grant.ticket;
  const notification = expiringNotification(grant, ticket, minutesLater(110));
  expect(notification).toMatchObject({
    id: `a1b2c3d4-token-${grant.id}-expiring`,
    type: 'token.expiring',
    at: minutesLater(110).toISOString(),
    data: { applicationName: 'web', username: null, requester: 'alice', expires: minutesLater(120).toISOString() },
  });
  expect(expiringNotification(grant, ticket, minutesLater(111)).id).toBe(notification.id);
});
