import { expect, test } from 'vitest';
import { type PeriodLength, periodsOf } from '../../src/domain/periods.ts';

const at = (text: string): Date => new Date(`${text}Z`);

test.for<[length: PeriodLength | null, from: string, to: string, starts: string[]]>([
  ['DAY', '2024-02-28T00:00', '2024-03-02T00:00', ['2024-02-28T00:00', '2024-02-29T00:00', '2024-03-01T00:00']],
  ['DAY', '2025-12-31T23:59:59.999', '2026-01-01T00:00:00.001', ['2025-12-31T23:59:59.999', '2026-01-01T00:00']],
  // 2025-03-02 is a Sunday.
  ['WEEK', '2025-03-02T12:00', '2025-03-11T00:00', ['2025-03-02T12:00', '2025-03-03T00:00', '2025-03-10T00:00']],
  ['WEEK', '2025-03-03T00:00', '2025-03-10T00:00', ['2025-03-03T00:00']],
  ['MONTH', '2024-12-15T00:00', '2025-03-01T00:00', ['2024-12-15T00:00', '2025-01-01T00:00', '2025-02-01T00:00']],
  // Daylight saving time begins in between elsewhere.
  ['DAY', '2025-03-30T00:00', '2025-03-31T00:00', ['2025-03-30T00:00']],
  [null, '2025-03-02T12:00', '2025-03-11T00:00', ['2025-03-02T12:00']],
  ['DAY', '2025-03-02T12:00', '2025-03-02T12:00', []],
  [null, '2025-03-02T12:00', '2025-03-01T00:00', []],
])('by %s from %s to %s the periods begin at %j and follow one another', ([length, from, to, starts]) => {
  const periods = periodsOf({ from: at(from), to: at(to) }, length);
  expect(periods.map((period) => period.from)).toEqual(starts.map(at));
  expect(periods.map((period) => period.to)).toEqual(starts.length === 0 ? [] : [...starts.slice(1), to].map(at));
});
