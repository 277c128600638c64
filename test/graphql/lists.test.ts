import { afterAll, beforeAll, expect, test } from 'vitest';
import { type List, type Lists, openLists, type Row } from '../support/lists.ts';

let lists: Lists;
beforeAll(async () => {
  lists = await openLists();
});
afterAll(() => lists.close());

const hour = (number: number): string => `2026-01-01T0${number}:00:00.000Z`;
type IsMeant = (row: Row, filter: Record<string, unknown>) => boolean;
/** Of these fields and values; of a list one of them. */
const same: IsMeant = (row, filter) =>
  Object.entries(filter).every(([name, value]) => [value].flat().includes(row[name]));
const within =
  (field: string, name: string, by = name): IsMeant =>
  (row, filter) =>
    (row[field] as Row[]).some((item) => item[name] === filter[by]);
const during =
  (field: string): IsMeant =>
  (row, filter) => {
    const [from, to] = Object.values(filter) as [string, string];
    return from <= String(row[field]) && String(row[field]) < to;
  };
const namespaceOf = async (name: string): Promise<string> => {
  const text = 'select namespace from application_target where deployment_name = ?';
  const [row] = await lists.world.sql<{ namespace: string }>(text, [name]);
  return row!.namespace;
};
const globalId = () => Buffer.from(`RedeployOperation:${lists.operationId}`).toString('base64');

const day = (number: number): string => new Date(Date.now() + number * 86_400_000).toISOString();
const today = { after: day(-1), before: day(1) };

/** What each filter means, said of the rows that are seen without it. */
const filters: [List, what: string, filter: () => object | Promise<object>, IsMeant][] = [
  ['tickets', 'status', () => ({ status: ['CANCELLED', 'COMPLETED'] }), same],
  ['tickets', 'category', () => ({ category: ['MEMORY_LEAK'] }), same],
  ['tickets', 'username', () => ({ username: 'bob' }), same],
  ['tickets', 'applicationName', () => ({ applicationName: 'web' }), within('entries', 'applicationName')],
  [
    'tickets',
    'createdAfter, createdBefore',
    () => ({ createdAfter: hour(2), createdBefore: hour(4) }),
    during('createdAt'),
  ],
  [
    'tickets',
    'username, status, applicationName',
    () => ({ username: 'bob', status: null, applicationName: null }),
    (row) => row['username'] === 'bob',
  ],
  ['operations', 'rolloutStatus', () => ({ rolloutStatus: ['FAILED', 'COMPLETED'] }), same],
  ['operations', 'username', () => ({ username: 'bob' }), same],
  ['operations', 'applicationName', () => ({ applicationName: 'web' }), same],
  [
    'operations',
    'cluster, namespace',
    async () => ({ cluster: lists.world.cluster.contextName, namespace: await namespaceOf('data') }),
    same,
  ],
  [
    'operations',
    'startedAfter, startedBefore',
    () => ({ startedAfter: hour(2), startedBefore: hour(3) }),
    during('operationStartTime'),
  ],
  ['tokens', 'valid', () => ({ valid: true }), same],
  ['tokens', 'valid', () => ({ valid: false }), same],
  ['tokens', 'username', () => ({ username: 'alice' }), same],
  ['tokens', 'applicationName, valid', () => ({ applicationName: 'api', valid: true }), same],
  ['applications', 'name', () => ({ name: 'api' }), (row) => row['it'] === 'api'],
  ['applications', 'tagKey', () => ({ tagKey: 'team' }), within('businessTags', 'tagKey')],
  ['applications', 'tagValue', () => ({ tagValue: 'production' }), within('businessTags', 'tagValue')],
  [
    'applications',
    'tagKey, tagValue',
    () => ({ tagKey: 'env', tagValue: 'production' }),
    within('businessTags', 'tagValue'),
  ],
  ['applications', 'namespace', async () => ({ namespace: await namespaceOf('data') }), within('targets', 'namespace')],
  ['auditRecords', 'ticketNo', () => ({ ticketNo: lists.critical }), same],
  ['auditRecords', 'operationId', () => ({ operationId: globalId() }), same],
  [
    'auditRecords',
    'operationId as UUID',
    () => ({ operationId: lists.operationId }),
    (row) => row['operationId'] === globalId(),
  ],
  ['auditRecords', 'username', () => ({ username: 'carol' }), same],
  ['auditRecords', 'applicationName', () => ({ applicationName: 'data' }), same],
  ['auditRecords', 'namespace', async () => ({ namespace: await namespaceOf('web') }), same],
  ['auditRecords', 'level', () => ({ level: ['SERVICE', 'TOKEN'] }), same],
  [
    'auditRecords',
    'kind, username',
    () => ({ kind: ['TICKET_APPROVE'], username: 'dave' }),
    (row) => row['kind'] === 'TICKET_APPROVE' && row['username'] === 'dave',
  ],
  [
    'auditRecords',
    'after, before',
    async () => {
      const rows = await lists.read('grace', 'auditRecords');
      return { after: rows.at(-4)!['at'], before: rows.at(3)!['at'] };
    },
    during('at'),
  ],
  ['auditRecords', 'kind', () => ({ kind: ['TICKET_CREATE', 'TOKEN_USE', 'TICKET_FAIL'] }), same],
  ['auditRecords', 'outcome', () => ({ outcome: ['APPROVED', 'SUCCEEDED'] }), same],
  ['auditRecords', 'outcome, level, kind', () => ({ outcome: ['SUCCEEDED', 'APPROVED'], level: ['ENTRY'] }), same],
  ['auditRecords', 'applicationName, outcome', () => ({ applicationName: 'api', outcome: ['SUCCEEDED'] }), same],
  [
    'auditRecords',
    'text, after, before',
    () => ({ text: 'Answers 500', ...today }),
    (row) => String(row['message']).endsWith('answers 500'),
  ],
];

