import { auditKinds, auditLevels } from '../domain/audit-facts.ts';
import { auditOutcomes } from '../domain/audit-outcomes.ts';
import { longestSearchDays } from '../operations/audit-filter.ts';
import { restRules } from './access.ts';
import { type exportParameters, exportTypes } from './audit-export.ts';
import { csvColumns } from './audit-lines.ts';
import { refusals } from './openapi-refusals.ts';

const name = (description: string, maxLength = 253) => ({
  description,
  schema: { type: 'string', minLength: 1, maxLength },
});
const instant = (description: string) => ({ description, schema: { type: 'string', format: 'date-time' } });
const some = (description: string, of: readonly string[]) => ({
  description: `${description}; several with commas between them.`,
  explode: false,
  schema: { type: 'array', items: { enum: of }, minItems: 1 },
});

const described: Record<(typeof exportParameters)[number], object> = {
  after: {
    description:
      'Only what stands behind the record with this id. With the id of the last line an export goes on where it ended or broke off, and misses nothing.',
    schema: { type: 'string', pattern: '^\\d{1,18}$' },
  },
  from: instant('Recorded then or later.'),
  to: instant('Recorded before.'),
  ticketNo: name('Of this ticket.', 32),
  operationId: name('Of the operation with this UUID.', 64),
  username: name('Acts of this user.'),
  applicationName: name('On this application.', 63),
  namespace: name('In this namespace.', 63),
  level: some('On one of these levels', auditLevels),
  kind: some('Of one of these kinds', auditKinds),
  outcome: some('With one of these outcomes', auditOutcomes),
  text: name(
    `With this text in the message, in capital or small letters. Only with from and to, at most ${longestSearchDays} days apart.`,
    200,
  ),
};
const parameters = Object.entries(described).map(([parameter, parts]) => ({ name: parameter, in: 'query', ...parts }));

const exportOf = (format: keyof typeof exportTypes, operationId: string, description: string, schema: object) => ({
  get: {
    operationId,
    summary: `Export the record as ${format === 'csv' ? 'CSV' : 'NDJSON'}`,
    description: `The records in the order of their ids, as a stream of any length; only a stream that ends properly is whole. It ends at the last record there was when it was asked for. Each export is recorded itself. ${description} For ${restRules[`GET /v1/audit-records.${format}`]}.`,
    parameters,
    responses: {
      200: {
        description: 'The records.',
        headers: {
          'Content-Disposition': {
            description: 'A name for the file.',
            required: true,
            schema: { const: `attachment; filename="audit-records.${format}"` },
          },
        },
        content: { [exportTypes[format]]: { schema } },
      },
      ...refusals(401, 403, 422, 500, 503),
    },
  },
});

export const auditExportPaths = {
  '/v1/audit-records.ndjson': exportOf(
    'ndjson',
    'exportAuditRecords',
    'Each line is a JSON object, whole: its hash can be computed again from it.',
    { $ref: '#/components/schemas/AuditRecord' },
  ),
  '/v1/audit-records.csv': exportOf(
    'csv',
    'exportAuditRecordsForSpreadsheets',
    `RFC 4180 with a header: ${csvColumns.join(', ')}. What a spreadsheet would take for a formula begins with an apostrophe; for computing hashes take NDJSON.`,
    { type: 'string' },
  ),
};
