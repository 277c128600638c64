import { expect, test } from 'vitest';
import { boundLabels } from '../../src/metrics/label-bounds.ts';
import type { Figures } from '../../src/operations/record-figures.ts';
import { noSums, type RecordLabels, type Series } from '../../src/operations/record-sums.ts';

const empty: Figures = {
  ...noSums,
  successes: [],
  activeTokens: 0,
  outbox: { waiting: 0, oldestSeconds: 0 },
  clockOffsetMs: 0,
};
/** Counted once, in a ticket of this number. */
const one = (since: number, labels: RecordLabels): Series => ({ labels, values: [1], since });
const told = (several: readonly Series[]) => several.map(({ labels, values }) => [...Object.values(labels), ...values]);

test('the first in the record have labels of their own, in whatever order they are counted', () => {
  const entries = [
    one(3, { application: 'third', username: 'carol' }),
    one(1, { application: 'first', username: 'alice' }),
    one(2, { application: 'second', username: 'bob' }),
  ];
  expect(told(boundLabels({ ...empty, entries }, 2).entries)).toEqual([
    ['other', 'other', 1],
    ['first', 'alice', 1],
    ['second', 'bob', 1],
  ]);
});

test('later ones are summed as other, and whoever came later takes nobody’s place', () => {
  const entries = [one(1, { application: 'web', username: 'alice' }), one(2, { application: 'web', username: 'bob' })];
  const before = boundLabels({ ...empty, entries }, 1).entries;
  const many = Array.from({ length: 50 }, (_, place) =>
    one(place + 3, { application: 'web', username: `user-${place}` }),
  );
  const after = boundLabels({ ...empty, entries: [...many, ...entries] }, 1).entries;
  expect(told(before)).toEqual([
    ['web', 'alice', 1],
    ['web', 'other', 1],
  ]);
  expect(told(after)).toEqual([
    ['web', 'other', 51],
    ['web', 'alice', 1],
  ]);
});

test('applications and people are bounded each for themselves, and alike in all that is counted', () => {
  const figures = {
    ...empty,
    entries: [one(1, { application: 'web', username: 'alice' }), one(2, { application: 'api', username: 'alice' })],
    endings: [
      one(2, { application: 'api', username: 'alice', namespace: 'blue', result: 'failed' }),
      one(2, { application: 'api', username: 'alice', namespace: 'green', result: 'failed' }),
    ],
    successes: [one(0, { application: 'api', time_window: '1h' }), one(0, { application: 'web', time_window: '1h' })],
  };
  const { endings, successes } = boundLabels(figures, 1);
  expect(endings).toEqual([
    {
      labels: { application: 'other', username: 'alice', namespace: 'other', result: 'failed' },
      values: [2],
      since: 2,
    },
  ]);
  expect(told(successes)).toEqual([
    ['other', '1h', 1],
    ['web', '1h', 1],
  ]);
});

test('of applications times people only the first ten times as many are told of', () => {
  const everybodyEverywhere = Array.from({ length: 900 }, (_, ticket) =>
    one(ticket, { application: `web-${Math.floor(ticket / 30)}`, username: `user-${ticket % 30}` }),
  );
  const { entries } = boundLabels({ ...empty, entries: everybodyEverywhere }, 30);
  expect(entries).toHaveLength(300 + 20);
  expect(told(entries).at(299)).toEqual(['web-9', 'user-29', 1]);
  expect(told(entries).at(-1)).toEqual(['web-29', 'other', 30]);
});
