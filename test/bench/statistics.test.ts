import { describe, expect, test } from 'vitest';
import type { Goal } from '../../bench/harness/benchmark.ts';
import { compare, judge, type Outcome, spreadOf } from '../../bench/harness/statistics.ts';

const goal: Goal = { figure: 'cpu', of: 'product', against: 'reference', atMost: 1.3 };

const judged = (product: number[], reference: number[], goals: Goal[] = [goal]): Outcome =>
  judge(
    { name: 'fan-out', figures: { cpu: 'µs per delivery' }, goals },
    { product: product.map((cpu) => ({ cpu })), reference: reference.map((cpu) => ({ cpu })) },
  );

describe('the median and the middle half', () => {
  test.for([
    { values: [7], median: 7, lower: 7, upper: 7 },
    { values: [3, 1, 2], median: 2, lower: 1.5, upper: 2.5 },
    { values: [4, 1, 3, 2], median: 2.5, lower: 1.75, upper: 3.25 },
    { values: [10, 9, 100, 8, 11], median: 10, lower: 9, upper: 11 },
  ])('of $values are $median, $lower and $upper', ({ values, ...expected }) => {
    expect(spreadOf(values)).toEqual(expected);
  });

  test('of nothing there are none', () => {
    expect(() => spreadOf([])).toThrow('nothing was measured');
  });
});

describe('a goal', () => {
  test('is held against the median of the ratios of rounds that ran together', () => {
    const { judged: results, medians } = judged([10, 20, 60], [10, 20, 30]);
    expect(results).toEqual([{ goal, value: { median: 1, lower: 1, upper: 1.5 }, isMet: true }]);
    expect(medians['product']!['cpu']!.median).toBe(20);
  });

  test.for<[Pick<Goal, 'against'> & ({ atMost: number } | { atLeast: number }), boolean]>([
    [{ against: 'reference', atMost: 2 }, true],
    [{ against: 'reference', atMost: 1.99 }, false],
    [{ against: 'reference', atLeast: 2 }, true],
    [{ against: 'reference', atLeast: 2.01 }, false],
    [{ atMost: 20 }, true],
    [{ atMost: 19 }, false],
  ])('of %j where the product takes 20 and the reference 10 is met: %j', ([limit, isMet]) => {
    const { judged: results } = judged([20, 20], [10, 10], [{ figure: 'cpu', of: 'product', ...limit }]);
    expect(results.map((one) => one.isMet)).toEqual([isMet]);
  });

  test.for([[[]], [[{}]], [[{ cpu: Number.NaN }]]])('is not met by what was not measured: %j', ([product]) => {
    const rounds = { product: product!, reference: [{ cpu: 1 }] };
    expect(() => judge({ name: 'fan-out', figures: { cpu: 'µs' }, goals: [goal] }, rounds)).toThrow('measured');
  });
});

describe('a comparison', () => {
  const before = judged([10, 11, 12, 13, 14], [10, 10, 10, 10, 10]);
  const against = (product: number[], goals?: Goal[]) =>
    compare([judged([10, 11, 12, 13, 14], [10, 10, 10, 10, 10], goals)], [judged(product, [10, 10, 10, 10, 10], goals)])
      .map(({ moved }) => moved)
      .join();

  test('tells what went beyond the noise, to the better or to the worse', () => {
    expect(against([12, 13, 14, 15, 16])).toBe('');
    expect(against([5, 6, 7, 8, 9])).toBe('better');
    expect(against([15, 16, 17, 18, 19])).toBe('worse');
  });

  test('knows that more is better where a goal says at least', () => {
    const goals: Goal[] = [{ figure: 'cpu', of: 'product', against: 'reference', atLeast: 1 }];
    expect(against([15, 16, 17, 18, 19], goals)).toBe('better');
    expect(against([5, 6, 7, 8, 9], goals)).toBe('worse');
  });

  test('takes less than a tenth for noise where the rounds tell of none', () => {
    const moved = (now: number) => compare([judged([10], [10])], [judged([now], [10])]).map(({ moved }) => moved);
    expect([moved(10.9), moved(9.1)]).toEqual([[null], [null]]);
    expect([moved(11.1), moved(8.9)]).toEqual([['worse'], ['better']]);
  });

  test('holds a goal against itself, however it was limited then', () => {
    const looser = judged([10, 11, 12, 13, 14], [10, 10, 10, 10, 10], [{ ...goal, atMost: 9 }]);
    expect(compare([before], [looser])).toMatchObject([{ name: 'fan-out', moved: null }]);
  });

  test('leaves out what was not measured then', () => {
    const other: Goal = { figure: 'cpu', of: 'product', atMost: 100 };
    expect(compare([before], [judged([10], [10], [other])])).toEqual([]);
    expect(compare([], [before])).toEqual([]);
  });
});
