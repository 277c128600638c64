import { type FieldKind, kindType, manifestHash, number, reason, text } from './audit-record.ts';

const registrationBefore = [
  'registrationOrNull',
  'What was registered until then; null where nothing was, and in records from before it was told.',
] satisfies [FieldKind, string];
kindType('APPLICATION_REGISTER', {
  businessTags: ['tags', 'Tags from then on.'],
  owners: ['owners', 'Owners from then on.'],
  targets: ['targets', 'Targets from then on.'],
  imageRepositories: ['strings', 'Further image repositories from then on.'],
  manifestHash,
  isNew: ['boolean', 'Whether the name was new.'],
  registrationBefore,
});
kindType('APPLICATION_UNREGISTER', { reason, registrationBefore });
kindType('REQUEST_REFUSE', {
  request: text('Which mutation.'),
  code: text('The error code.'),
  reason,
  count: number('How many such refusals this person had had within the minute; recorded at 1, 10, 100 …'),
  clientAddress: ['stringOrNull', 'From which address the last of them came; null where that is not known.'],
});
const exportId = text('The same in what tells of its beginning and of its end.');
const lastId = ['stringOrNull', "The last record's number; null where there was none."] satisfies [FieldKind, string];
kindType('AUDIT_EXPORT', {
  exportId,
  format: text('ndjson or csv.'),
  filter: ['jsonOrNull', 'What the records were narrowed by; never null.'],
  after: ['stringOrNull', 'Only records behind the one with this number; null where from the beginning.'],
  lastId,
});
kindType('AUDIT_EXPORT_END', {
  exportId,
  rows: number('How many records were handed out.'),
  lastId,
  isComplete: ['boolean', 'Whether all that was asked for was handed out.'],
});
kindType('AUDIT_PRUNE', {
  throughRecord: number('The id of the last record that is gone.'),
  throughSeal: number('The sequence of the last seal whose records are gone; the seals themselves stay.'),
  recordedBefore: text('All of them had happened before then, ISO 8601.'),
  records: number('How many were deleted.'),
  by: text("The database's role that did it."),
  reason,
});
kindType('AUDIT_KEY_CHANGE', {
  keyId: [
    'stringOrNull',
    'SHA-256, hexadecimal, of the public key (SPKI, DER); null where nothing is signed any more.',
  ],
  previousKeyId: ['stringOrNull', 'The one before; null where nothing was signed.'],
});
