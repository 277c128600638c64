import { auditKindLevels, describeFact } from '../../src/domain/audit-facts.ts';
import { type AuditContent, AuditRecord } from '../../src/domain/audit-record.ts';
import { notificationOf } from '../../src/domain/notifications.ts';
import type { recordFacts as recordChained } from '../../src/operations/audit.ts';
import { storeNotification } from '../../src/operations/outbox.ts';
import { appendRow } from '../../src/operations/stored-rows.ts';
import { noteFact, noteTicketChange } from '../../src/operations/transaction.ts';

/** Inserts the same row as the product and leaves it at that: the ticket's row is not the head of a chain. */
export const recordFacts: typeof recordChained = (em, ticket, by, at, subject, facts) => {
  for (const fact of facts) {
    const { kind, ...data } = fact;
    const content: AuditContent = {
      ticketId: ticket?.id ?? null,
      sequence: null,
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
      previousHash: null,
    };
    appendRow(em, AuditRecord, { ...content, hash: '' });
    noteFact(em, content);
    if (!ticket) continue;
    noteTicketChange(em, { ticketId: ticket.id, version: 0 });
    const notification = notificationOf(content, ticket);
    if (notification) storeNotification(em, ticket.id, notification);
  }
};
