import { afterAll, beforeAll, expect, test } from 'vitest';
import { registerApplication } from '../../src/operations/applications.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { revokeToken } from '../../src/operations/token-revocations.ts';
import { approve, createTicket } from '../../src/operations/tickets.ts';
import {
  alice,
  carol,
  dave,
  deployApplication,
  grace,
  openTestWorld,
  registeredApplication,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { type LiveReplica, openLiveReplica } from '../support/live.ts';
import { ask } from '../support/service.ts';

let world: TestWorld;
let replica: LiveReplica;
beforeAll(async () => {
  world = await openTestWorld();
  replica = await openLiveReplica(world, { lookMs: 600_000 });
});
afterAll(async () => {
  await replica.stop();
  await world.close();
});

const read = async (query: string): Promise<Record<string, unknown>> => {
  const { data, errors } = await ask(replica, 'frank', query);
  expect(errors).toEqual([]);
  return data!;
};
const timelineOf = async (ticketNo: string): Promise<string[]> => {
  const data = await read(`{ ticket(ticketNo: "${ticketNo}") { timeline } }`);
  return (data['ticket'] as { timeline: string[] }).timeline;
};

test('a ticket shows its applications in the order of the request, tagged as they were then', async () => {
  const { desk } = replica.replica;
  const names = [
    await registeredApplication(desk, { env: 'production', team: 'backend', version: 'v2.1.0', critical: 'true' }),
    await registeredApplication(desk, { env: 'staging' }),
  ];
  const { ticketNo } = await ticketFor(desk, names[1]!, names[0]!);
  await registerApplication(desk, grace, {
    name: names[1]!,
    owners: { users: ['alice'] },
    targets: [{ namespace: 'default', deploymentName: names[1]! }],
  });
  expect(await read(`{ ticket(ticketNo: "${ticketNo}") { markdown } }`)).toEqual({
    ticket: {
      markdown: [
        '| Application Name | Tags |',
        '| --- | --- |',
        `| ${names[1]} | env:staging |`,
        `| ${names[0]} | env:production,team:backend,version:v2.1.0,critical:true |`,
      ].join('\n'),
    },
  });
});

test('its timeline tells the story to people, step by step, each in one line', async () => {
  const { desk } = replica.replica;
  const { name } = await deployApplication(world, desk, { replicas: 0, tags: { critical: 'true' } });
  const ticket = await createTicket(desk, alice, {
    workOrderKey: 'APPLICATION_REDEPLOY',
    reason: 'it answers 500\nsince three',
    category: 'BUG_FIX',
    entries: [{ detail: { applicationName: name } }],
  });
  await approve(desk, carol, { ticketNo: ticket.ticketNo, comment: 'seen it' });
  await approve(desk, dave, ticket);
  await redeploy(desk, alice, { applicationName: name, reason: 'stuck' });
  await revokeToken(desk, carol, { applicationName: name, username: 'alice', reason: 'enough' });
  const lines = await timelineOf(ticket.ticketNo);
  const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;
  expect(lines.filter((line) => !instant.test(line))).toEqual([]);
  expect(lines.map((line) => line.replace(instant, '').replace(/until .*Z$/, 'until then'))).toEqual([
    `alice: asked for an emergency redeploy of ${name} (BUG_FIX): it answers 500 since three`,
    'carol: approved, 1 of 2: seen it',
    'dave: approved, 2 of 2',
    `the service: token for ${name} created, valid until then`,
    `alice: token for ${name} used`,
    `alice: redeploy of ${name} started (RESTART, RollingUpdate): stuck`,
    `carol: token for ${name} revoked: enough`,
  ]);
});

test('a long story leaves room for the others of its page, and ends at a thousand steps', async () => {
  const { desk } = replica.replica;
  const tickets = [];
  for (const steps of [600, 700, 1_200]) {
    const ticket = await ticketFor(desk, await registeredApplication(desk));
    await world.sql(
      `insert into audit_record (ticket_id, sequence, level, kind, at, message, data, hash)
       select ?, n + 2, 'TICKET', 'TICKET_APPROVE', now(), 'step ' || n, '{}', '' from generate_series(1, ?::int) n`,
      [ticket.id, steps],
    );
    tickets.push(ticket);
  }
  const { tickets: page } = await read('{ tickets(first: 3) { edges { node { timeline } } } }');
  const { edges } = page as { edges: { node: { timeline: string[] } }[] };
  expect(edges.map(({ node }) => node.timeline.length)).toEqual([1_000, 701, 601]);
  expect(edges[2]!.node.timeline.at(-1)).toMatch(/ the service: step 600$/);
});
