import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestServices, type TestServices } from '../support/service.ts';
import { Story } from '../support/story.ts';

let services: TestServices;
let story: Story;
let ticketNo: string;
const operationIds: string[] = [];

beforeAll(async () => {
  services = await openTestServices();
  story = await Story.open(services, await services.start());
  const placed = await story.place({ tags: { env: 'production' } });
  ticketNo = await story.authorized(placed.applicationName);
  for (let times = 0; times < 2; times += 1) operationIds.unshift(await story.completed(placed.applicationName));
});
afterAll(() => services.close());

type Edge = { cursor: string; node: Record<string, unknown> };
type Connection = {
  edges: Edge[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string };
};
const page = '{ edges { cursor node { it } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }';
const within = (parent: string, list: string, field: string) => {
  const args = '(first: $first, after: $after, last: $last, before: $before)';
  return {
    declared: '$first: Int, $after: String, $last: Int, $before: String',
    selection: `${parent} ${list}${args} ${page.replace('it', `it: ${field}`)}`,
  };
};

/** Each list with the query that reads a part of it. */
const lists: Record<string, () => (variables: object) => Promise<Connection>> = {
  'ticket.operations': () => read('ticket(ticketNo: $key) {', 'operations', 'id', '$key: String!', () => ticketNo),
  'ticket.auditTrail': () =>
    read('ticket(ticketNo: $key) {', 'auditTrail', 'sequence', '$key: String!', () => ticketNo),
  'operation.events': () => read('operation(id: $key) {', 'events', 'sequence', '$key: ID!', () => operationIds[0]!),
  operations: () => read('', 'operations', 'id', '', () => ''),
  auditRecords: () => read('', 'auditRecords', 'id', '', () => ''),
  tickets: () => read('', 'tickets', 'ticketNo', '', () => ''),
};

function read(parent: string, list: string, field: string, key: string, keyOf: () => string) {
  const { declared, selection } = within(parent, list, field);
  const query = `query (${key} ${declared}) { ${selection} ${parent === '' ? '' : '}'} }`;
  return async (variables: object): Promise<Connection> => {
    const data = await story.get<Record<string, unknown>>('grace', query, { key: keyOf(), ...variables });
    const held = parent === '' ? data : (Object.values(data)[0] as Record<string, unknown>);
    return held[list] as Connection;
  };
}
const nodes = ({ edges }: Connection): unknown[] => edges.map(({ node }) => node['it']);

test.for(Object.keys(lists))('%s is the same forwards, backwards and whole', async (name) => {
  const readPage = lists[name]!();
  const all = await readPage({ first: 100 });
  expect(all.edges.length).toBeGreaterThan(0);
  expect(all.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false });
  for (const size of [2, 7, all.edges.length]) {
    const forwards: unknown[] = [];
    let after: string | null = null;
    for (let more = true; more;) {
      const part: Connection = await readPage({ first: size, after });
      forwards.push(...nodes(part));
      expect(part.edges.length).toBeLessThanOrEqual(size);
      expect(part.pageInfo.endCursor).toBe(part.edges.at(-1)!.cursor);
      after = part.pageInfo.endCursor;
      more = part.pageInfo.hasNextPage;
    }
    expect(forwards).toEqual(nodes(all));
    const backwards: unknown[] = [];
    let before: string | null = null;
    for (let more = true; more;) {
      const part: Connection = await readPage({ last: size, before });
      backwards.unshift(...nodes(part));
      expect(part.pageInfo.startCursor).toBe(part.edges[0]!.cursor);
      before = part.pageInfo.startCursor;
      more = part.pageInfo.hasPreviousPage;
    }
    expect(backwards).toEqual(nodes(all));
  }
});

test.for(Object.keys(lists))('%s refuses sizes and cursors that make no sense', async (name) => {
  const readPage = lists[name]!();
  const senseless: object[] = [
    { first: -1 },
    { last: -1 },
    { first: 101 },
    { last: 2147483647 },
    { first: 1, last: 1 },
    { after: 'x' },
    { after: '-1' },
    { after: '1; drop table ticket' },
    { before: '\0' },
    { after: '9'.repeat(30) },
    { after: '' },
    { before: '1e3' },
    { after: '💥' },
  ];
  for (const variables of senseless) {
    await expect(readPage(variables)).rejects.toThrow('"code":"INVALID_INPUT"');
  }
  expect((await readPage({ first: 0 })).edges).toEqual([]);
});
