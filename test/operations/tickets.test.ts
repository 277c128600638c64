import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findTicket } from '../../src/operations/reads.ts';
import { approve, type CreateTicketInput, createTicket, newTicketNo, reject } from '../../src/operations/tickets.ts';
import {
  alice,
  carol,
  dave,
  frank,
  openTestWorld,
  person,
  registeredApplication,
  type Replica,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { codesOf, contentOf, refusalOf } from '../support/outcomes.ts';

let world: TestWorld;
let replica: Replica;
/** Another replica: what arrives together arrives at different ones. */
let other: Replica;
let application: string;
beforeAll(async () => {
  world = await openTestWorld();
  [replica, other] = await Promise.all([world.openReplica({ follows: false }), world.openReplica({ follows: false })]);
  application = await registeredApplication(replica.desk, { env: 'production', team: 'backend' });
});
afterAll(() => world.close());

type Entry = CreateTicketInput['entries'][number];
const inputWith = (change: object, detail: Partial<Entry['detail']> = {}): CreateTicketInput => ({
  workOrderKey: 'APPLICATION_REDEPLOY',
  reason: 'it answers 500',
  category: 'BUG_FIX',
  entries: [{ detail: { applicationName: application, ...detail } }],
  ...change,
});
const tagged = (tagKey: string, tagValue: string) => ({ businessTags: [{ tag: { tagKey, tagValue } }] });
const approvalsOf = async (ticketNo: string) => {
  const rows = await world.sql<{ decision: string; username: string }>(
    'select decision, username from approval where ticket_id = (select id from ticket where ticket_no = ?)',
    [ticketNo],
  );
  return rows.map(({ decision, username }) => `${username} ${decision}`).toSorted();
};
const statusOf = async (ticketNo: string) => (await findTicket(replica.desk, frank, ticketNo)).status;

describe('asking', () => {
  test('a ticket is stored with the tags and targets of the registry and waits for approval', async () => {
    const ticket = await createTicket(replica.desk, alice, inputWith({}, tagged('env', 'production')));
    expect(ticket).toMatchObject({ status: 'PENDING_APPROVAL', username: 'alice', approvalsRequired: 1 });
    expect(ticket.decideBy.getTime() - ticket.createdAt.getTime()).toBe(24 * 3_600_000);
    expect(ticket.entries.getItems()).toMatchObject([
      {
        applicationName: application,
        businessTags: [
          { tagKey: 'env', tagValue: 'production' },
          { tagKey: 'team', tagValue: 'backend' },
        ],
        targets: [{ cluster: world.cluster.contextName, namespace: 'default', deploymentName: application }],
      },
    ]);
  });

  test('a ticket number has eight characters of a–z and 0–9, a letter and a digit among them', () => {
    for (const ticketNo of Array.from({ length: 500 }, newTicketNo)) {
      expect(ticketNo).toMatch(/^(?=.*[a-z])(?=.*[0-9])[a-z0-9]{8}$/);
    }
  });

  test.each<[what: string, input: () => CreateTicketInput, fields: string[]]>([
    ['another work order', () => inputWith({ workOrderKey: 'ELSE' }), ['input.workOrderKey']],
    ['a blank reason', () => inputWith({ reason: ' \n ' }), ['input.reason']],
    ['a reason of 2001 characters', () => inputWith({ reason: 'x'.repeat(2001) }), ['input.reason']],
    ['a NUL in the reason', () => inputWith({ reason: 'it\0fails' }), ['input.reason']],
    ['half a character in the reason', () => inputWith({ reason: 'fails \ud83d' }), ['input.reason']],
    ['an unknown category', () => inputWith({ category: 'FUN' }), ['input.category']],
    ['no entry', () => inputWith({ entries: [] }), ['input.entries']],
    [
      'an empty application name',
      () => inputWith({}, { applicationName: '' }),
      ['input.entries.0.detail.applicationName'],
    ],
    [
      'one application twice',
      () => inputWith({ entries: [1, 2].map(() => ({ detail: { applicationName: application } })) }),
      ['input.entries'],
    ],
    [
      'several faults at once',
      () => inputWith({ reason: '', category: 'FUN' }, tagged('', 'x')),
      ['input.reason', 'input.category', 'input.entries.0.detail.businessTags.0.tag.tagKey'],
    ],
  ])('%s is refused naming each field, and nothing is stored', async (_, input, fields) => {
    const before = await contentOf(world);
    const { code, details, message } = await refusalOf(createTicket(replica.desk, alice, input()));
    expect(code).toBe('INVALID_INPUT');
    expect(details.fields).toEqual(fields);
    for (const field of fields) expect(message).toContain(`${field}: `);
    expect(await contentOf(world)).toEqual(before);
  });

  test.each<[what: string, detail: () => Partial<Entry['detail']>, words: () => string[]]>([
    ['a tag with another value', () => tagged('env', 'test'), () => ['env:test', 'env:production']],
    ['a tag that is not registered', () => tagged('zone', 'a'), () => ['zone:a', 'no such tag']],
    ['another name', () => ({ name: 'else' }), () => ['else', application]],
  ])('%s than the registry has is refused naming both, and nothing is stored', async (_, detail, words) => {
    const before = await contentOf(world);
    const { code, message } = await refusalOf(createTicket(replica.desk, alice, inputWith({}, detail())));
    expect(code).toBe('INVALID_INPUT');
    for (const word of words()) expect(message).toContain(word);
    expect(await contentOf(world)).toEqual(before);
  });

  test('one unknown application among several is NOT_FOUND by name, and nothing is stored', async () => {
    const before = await contentOf(world);
    const refusal = await refusalOf(ticketFor(replica.desk, application, 'nowhere'));
    expect(refusal).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('nowhere') });
    expect(await contentOf(world)).toEqual(before);
  });

  test.each([
    ['someone without a role', person('alice')],
    ['a deployer who is not an owner', person('bob', 'APPLICATION_DEPLOYER')],
    ['an owner without the role', person('alice', 'AUDITOR')],
    ['an approver', person('carol', 'APPROVER')],
  ])('%s may not ask, and nothing is stored', async (_, actor) => {
    const before = await contentOf(world);
    expect((await refusalOf(createTicket(replica.desk, actor, inputWith({})))).code).toBe('FORBIDDEN');
    expect(await contentOf(world)).toEqual(before);
  });
});

