import { randomUUID } from 'node:crypto';
import { type EntityManager, openDatabase } from '../../src/adapters/database/database.ts';
import { Grant } from '../../src/domain/grant.ts';
import { Operation } from '../../src/domain/operation.ts';
import { Approval, Ticket, TicketEntry } from '../../src/domain/ticket.ts';
import { newTicketNo } from '../../src/operations/tickets.ts';
import { alice, carol } from './people.ts';

/** Entities as the database would give them. Without an EntityManager of the test's own nothing connects. */
const unconnected = openDatabase('postgresql://127.0.0.1/unused').em.fork();
let lastId = 0;

export const at = new Date('2025-08-22T10:00:00.000Z');
export const minutesLater = (minutes: number): Date => new Date(at.getTime() + minutes * 60_000);

/** Alice's, for the application web, asked for at `at` and to be decided within an hour. */
export function newTicket(
  changes: Partial<Pick<Ticket, 'approvalsRequired' | 'status' | 'policy'>> = {},
  em: EntityManager = unconnected,
): Ticket {
  const { issuer, subject, username } = alice;
  const ticket = em.create(Ticket, {
    id: ++lastId, // the same id would be the same object
    ticketNo: em === unconnected ? 'a1b2c3d4' : newTicketNo(),
    category: 'BUG_FIX',
    reason: 'it answers 500',
    issuer,
    subject,
    username,
    approvalsRequired: 1,
    createdAt: at,
    decideBy: minutesLater(60),
    ...changes,
  });
  em.create(TicketEntry, { id: ++lastId, ticket, position: 0, applicationName: 'web', businessTags: [], targets: [] });
  return ticket;
}

/** As the operation does beside the entity's own method. */
export function addApproval(ticket: Ticket, { issuer, subject, username } = carol, groups: string[] = []): void {
  unconnected.create(Approval, { id: ++lastId, ticket, issuer, subject, username, decision: 'APPROVED', groups, at });
}

/** Alice's, from `at` for two hours. */
export function newGrant(
  changes: Partial<Pick<Grant, 'revokedAt' | 'revokedReason' | 'uses' | 'maxUses'>> = {},
  em: EntityManager = unconnected,
): Grant {
  const ticket = newTicket({}, em);
  const { issuer, subject, username } = alice;
  return em.create(Grant, {
    id: ++lastId,
    ticket,
    entry: ticket.entries[0]!,
    ticketNo: ticket.ticketNo,
    applicationName: 'web',
    issuer,
    subject,
    username,
    grantedAt: at,
    expires: minutesLater(120),
    ...changes,
  });
}

/** Alice's restart of web, three replicas, stored at `at`; its patch not sent yet. */
export function newOperation(
  changes: Partial<
    Pick<
      Operation,
      | ('namespace' | 'requestId' | 'rolloutStatus' | 'type' | 'success')
      | ('applicationName' | 'issuer' | 'subject' | 'operationStartTime')
    >
  > = {},
  em: EntityManager = unconnected,
): Operation {
  const grant = newGrant({}, em);
  const { ticket, entry, applicationName, issuer, subject, username } = grant;
  return em.create(Operation, {
    id: randomUUID(),
    type: 'RESTART',
    ticket,
    entry,
    grant,
    applicationName,
    issuer,
    subject,
    username,
    cluster: 'main',
    clusterUid: 'cluster-1',
    namespace: 'production',
    deploymentName: 'web',
    requestHash: '',
    deploymentUid: 'deployment-1',
    resourceVersion: '499',
    previousImage: 'web:v1',
    previousReplicas: 3,
    rolloutStrategy: 'RollingUpdate',
    operationStartTime: at,
    rolloutStatus: 'STARTED',
    lastUpdateTime: at,
    newPods: [],
    terminatedPods: [],
    failures: [],
    oldPods: [],
    follower: 'replica-1',
    followedUntil: minutesLater(1),
    ...changes,
  });
}
