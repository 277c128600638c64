import { outcomeOf } from '../domain/audit-outcomes.ts';
import type { ExportedRecord } from '../operations/audit-export.ts';

/** A record as one line of an export; what its hash is over stands under the names that it is over. */
export const auditLine = (record: ExportedRecord) => ({
  id: record.id,
  ticketId: record.ticketId,
  sequence: record.sequence,
  level: record.level,
  kind: record.kind,
  at: record.at,
  issuer: record.issuer,
  subject: record.subject,
  username: record.username,
  address: record.address,
  ticketNo: record.ticketNo,
  applicationName: record.applicationName,
  operationId: record.operationId,
  cluster: record.cluster,
  namespace: record.namespace,
  message: record.message,
  outcome: outcomeOf(record),
  data: record.data,
  previousHash: record.previousHash,
  hash: record.hash,
});

export const csvColumns = [
  ...(['id', 'at', 'level', 'kind', 'outcome', 'username', 'message', 'ticketNo', 'applicationName'] as const),
  ...(['operationId', 'cluster', 'namespace', 'data', 'issuer', 'subject', 'address', 'ticketId', 'sequence'] as const),
  ...(['previousHash', 'hash'] as const),
] satisfies (keyof ReturnType<typeof auditLine>)[];

type Value = ReturnType<typeof auditLine>[keyof ReturnType<typeof auditLine>];

const csvLine = (values: readonly Value[]): string => `${values.map(csvField).join(',')}\r\n`;

/** With it spreadsheets take a text for a formula, which may send what stands beside it to somebody. */
const formula = /^[=+\-@\t\r\n＝＋－＠]/;

/** RFC 4180. */
function csvField(value: Value): string {
  const text = textOf(value);
  const harmless = formula.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

function textOf(value: Value): string {
  if (value === null) return '';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

type Records = AsyncIterable<ExportedRecord[]>;

/** Text piece by piece, each of whole lines. */
export const exportTexts = {
  async *ndjson(records: Records): AsyncGenerator<string> {
    for await (const some of records) yield some.map((record) => `${JSON.stringify(auditLine(record))}\n`).join('');
  },
  async *csv(records: Records): AsyncGenerator<string> {
    yield csvLine(csvColumns);
    for await (const some of records) {
      yield some
        .map(auditLine)
        .map((line) => csvLine(csvColumns.map((column) => line[column])))
        .join('');
    }
  },
};
