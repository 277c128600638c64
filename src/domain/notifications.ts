import { defineEntity, p } from '@mikro-orm/core';
import type { AuditKind } from './audit-facts.ts';
import type { AuditContent } from './audit-record.ts';
import type { Grant } from './grant.ts';
import type { Ticket } from './ticket.ts';

/** What somebody outside is told of, by the kind of its audit record. What does not stand here is told to nobody. */
const typesByKind = {
  TICKET_CREATE: 'ticket.created',
  TICKET_APPROVE: 'ticket.approved',
  TICKET_BREAK_GLASS: 'ticket.break_glass',
  TICKET_REVIEW: 'ticket.reviewed',
  TICKET_REJECT: 'ticket.rejected',
  TICKET_CANCEL: 'ticket.cancelled',
  TICKET_EXPIRE: 'ticket.expired',
  TICKET_FAIL: 'ticket.failed',
  TOKEN_REVOKE: 'token.revoked',
  REDEPLOY_START: 'operation.started',
  REDEPLOY_SUCCESS: 'operation.completed',
  REDEPLOY_FAILED: 'operation.failed',
  REDEPLOY_LATE_SUCCESS: 'operation.late_success',
} as const satisfies Partial<Record<AuditKind, string>>;

/** Verdicts that have a kind in common, by their status. */
const typesByVerdict = { TIMED_OUT: 'operation.timed_out', SUPERSEDED: 'operation.superseded' } as const;

/** Told of by no record, since nothing has happened yet. */
const expiring = 'token.expiring';

export type NotificationType =
  | (typeof typesByKind)[keyof typeof typesByKind]
  | (typeof typesByVerdict)[keyof typeof typesByVerdict]
  | typeof expiring;

export const notificationTypes: readonly NotificationType[] = [
  ...Object.values(typesByKind),
  ...Object.values(typesByVerdict),
  expiring,
];

export type Notification = {
  /** Follows from what it tells of: the same however often it is sent, so that a receiver can drop doubles. */
  id: string;
  type: NotificationType;
  /** ISO 8601. */
  at: string;
  data: {
    ticketNo: string;
    /** The ticket's, as it was then; what follows up to `breakGlass` is the ticket's too. */
    status: string;
    requester: string;
    reason: string;
    /** Whether its tokens were taken without the approvals. */
    breakGlass: boolean;
    /** Whose act it was; null for the service's own. */
    username: string | null;
    /** The application, operation and place that it is about; null where it is about the whole ticket. */
    applicationName: string | null;
    operationId: string | null;
    cluster: string | null;
    namespace: string | null;
    rolloutStatus: string | null;
    /** When the token ends; ISO 8601. */
    expires: string | null;
    message: string;
    /** What the kind of record tells besides, under the record's names. */
    details: Record<string, unknown>;
  };
};

/** A notification as a receiver gets it. */
export type Message = Notification & {
  /** Grows within a ticket. */
  sequence: number;
  /** All that the ticket names. */
  applications: string[];
};

/** The port to whoever is told. */
export interface Receiver {
  /** Resolves once the message is taken. Throws NotDelivered; gives up by itself before `deliveryMs` are over. */
  deliver(message: Message, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export const deliveryMs = 10_000;

/** Its message holds neither the receiver's address nor a secret. */
export class NotDelivered extends Error {
  override readonly name = 'NotDelivered';
  /** How long the receiver asked to be left alone; null where it did not. */
  readonly retryAfterSeconds: number | null;

  constructor(reason: string, retryAfterSeconds: number | null = null) {
    super(reason);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

type About = Pick<Ticket, 'ticketNo' | 'status' | 'username' | 'reason' | 'breakGlassAt'>;

/** What is told of a record of this ticket; null where it is nobody's news. */
export function notificationOf(record: AuditContent, ticket: About): Notification | null {
  if (!isTold(record.kind)) return null;
  const { kind, sequence, at, data } = record;
  const rolloutStatus = rolloutStatusOf(record);
  const type = kind === 'REDEPLOY_FAILED' ? verdictType(rolloutStatus) : typesByKind[kind];
  return {
    id: `${ticket.ticketNo}-${sequence}`,
    type,
    at: at.toISOString(),
    data: {
      ...aboutTicket(ticket),
      username: record.username,
      applicationName: record.applicationName,
      operationId: record.operationId,
      cluster: record.cluster,
      namespace: record.namespace,
      rolloutStatus,
      expires: textOrNull(data['expires']),
      message: record.message,
      details: data,
    },
  };
}

/** That a token ends soon; once per grant. */
export function expiringNotification(grant: Grant, ticket: Ticket, at: Date): Notification {
  const { id, applicationName } = grant;
  const expires = grant.expires.toISOString();
  return {
    id: expiringId(ticket.ticketNo, id),
    type: expiring,
    at: at.toISOString(),
    data: {
      ...aboutTicket(ticket),
      username: null,
      applicationName,
      operationId: null,
      cluster: null,
      namespace: null,
      rolloutStatus: null,
      expires,
      message: `token of ${grant.username} for ${applicationName} expires at ${expires}`,
      details: {},
    },
  };
}

export const expiringId = (ticketNo: string, grantId: number): string => `${ticketNo}-token-${grantId}-expiring`;

const isTold = (kind: AuditKind): kind is keyof typeof typesByKind => kind in typesByKind;

const verdictType = (status: string | null): NotificationType =>
  status === 'TIMED_OUT' || status === 'SUPERSEDED' ? typesByVerdict[status] : typesByKind.REDEPLOY_FAILED;

const aboutTicket = ({ ticketNo, status, username: requester, reason, breakGlassAt }: About) => ({
  ticketNo,
  status,
  requester,
  reason,
  breakGlass: breakGlassAt != null,
});

function rolloutStatusOf({ kind, data }: AuditContent): string | null {
  if (kind === 'REDEPLOY_START') return 'STARTED';
  if (kind === 'REDEPLOY_SUCCESS') return 'COMPLETED';
  if (kind === 'REDEPLOY_FAILED') return textOrNull(data['status']);
  return kind === 'REDEPLOY_LATE_SUCCESS' ? textOrNull(data['verdict']) : null;
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

const OutboxMessageSchema = defineEntity({
  name: 'OutboxMessage',
  tableName: 'outbox',
  indexes: [
    { properties: ['ticketId', 'id'], name: 'outbox_waiting_index', where: 'ended_at is null' },
    { properties: ['dueAt'], name: 'outbox_due_index', where: 'ended_at is null' },
  ],
  properties: {
    /** Grows within a ticket as its record does: rows are added under the ticket's lock. */
    id: p.bigint().primary().autoincrement(),
    ticketId: p.integer(),
    notificationId: p.text().unique('outbox_notification_unique'),
    notification: p.json<Notification>(),
    createdAt: p.datetime(3).defaultRaw('clock_timestamp()'),
    /** Not to be sent before; while somebody sends it, when that one's right to do so is over. */
    dueAt: p.datetime(3).defaultRaw('clock_timestamp()'),
    /** How often somebody set about sending it. */
    attempts: p.integer().default(0),
    endedAt: p.datetime(3).nullable().index('outbox_ended_index'),
    outcome: p.text().$type<'DELIVERED' | 'GIVEN_UP'>().nullable(),
  },
});

/** One notification on its way, stored with the change that it tells of. */
export class OutboxMessage extends OutboxMessageSchema.class {}
OutboxMessageSchema.setClass(OutboxMessage);