describe('deciding', () => {
  const criticalTicket = async () => {
    const critical = await registeredApplication(replica.desk, { critical: 'true' });
    return ticketFor(replica.desk, application, critical);
  };

  test('an unknown ticket is NOT_FOUND', async () => {
    expect((await refusalOf(approve(replica.desk, carol, { ticketNo: 'abcd1234' }))).code).toBe('NOT_FOUND');
  });

  test('nobody decides their own ticket, not even under another name', async () => {
    const both = person('alice', 'APPLICATION_DEPLOYER', 'APPROVER');
    const { ticketNo } = await createTicket(replica.desk, both, inputWith({}));
    for (const decide of [approve, reject]) {
      const renamed = { ...both, username: 'alice-now-married' };
      expect((await refusalOf(decide(replica.desk, renamed, { ticketNo }))).code).toBe('FORBIDDEN');
    }
    expect(await statusOf(ticketNo)).toBe('PENDING_APPROVAL');
  });

  test('nor does a namesake of another issuer, who may be the same person', async () => {
    const { ticketNo } = await ticketFor(replica.desk, application);
    const namesake = { ...person('alice', 'APPROVER'), issuer: 'https://elsewhere.test' };
    expect((await refusalOf(approve(replica.desk, namesake, { ticketNo }))).code).toBe('FORBIDDEN');
    expect(await statusOf(ticketNo)).toBe('PENDING_APPROVAL');
  });

  test('one approval is enough unless an application is critical: then it takes two people', async () => {
    const { ticketNo } = await criticalTicket();
    expect((await approve(replica.desk, carol, { ticketNo })).status).toBe('PENDING_APPROVAL');
    expect((await refusalOf(approve(replica.desk, carol, { ticketNo }))).code).toBe('CONFLICT');
    expect((await approve(other.desk, dave, { ticketNo })).status).toBe('AUTHORIZED');
    expect(await approvalsOf(ticketNo)).toEqual(['carol APPROVED', 'dave APPROVED']);
  });

  test('one rejection ends the ticket, whoever approved before', async () => {
    const { ticketNo } = await criticalTicket();
    await approve(replica.desk, carol, { ticketNo });
    expect((await reject(replica.desk, dave, { ticketNo, comment: 'not now' })).status).toBe('REJECTED');
    const third = person('erin', 'APPROVER');
    expect((await refusalOf(approve(replica.desk, third, { ticketNo }))).code).toBe('CONFLICT');
    expect((await refusalOf(reject(replica.desk, third, { ticketNo }))).code).toBe('CONFLICT');
    expect(
      await world.sql('select 1 from redeploy_grant where ticket_id = (select id from ticket where ticket_no = ?)', [
        ticketNo,
      ]),
    ).toEqual([]);
  });

  test('nobody decides any more once the time to decide is over', async () => {
    const { ticketNo } = await ticketFor(replica.desk, application);
    await world.sql('update ticket set decide_by = clock_timestamp() where ticket_no = ?', [ticketNo]);
    const before = await contentOf(world);
    for (const decide of [approve, reject]) {
      expect((await refusalOf(decide(replica.desk, carol, { ticketNo }))).code).toBe('CONFLICT');
    }
    expect(await contentOf(world)).toEqual(before);
  });

  const rounds = Array.from({ length: 20 }, (_, round) => round);
  test('two requests of one person that arrive together count once', async () => {
    for (const round of rounds) {
      const { ticketNo } = await criticalTicket();
      const codes = await codesOf([
        approve(replica.desk, carol, { ticketNo }),
        approve((round % 2 ? other : replica).desk, carol, { ticketNo }),
      ]);
      expect(codes.map(String).toSorted()).toEqual(['CONFLICT', 'null']);
      expect(await approvalsOf(ticketNo)).toEqual(['carol APPROVED']);
      expect(await statusOf(ticketNo)).toBe('PENDING_APPROVAL');
    }
  });

  test('two approvers who arrive together both count, and the ticket is authorized once', async () => {
    for (const _ of rounds) {
      const { id, ticketNo } = await criticalTicket();
      const codes = await codesOf([
        approve(replica.desk, carol, { ticketNo }),
        approve(other.desk, dave, { ticketNo }),
      ]);
      expect(codes).toEqual([null, null]);
      expect(await approvalsOf(ticketNo)).toEqual(['carol APPROVED', 'dave APPROVED']);
      expect(await statusOf(ticketNo)).toBe('AUTHORIZED');
      const grants = await world.sql('select 1 from redeploy_grant where ticket_id = ?', [id]);
      expect(grants).toHaveLength(2);
      const created = await world.sql(`select 1 from audit_record where ticket_id = ? and kind = 'TOKEN_CREATE'`, [id]);
      expect(created).toHaveLength(2);
    }
  });

  test('of an approval and a rejection that arrive together exactly one decides', async () => {
    for (const round of rounds) {
      const { ticketNo } = await ticketFor(replica.desk, application);
      const requests = [() => approve(replica.desk, carol, { ticketNo }), () => reject(other.desk, dave, { ticketNo })];
      const codes = await codesOf((round % 2 ? requests : requests.toReversed()).map((request) => request()));
      expect(codes.map(String).toSorted()).toEqual(['CONFLICT', 'null']);
      expect(await approvalsOf(ticketNo)).toHaveLength(1);
      const rejected = (await approvalsOf(ticketNo))[0] === 'dave REJECTED';
      expect(await statusOf(ticketNo)).toBe(rejected ? 'REJECTED' : 'AUTHORIZED');
    }
  });
});
