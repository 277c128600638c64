import { defineEntity, p } from '@mikro-orm/core';
import { type AuditKind, type AuditLevel } from './audit-facts.ts';
import { canonicalHash } from './canonical-hash.ts';

/** Newest first among the records that have one value there. */
const among = <Column extends string>(column: Column, where: string) => ({
  properties: [column, 'at', 'id'] as [Column, 'at', 'id'],
  where,
});

const AuditRecordSchema = defineEntity({
  name: 'AuditRecord',
  uniques: [{ properties: ['ticketId', 'sequence'], name: 'audit_record_chain_unique' }],
  indexes: [
    {
      name: 'audit_record_instant_index',
      expression: `create index "audit_record_instant_index" on "audit_record" (("at" at time zone 'UTC'), "id") include ("at")`,
    },
    { name: 'audit_record_level_index', properties: ['level', 'at', 'id'] },
    { name: 'audit_record_kind_index', properties: ['kind', 'at', 'id'] },
    {
      name: 'audit_record_result_index',
      expression: `create index "audit_record_result_index" on "audit_record" (("data" ->> 'result'), "at", "id") where kind = 'TICKET_COMPLETE'`,
    },
    { name: 'audit_record_ticket_index', ...among('ticketNo', 'ticket_no is not null') },
    { name: 'audit_record_operation_index', ...among('operationId', 'operation_id is not null') },
    { name: 'audit_record_user_index', ...among('username', 'username is not null') },
    { name: 'audit_record_application_index', ...among('applicationName', 'application_name is not null') },
    {
      name: 'audit_record_application_user_index',
      properties: ['applicationName', 'username', 'at', 'id'],
      where: 'application_name is not null and username is not null',
    },
    { name: 'audit_record_namespace_index', ...among('namespace', 'namespace is not null') },
    // What the record says of itself, and is looked up without a time.
    {
      properties: ['id'],
      name: 'audit_record_own_index',
      where: `kind in ('AUDIT_PRUNE', 'AUDIT_KEY_CHANGE')`,
    },
  ],
  properties: {
    id: p.bigint().primary().autoincrement(),
    ticketId: p.integer().nullable(),
    /** 1, 2, 3 … within the ticket; null where the record belongs to none. */
    sequence: p.integer().nullable(),
    level: p.text().$type<AuditLevel>(),
    kind: p.text().$type<AuditKind>(),
    at: p.datetime(3),
    issuer: p.text().nullable(),
    subject: p.text().nullable(),
    /** Whose act it was; null for the service's own. */
    username: p.text().nullable(),
    /** From where it was asked for; null for the service's own, and where it is not known. */
    address: p.text().nullable(),
    ticketNo: p.text().nullable(),
    applicationName: p.text().nullable(),
    operationId: p.uuid().nullable(),
    cluster: p.text().nullable(),
    namespace: p.text().nullable(),
    message: p.text(),
    data: p.json<Record<string, unknown>>(),
    previousHash: p.text().nullable(),
    hash: p.text(),
  },
});

/** One fact, append-only. The service's database role can neither update nor delete it. */
export class AuditRecord extends AuditRecordSchema.class {}
AuditRecordSchema.setClass(AuditRecord);

export type AuditContent = {
  ticketId: number | null;
  sequence: number | null;
  level: AuditLevel;
  kind: AuditKind;
  at: Date;
  issuer: string | null;
  subject: string | null;
  username: string | null;
  address: string | null;
  ticketNo: string | null;
  applicationName: string | null;
  operationId: string | null;
  cluster: string | null;
  namespace: string | null;
  message: string;
  data: Record<string, unknown>;
  previousHash: string | null;
};

/**
 * SHA-256 over the record's canonical JSON (RFC 8785), the hash of the one before it in the ticket included,
 * so that a record cannot be altered, left out or moved without every later hash telling. Records from before
 * addresses were kept have their old hashes: one that is null is left out.
 */
export function hashAuditRecord({ address, ...content }: AuditContent): string {
  return canonicalHash({ ...content, at: content.at.toISOString(), ...(address === null ? {} : { address }) });
}

const RefusalTallySchema = defineEntity({
  name: 'RefusalTally',
  properties: {
    issuer: p.text().primary(),
    subject: p.text().primary(),
    request: p.text().primary(),
    code: p.text().primary(),
    minute: p.datetime(0).primary(),
    count: p.integer().default(1),
  },
});

/** How often one person was refused one thing within one minute: a flood of refusals must not flood the record. */
export class RefusalTally extends RefusalTallySchema.class {}
RefusalTallySchema.setClass(RefusalTally);
