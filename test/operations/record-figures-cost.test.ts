import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { RecordFigures } from '../../src/operations/record-figures.ts';
import { explain } from '../support/explain.ts';
import { PastTickets } from '../support/past-tickets.ts';
import { until } from '../support/wait.ts';

const count = process.env['TEST_MEASURE'] === undefined ? 20_000 : 50_000;

let past: PastTickets;
beforeAll(async () => {
  past = await PastTickets.open();
  await past.addMany(count);
}, 300_000);
afterAll(() => past.close());

test('a look costs pages for what is open and new and for the last week, never for the whole record', async () => {
  const figures = new RecordFigures(past, { freshMs: 0, newest: 100 });
  await until('the rest is kept', async () => (await figures.read()) && figures.closedThrough >= count - 100);
  const explained = await explain(past, { desk: past }, () => figures.read());
  if (process.env['TEST_MEASURE'] !== undefined) process.stdout.write(`${JSON.stringify(explained, null, 1)}\n`);
  expect(explained.flatMap(({ nodes }) => nodes).filter((node) => node === 'Seq Scan')).toEqual([]);
  const pages = explained.reduce((sum, { buffers }) => sum + buffers, 0);
  expect(pages).toBeGreaterThan(0);
  expect(pages).toBeLessThan(1_500);
});

test('what happened to each ticket, step by step, is not read', async () => {
  const spy = vi.spyOn(past.orm.config.getLogger(), 'logQuery');
  await new RecordFigures(past).read();
  const statements = spy.mock.calls.map(([{ query }]) => query ?? '');
  spy.mockRestore();
  expect(statements.length).toBeGreaterThan(5);
  expect(statements.filter((statement) => /audit_record|operation_event/.test(statement))).toEqual([]);
});
