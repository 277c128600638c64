import { expect, test } from 'vitest';
import { ProgressPace } from '../../src/operations/progress-pace.ts';

test('of progress the first is told at once, what follows from it soon, and never more than two a second', () => {
  const pace = new ProgressPace();
  const told: number[] = [];
  // Something changes every ten milliseconds for three seconds.
  for (let now = 0; now < 3_000; now += 10) {
    if (pace.pauseAt(now) > 0) continue;
    pace.told(now);
    told.push(now);
  }
  expect(told).toEqual([0, 100, 1_000, 1_100, 2_000, 2_100]);
});

test('where little changes nothing waits', () => {
  const pace = new ProgressPace();
  for (const now of [0, 600, 1_200, 1_800]) {
    expect(pace.pauseAt(now)).toBeLessThanOrEqual(0);
    pace.told(now);
  }
});

test('the pause is what is left until the next one is due', () => {
  const pace = new ProgressPace();
  pace.told(1_000);
  expect(pace.pauseAt(1_030)).toBe(70);
  pace.told(1_100);
  expect(pace.pauseAt(1_150)).toBe(850);
});
