import { listAuditRecords } from '../operations/lists.ts';
import type { AuditRow } from '../operations/reads.ts';
import { AuditRecordConnection, AuditKindEnum, AuditLevelEnum, AuditRecordType } from './audit-record.ts';
import { builder } from './builder.ts';
import { keysetConnection } from './connections.ts';
import { uuidOf } from './ids.ts';

const AuditFilterInput = builder.inputType('AuditFilter', {
  description: 'Which records; what is left out does not narrow the list.',
  fields: (t) => ({
    ticketNo: t.string({ description: 'Of this ticket.' }),
    operationId: t.id({ description: 'Of this operation: its id, or its UUID as it stands on the Kubernetes object.' }),
    username: t.string({ description: 'Acts of this user.' }),
    applicationName: t.string({ description: 'On this application.' }),
    namespace: t.string({ description: 'In this namespace.' }),
    level: t.field({ type: [AuditLevelEnum], description: 'On one of these levels.' }),
    kind: t.field({ type: [AuditKindEnum], description: 'Of one of these kinds.' }),
    after: t.field({ type: 'DateTime', description: 'Recorded then or later.' }),
    before: t.field({ type: 'DateTime', description: 'Recorded before.' }),
  }),
});

builder.queryField('auditRecords', (t) =>
  t.connection(
    {
      type: AuditRecordType,
      description: "The record, newest first; a ticket's own story is ticket.auditTrail.",
      args: { filter: t.arg({ type: AuditFilterInput, description: 'Which ones; all where left out.' }) },
      resolve: (_, { filter, ...args }, ctx) =>
        keysetConnection(
          args,
          (row: AuditRow) => row.id,
          (page) => {
            const operationId = filter?.operationId == null ? null : uuidOf(filter.operationId);
            return listAuditRecords(ctx.desk, { ...filter, operationId }, page);
          },
        ),
    },
    AuditRecordConnection,
  ),
);
