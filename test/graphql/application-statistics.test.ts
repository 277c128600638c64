import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Lists, openLists } from '../support/lists.ts';
import { ask } from '../support/service.ts';

let lists: Lists;
beforeAll(async () => {
  lists = await openLists();
});
afterAll(() => lists.close());

// Everything there began on the first of January 2026, one an hour.
const query = `query ($name: String!, $from: DateTime!, $to: DateTime!, $period: StatisticsPeriod) {
  application(name: $name) { statistics(from: $from, to: $to, period: $period) { from to successRate
    tickets { total succeeded failed mixed unused rejected cancelled expired open }
    operations { total completed failed timedOut superseded unfinished }
    timeToApproval { median p95 } duration { median p95 } } } }`;
type Statistics = Record<string, unknown>[];
const range = { from: '2026-01-01T00:00:00.000Z', to: '2026-01-03T00:00:00.000Z' };
async function statisticsOf(who: string, variables: object) {
  const { data, errors } = await ask(lists.replica, who, query, { name: 'web', ...range, ...variables });
  const application = data?.['application'] as { statistics: Statistics } | null | undefined;
  return { statistics: application?.statistics, codes: errors.map(({ extensions }) => extensions['code']) };
}

test('the statistics of an application are what began in each period, and null where there is nothing to tell', async () => {
  const { statistics } = await statisticsOf('alice', { period: 'DAY' });
  const nothing = { total: 0, failed: 0 };
  expect(statistics).toMatchObject([
    {
      from: range.from,
      to: '2026-01-02T00:00:00.000Z',
      // One that was used, and one that awaits its second approval.
      tickets: {
        total: 2,
        succeeded: 0,
        failed: 0,
        mixed: 0,
        unused: 0,
        rejected: 0,
        cancelled: 0,
        expired: 0,
        open: 2,
      },
      operations: { total: 2, completed: 0, failed: 1, timedOut: 0, superseded: 0, unfinished: 1 },
      successRate: 0,
      timeToApproval: { median: expect.any(Number) as unknown, p95: expect.any(Number) as unknown },
      duration: null,
    },
    {
      from: '2026-01-02T00:00:00.000Z',
      to: range.to,
      tickets: nothing,
      operations: { ...nothing, completed: 0, unfinished: 0 },
      successRate: null,
      timeToApproval: null,
      duration: null,
    },
  ]);
});

test.for([
  ['WEEK', ['2025-12-30', '2026-01-05', '2026-01-12']],
  ['MONTH', ['2025-12-30', '2026-01-01']],
  [null, ['2025-12-30']],
] as const)('by %s there is one for each', async ([period, starts]) => {
  const times = { from: '2025-12-30T00:00:00.000Z', to: '2026-01-14T00:00:00.000Z', period };
  const { statistics } = await statisticsOf('alice', times);
  expect(statistics!.map(({ from }) => String(from).slice(0, 10))).toEqual(starts);
});

test('they are seen by whoever sees the application, and by nobody else', async () => {
  for (const who of ['alice', 'carol', 'frank', 'grace']) {
    expect((await statisticsOf(who, {})).statistics).toHaveLength(1);
  }
  expect(await statisticsOf('bob', {})).toEqual({ statistics: undefined, codes: ['NOT_FOUND'] });
});

test('a time that is empty or too long is refused', async () => {
  for (const to of [range.from, '2027-01-03T00:00:00.000Z']) {
    expect((await statisticsOf('alice', { to })).codes).toEqual(['INVALID_INPUT']);
  }
});

test('those of many applications are two statements', async () => {
  const spy = vi.spyOn(lists.replica.replica.desk.orm.config.getLogger(), 'logQuery');
  const text = `{ applications(first: 10) { edges { node { name
    statistics(from: "${range.from}", to: "${range.to}") { tickets { total } } } } } }`;
  const { data, errors } = await ask(lists.replica, 'grace', text);
  expect(errors).toEqual([]);
  expect(JSON.stringify(data).match(/"total":[1-9]/g)).toHaveLength(3);
  expect(spy.mock.calls).toHaveLength(3);
  spy.mockRestore();
});
