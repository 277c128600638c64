import { longestSearchDays } from '../operations/audit-filter.ts';
import { listAuditRecords } from '../operations/audit-lists.ts';
import { instantCursor } from '../operations/pages.ts';
import { AuditKindEnum, AuditLevelEnum, AuditOutcomeEnum } from './audit-enums.ts';
import { AuditRecordConnection, AuditRecordType } from './audit-record.ts';
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
    outcome: t.field({ type: [AuditOutcomeEnum], description: 'With one of these outcomes.' }),
    text: t.string({
      description: `With this text in the message, in capital or small letters; 1 to 200 characters. Only with after and before, at most ${longestSearchDays} days apart; INVALID_INPUT otherwise.`,
    }),
    after: t.field({ type: 'DateTime', description: 'Recorded then or later.' }),
    before: t.field({ type: 'DateTime', description: 'Recorded before.' }),
  }),
});

builder.queryField('auditRecords', (t) =>
  t.connection(
    {
      type: AuditRecordType,
      description: "The record, newest first by the records' instants; a ticket's own story is ticket.auditTrail.",
      args: { filter: t.arg({ type: AuditFilterInput, description: 'Which ones; all where left out.' }) },
      resolve: (_, { filter, ...args }, ctx) =>
        keysetConnection(args, instantCursor, (page) => {
          const operationId = filter?.operationId == null ? null : uuidOf(filter.operationId);
          return listAuditRecords(ctx.desk, { ...filter, operationId }, page);
        }),
    },
    AuditRecordConnection,
  ),
);
