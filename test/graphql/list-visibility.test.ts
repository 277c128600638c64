import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/domain/person.ts';
import { listApplications, listTickets, type TicketFilter } from '../../src/operations/lists.ts';
import {
  alice,
  authorizedTicket,
  carol,
  dave,
  grace,
  person,
  registeredApplication,
  ticketFor,
} from '../support/desk.ts';
import { bob, type Connection, type List, type Lists, openLists, type Row } from '../support/lists.ts';

let lists: Lists;
beforeAll(async () => {
  lists = await openLists();
});
afterAll(() => lists.close());

describe('everyone sees', () => {
  const owns = (name: string) => (row: Row) => (row['owners'] as { users: string[] }).users.includes(name);
  test.for<[List, (name: string) => (row: Row) => boolean]>([
    ['tickets', (name) => (row) => row['username'] === name],
    ['operations', (name) => (row) => row['username'] === name],
    ['tokens', (name) => (row) => row['username'] === name],
    ['applications', owns],
  ])('of %s their own; APPROVER, AUDITOR and ADMIN see all', async ([list, isOf]) => {
    const all = await lists.read('grace', list);
    for (const name of ['carol', 'frank']) expect(await lists.read(name, list)).toEqual(all);
    for (const name of ['alice', 'bob']) expect(await lists.read(name, list)).toEqual(all.filter(isOf(name)));
    expect(await lists.read('alice', list)).not.toEqual(all);
    expect(await lists.read('mallory', list)).toEqual([]);
    expect(await lists.read('alice', list, list === 'applications' ? { name: 'data' } : { username: 'bob' })).toEqual(
      [],
    );
  });

  test('of the record all or nothing: it is for AUDITOR and ADMIN', async () => {
    expect(await lists.read('frank', 'auditRecords')).toEqual(await lists.read('grace', 'auditRecords'));
    for (const name of ['alice', 'carol', 'mallory']) {
      expect((await lists.answer(name, 'auditRecords', {})).codes).toEqual(['FORBIDDEN']);
      expect((await lists.answer(name, 'auditRecords', { filter: { operationId: 'nonsense' } })).codes).toEqual([
        'FORBIDDEN',
      ]);
    }
  });

  const page = { after: null, before: null, limit: 100, inverted: false };
  test('what is theirs as a person, whatever their name, and as a member of a group', async () => {
    const { desk } = lists.replica.replica;
    expect(await listTickets(desk, { ...alice, subject: 'another' }, null, page)).toEqual([]);
    const renamed = await listTickets(desk, { ...alice, username: 'alicia' }, null, page);
    expect(renamed.length).toBeGreaterThan(0);
    const member = { ...person('erin'), groups: ['data', `'"`] };
    expect(await listApplications(desk, member, null, page)).toMatchObject([{ name: 'data' }]);
  });

  test('as awaiting their decision what is pending, not their own, and not decided by them', async () => {
    const { desk } = lists.replica.replica;
    const { ticketNo } = await ticketFor(desk, 'api');
    const waiting = async (actor: Actor, filter: TicketFilter = {}) =>
      (await listTickets(desk, actor, { awaitingMyDecision: true, ...filter }, page)).map((row) => row.ticketNo);
    expect(await waiting(carol)).toEqual([ticketNo]);
    expect(await waiting(dave)).toEqual([ticketNo, lists.critical]);
    expect(await waiting(dave, { applicationName: 'web' })).toEqual([lists.critical]);
    expect(await waiting({ ...alice, roles: ['APPLICATION_DEPLOYER', 'APPROVER'] })).toEqual([]);
    for (const actor of [alice, bob, grace, person('frank', 'AUDITOR')]) expect(await waiting(actor)).toEqual([]);
    const all = await listTickets(desk, dave, null, page);
    expect(await listTickets(desk, dave, { awaitingMyDecision: false }, page)).toEqual(all);
  });
});

/** What makes each list longer. */
const grow: [List, () => Promise<unknown>][] = [
  ['tickets', () => ticketFor(lists.replica.replica.desk, 'api')],
  ['tokens', () => authorizedTicket(lists.replica.replica.desk, 'api')],
  ['applications', () => registeredApplication(lists.replica.replica.desk)],
  ['auditRecords', () => ticketFor(lists.replica.replica.desk, 'api')],
];

describe('paging', () => {
  test.for(grow)('of %s to the end and back has neither gap nor double while more comes', async ([list, more]) => {
    const before = await lists.read('grace', list);
    const size = Math.ceil(before.length / 3);
    const seen: Connection['edges'] = [];
    for (let after: string | null = null, isMore = true; isMore;) {
      const { page }: { page: Connection } = await lists.answer('grace', list, { first: size, after });
      seen.push(...page.edges);
      ({ endCursor: after, hasNextPage: isMore } = page.pageInfo);
      await more();
    }
    expect(seen.map(({ node }) => node)).toEqual(before);
    const back: Row[] = [];
    for (let cursor: string = seen.at(-1)!.cursor, isMore = true; isMore;) {
      if (back.length <= size) await more();
      const { page }: { page: Connection } = await lists.answer('grace', list, { last: size, before: cursor });
      back.unshift(...page.edges.map(({ node }) => node));
      ({ startCursor: cursor, hasPreviousPage: isMore } = page.pageInfo);
    }
    expect([...back, before.at(-1)]).toEqual(await lists.read('grace', list));
  });

  test.for(['tokens', 'applications'] as const)('of %s refuses sizes and cursors that make no sense', async (list) => {
    for (const variables of [{ first: 101 }, { last: -1 }, { first: 1, last: 1 }, { after: 'x' }, { before: '1e3' }]) {
      expect((await lists.answer('grace', list, variables)).codes).toEqual(['INVALID_INPUT']);
    }
  });
});