test.for(filters)('of %s by %s shows what it names, newest first', async ([list, , filterOf, isMeant]) => {
  const filter = await filterOf();
  const all = await lists.read('grace', list);
  const expected = all.filter((row) => isMeant(row, filter as Record<string, unknown>));
  expect(expected.length).toBeGreaterThan(0);
  expect(expected.length).toBeLessThan(all.length);
  expect(await lists.read('grace', list, filter)).toEqual(expected);
});

test.for<[List, object]>([
  ['tickets', { status: [] }],
  ['tickets', { username: 'Bob' }],
  ['tickets', { applicationName: `' or true --` }],
  ['tickets', { createdAfter: '9999-12-31T23:59:59.999Z' }],
  ['tickets', { createdBefore: '0001-01-01T00:00:00.000Z' }],
  ['operations', { cluster: 'elsewhere' }],
  ['tokens', { applicationName: '%' }],
  ['applications', { tagKey: 'team', tagValue: 'production' }],
  ['auditRecords', { operationId: 'nonsense' }],
  ['auditRecords', { level: [], kind: [] }],
  ['auditRecords', { outcome: [] }],
  ['auditRecords', { outcome: ['SUCCEEDED'], kind: ['TICKET_CREATE'] }],
  ['auditRecords', { level: ['TOKEN'], kind: ['TICKET_CREATE'] }],
  ['auditRecords', { text: '%', ...today }],
  ['auditRecords', { text: 'answers_500', ...today }],
  ['auditRecords', { after: '9999-12-31T23:59:59.999Z' }],
  ['auditRecords', { before: '0001-01-01T00:00:00.000Z' }],
  ['auditRecords', { after: today.before, before: today.after }],
])('of %s that nothing fulfils shows nothing: %o', async ([list, filter]) => {
  expect(await lists.read('grace', list, filter)).toEqual([]);
});

test.for(['+200000-01-01T00:00:00.000Z', '0000-01-01T00:00:00.000Z', '-000001-01-01T00:00:00.000Z', 'yesterday', ''])(
  'with the instant "%s" is INVALID_INPUT',
  async (createdAfter) => {
    expect((await lists.answer('grace', 'tickets', { filter: { createdAfter } })).codes).toEqual(['INVALID_INPUT']);
  },
);

test.for<[why: string, filter: object]>([
  ['without a time', { text: 'answers' }],
  ['without its beginning', { text: 'answers', before: day(1) }],
  ['without its end', { text: 'answers', after: day(-1) }],
  ['for longer than a month', { text: 'answers', after: day(-31), before: day(1) }],
  ['that is empty', { text: ' ', ...today }],
  ['of more than 200 characters', { text: 'x'.repeat(201), ...today }],
])('a text %s is not searched for', async ([, filter]) => {
  expect((await lists.answer('grace', 'auditRecords', { filter })).codes).toEqual(['INVALID_INPUT']);
});
