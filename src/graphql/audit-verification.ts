import type { Checkpoint } from '../domain/audit-seal.ts';
import type { AuditFault, AuditFaultKind } from '../domain/audit-verification.ts';
import { auditVerification, type StoredVerification } from '../operations/audit-verification.ts';
import { builder } from './builder.ts';

const AuditFaultKindEnum = builder.enumType('AuditFaultKind', {
  description: 'What is wrong with the record.',
  values: {
    RECORD_ALTERED: { description: "A record's content does not give its hash." },
    RECORD_MISSING: { description: 'Before a record of a ticket one is missing.' },
    CHAIN_BROKEN: { description: 'A record does not follow the one before it in its ticket.' },
    HEAD_DIFFERS: { description: "A ticket's last record is not the one that the ticket names." },
    RECORD_OUT_OF_ORDER: { description: 'A record stands where everything is sealed, but in no seal.' },
    SEAL_BROKEN: { description: 'The records of a seal are not those that were sealed.' },
    SEAL_ALTERED: { description: "A seal's content does not give its hash." },
    SEAL_CHAIN_BROKEN: { description: 'A seal does not follow the one before.' },
    SIGNATURE_INVALID: { description: "A seal's signature is not valid, or by a key that is not known." },
    SIGNATURE_MISSING: { description: 'The newest seal is not signed, though the service has a key.' },
    CHECKPOINT_DIFFERS: { description: 'A seal is not the one that was kept outside; told by verify-audit only.' },
    CHECKPOINT_MISSING: { description: 'A seal that was kept outside is not there; told by verify-audit only.' },
  } satisfies Record<AuditFaultKind, { description: string }>,
});

const AuditFaultType = builder.objectRef<AuditFault>('AuditFault').implement({
  description: 'One thing that is wrong with the record.',
  fields: (t) => ({
    kind: t.field({ type: AuditFaultKindEnum, description: 'What.', resolve: (fault) => fault.kind }),
    message: t.exposeString('message', { description: 'The same as a sentence.' }),
    recordId: t.id({
      nullable: true,
      description: "The record's number; null where it concerns no single one.",
      resolve: (fault) => fault.recordId,
    }),
    ticketNo: t.exposeString('ticketNo', { nullable: true, description: 'Of which ticket; null where of none.' }),
    seal: t.exposeInt('seal', { nullable: true, description: 'Of which seal; null where of none.' }),
  }),
});

const AuditCheckpointType = builder.objectRef<Checkpoint>('AuditCheckpoint').implement({
  description: 'A seal over the record, as it is logged and exported: who keeps one can prove the record up to it.',
  fields: (t) => ({
    sequence: t.exposeInt('sequence', { description: '1, 2, 3 …' }),
    firstId: t.id({ description: 'Every record from this one on', resolve: (seal) => seal.firstId }),
    lastId: t.id({ description: 'and through this one.', resolve: (seal) => seal.lastId }),
    count: t.exposeInt('count', { description: 'How many records they are.' }),
    firstAt: t.field({
      type: 'DateTime',
      description: 'When the earliest of them happened.',
      resolve: (seal) => new Date(seal.firstAt),
    }),
    lastAt: t.field({
      type: 'DateTime',
      description: 'When the latest of them happened.',
      resolve: (seal) => new Date(seal.lastAt),
    }),
    root: t.exposeString('root', {
      description: 'SHA-256, hexadecimal, over "id hash" and a line feed of each, in order.',
    }),
    previousHash: t.exposeString('previousHash', {
      nullable: true,
      description: 'The hash of the seal before; null in the first.',
    }),
    at: t.field({ type: 'DateTime', description: 'When it was sealed.', resolve: (seal) => new Date(seal.at) }),
    hash: t.exposeString('hash', {
      description: 'SHA-256, hexadecimal, over the canonical JSON (RFC 8785) of all fields above.',
    }),
    keyId: t.exposeString('keyId', {
      nullable: true,
      description: 'SHA-256, hexadecimal, of the public key (SPKI, DER) that signed it; null where none did.',
    }),
    signature: t.exposeString('signature', {
      nullable: true,
      description: 'Ed25519, in base64, over what hash is over; null where no key signed it.',
    }),
  }),
});

const AuditVerificationType = builder.objectRef<StoredVerification>('AuditVerification').implement({
  description: 'Whether the record is as it was written, computed anew from every record that was asked for.',
  fields: (t) => ({
    valid: t.boolean({ description: 'Nothing is wrong with it.', resolve: (it) => it.faultCount === 0 }),
    complete: t.boolean({
      description:
        'Everything that was asked for was looked at. False where it is more than 250,000 records: ask for shorter times, or run verify-audit.',
      resolve: (it) => it.isComplete,
    }),
    records: t.exposeInt('records', { description: 'How many records were looked at.' }),
    unsealed: t.exposeInt('unsealed', {
      description: "Of them those that no seal holds yet: only their own tickets' chains vouch for them.",
    }),
    seals: t.exposeInt('seals', { description: 'How many seals were looked at.' }),
    checkpoint: t.field({
      type: AuditCheckpointType,
      nullable: true,
      description: 'The newest seal: up to its last record everything is sealed. Null where nothing is yet.',
      resolve: (it) => it.newest,
    }),
    prunedThrough: t.id({
      nullable: true,
      description: 'The last record that was pruned; null where none was.',
      resolve: (it) => (it.prunedThrough === 0 ? null : it.prunedThrough),
    }),
    faultCount: t.exposeInt('faultCount', { description: 'How many things are wrong.' }),
    faults: t.field({ type: [AuditFaultType], description: 'The first hundred of them.', resolve: (it) => it.faults }),
  }),
});

builder.queryField('auditVerification', (t) =>
  t.field({
    type: AuditVerificationType,
    description:
      "Verifies all of the record, what happened within a time, or one ticket's story: the records, their chains and whole seals. NOT_FOUND for an unknown ticket, INVALID_INPUT where both a ticket and a time are given.",
    args: {
      ticketNo: t.arg.string({ description: "This ticket's story, with the seals of its time." }),
      after: t.arg({ type: 'DateTime', description: 'What happened then or later.' }),
      before: t.arg({ type: 'DateTime', description: 'What happened before.' }),
    },
    resolve: (_, args, ctx) => auditVerification(ctx.desk, args),
  }),
);
