import type { EntityManager } from '@mikro-orm/postgresql';
import { type AuditFact, auditKindLevels, describeFact } from '../domain/audit-facts.ts';
import { type AuditContent, AuditRecord, hashAuditRecord } from '../domain/audit-record.ts';
import { notificationOf } from '../domain/notifications.ts';
import type { Person } from '../domain/person.ts';
import type { Ticket } from '../domain/ticket.ts';
import { storeNotification } from './outbox.ts';
import { appendRow } from './stored-rows.ts';
import { noteFact, noteTicketChange } from './transaction.ts';

/** What a record is about, beside its ticket. */
export type AuditSubject = {
  applicationName?: string;
  operationId?: string;
  cluster?: string;
  namespace?: string;
};

/**
 * The one way to write audit: in the transaction of the change that it tells of, so that without the record
 * nothing happened. The ticket's row must be locked by this transaction (`lockTicket`): its chain rides on that lock.
 */
export function recordFacts(
  em: EntityManager,
  ticket: Ticket | null,
  by: Person | null,
  at: Date,
  subject: AuditSubject,
  facts: readonly AuditFact[],
): void {
  for (const fact of facts) {
    const { kind, ...data } = fact;
    const content: AuditContent = {
      ticketId: ticket?.id ?? null,
      sequence: ticket ? ticket.auditSequence + 1 : null,
      level: auditKindLevels[kind],
      kind,
      at,
      issuer: by?.issuer ?? null,
      subject: by?.subject ?? null,
      username: by?.username ?? null,
      address: by?.clientAddress ?? null,
      ticketNo: ticket?.ticketNo ?? null,
      applicationName: subject.applicationName ?? null,
      operationId: subject.operationId ?? null,
      cluster: subject.cluster ?? null,
      namespace: subject.namespace ?? null,
      message: describeFact(fact, subject.applicationName ?? null),
      data,
      previousHash: ticket?.auditHash ?? null,
    };
    const hash = hashAuditRecord(content);
    appendRow(em, AuditRecord, { ...content, hash });
    noteFact(em, content);
    if (ticket) {
      ticket.auditSequence += 1;
      ticket.auditHash = hash;
      noteTicketChange(em, { ticketId: ticket.id, version: ticket.auditSequence });
      const notification = notificationOf(content, ticket);
      if (notification) storeNotification(em, ticket.id, notification);
    }
  }
}
