import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Actor } from '../../src/domain/person.ts';
import { registerApplication } from '../../src/operations/applications.ts';
import { breakGlass, reviewBreakGlass } from '../../src/operations/break-glass.ts';
import type { Desk, Limits } from '../../src/operations/dependencies.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { approve } from '../../src/operations/tickets.ts';
import { faultsInChain } from '../support/audit-chain.ts';
import {
  alice,
  authorizedTicket,
  carol,
  grace,
  openTestWorld,
  person,
  registeredApplication,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { codesOf } from '../support/outcomes.ts';
import { policyWith, requiredIn } from '../support/policies.ts';

// What many ask for at the same moment, at several replicas, and only some may get.

let world: TestWorld;
let desks: Desk[];
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5, mustBeSimulated: true });
  const policies = [
    policyWith({ match: { kind: 'grouped' }, approvals: requiredIn('2, 1 of sre') }),
    policyWith({ match: { kind: 'thrice' }, tokenUses: 3 }),
    policyWith({ match: { kind: 'urgent' }, breakGlass: { afterMinutes: 0 } }),
  ];
  const replicas = await Promise.all([1, 2, 3].map(() => world.openReplica({ policies, follows: false })));
  desks = replicas.map(({ desk }) => desk);
});
afterAll(() => world.close());

const breaker = person('alice', 'APPLICATION_DEPLOYER', 'BREAK_GLASS');
const reason = 'nobody of the on-call rota answers';
const approvers = (count: number, ...groups: string[]): Actor[] =>
  Array.from({ length: count }, () => ({ ...person(`approver-${randomUUID()}`, 'APPROVER'), groups }));
const times = <T>(count: number, one: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => one(i));
/** Requests of a kind go to the replicas in turn. */
const deskOf = (i: number, limits: Partial<Limits> = {}): Desk => {
  const desk = desks[i % desks.length]!;
  return { ...desk, limits: { ...desk.limits, ...limits } };
};
const pending = async (tags: Record<string, string>) =>
  ticketFor(desks[0]!, await registeredApplication(desks[0]!, tags));

/** An application of alice's with so many targets, and its token. */
async function placed(targets: number, tags: Record<string, string> = {}): Promise<{ name: string; names: string[] }> {
  const name = `app-${randomUUID().slice(0, 8)}`;
  const namespace = await world.cluster.createNamespace();
  const names = times(targets, (i) => `${name}-${i}`);
  for (const deployment of names) {
    await world.cluster.createDeployment(namespace, { name: deployment, image: 'web:v1', replicas: 0 });
  }
  await registerApplication(desks[0]!, grace, {
    name,
    businessTags: Object.entries(tags).map(([tagKey, tagValue]) => ({ tagKey, tagValue })),
    owners: { users: ['alice'] },
    targets: names.map((deploymentName) => ({ namespace, deploymentName })),
  });
  await authorizedTicket(desks[0]!, name);
  return { name, names };
}
const redeployEach = ({ name, names }: { name: string; names: string[] }, limits: Partial<Limits> = {}) =>
  names.map((deploymentName, i) => redeploy(deskOf(i, limits), alice, { applicationName: name, deploymentName }));

const operationsOf = (...names: string[]): string =>
  `select 1 from operation where application_name in (${names.map((name) => `'${name}'`).join(', ')})`;

type Race = {
  what: string;
  expected: number;
  refusal: string;
  /** `stored`: what of it stands in the database. */
  ask: () => Promise<{ requests: Promise<unknown>[]; stored: string; ticket?: { id: number } }>;
};
const races: Race[] = [
  {
    what: 'approvals of a ticket that needs two, by twelve people',
    expected: 2,
    refusal: 'CONFLICT',
    ask: async () => {
      const ticket = await pending({ critical: 'true' });
      const requests = approvers(12).map((actor, i) => approve(deskOf(i), actor, ticket));
      return { requests, ticket, stored: `select 1 from approval where ticket_id = ${ticket.id}` };
    },
  },
  {
    what: 'approvals of a ticket that needs two, by one person twelve times',
    expected: 1,
    refusal: 'CONFLICT',
    ask: async () => {
      const ticket = await pending({ critical: 'true' });
      const requests = times(12, (i) => approve(deskOf(i), carol, ticket));
      return { requests, ticket, stored: `select 1 from approval where ticket_id = ${ticket.id}` };
    },
  },
  {
    what: 'approvals outside the group that is missing, by twelve people',
    expected: 2,
    refusal: 'FORBIDDEN',
    ask: async () => {
      const ticket = await pending({ kind: 'grouped' });
      const requests = approvers(12, 'web').map((actor, i) => approve(deskOf(i), actor, ticket));
      return { requests, ticket, stored: `select 1 from approval where ticket_id = ${ticket.id}` };
    },
  },
  {
    what: 'breaking the glass of a ticket',
    expected: 1,
    refusal: 'CONFLICT',
    ask: async () => {
      const ticket = await pending({ kind: 'urgent' });
      const { ticketNo } = ticket;
      const requests = times(12, (i) => breakGlass(deskOf(i), breaker, { ticketNo, reason }));
      return { requests, ticket, stored: `select 1 from redeploy_grant where ticket_id = ${ticket.id}` };
    },
  },
  {
    what: 'reviews of a broken glass, by twelve people',
    expected: 1,
    refusal: 'CONFLICT',
    ask: async () => {
      const ticket = await pending({ kind: 'urgent' });
      const { ticketNo } = ticket;
      await breakGlass(desks[0]!, breaker, { ticketNo, reason });
      const requests = approvers(12).map((actor, i) =>
        reviewBreakGlass(deskOf(i), actor, { ticketNo, comment: actor.username }),
      );
      const stored = `select 1 from audit_record where ticket_id = ${ticket.id} and kind = 'TICKET_REVIEW'`;
      return { requests, ticket, stored };
    },
  },
  {
    what: 'redeploys with a token of three uses',
    expected: 3,
    refusal: 'TOKEN_INVALID',
    ask: async () => {
      const application = await placed(10, { kind: 'thrice' });
      return { requests: redeployEach(application), stored: operationsOf(application.name) };
    },
  },
  {
    what: 'redeploys of an application of which four a minute are allowed',
    expected: 4,
    refusal: 'TOO_MANY_REQUESTS',
    ask: async () => {
      const application = await placed(10);
      const requests = redeployEach(application, { redeploysPerMinute: 4 });
      return { requests, stored: operationsOf(application.name) };
    },
  },
  {
    what: 'redeploys of ten applications by a person who is allowed four an hour',
    expected: 4,
    refusal: 'TOO_MANY_REQUESTS',
    ask: async () => {
      await world.sql(`update operation set operation_start_time = operation_start_time - interval '1 hour'`);
      const applications = await Promise.all(times(10, () => placed(1)));
      const limits = { redeploysPerUserPerHour: 4 };
      const names = applications.map(({ name }) => name);
      const requests = names.map((applicationName, i) => redeploy(deskOf(i, limits), alice, { applicationName }));
      return { requests, stored: operationsOf(...names) };
    },
  },
];

const rows: string[] = [];
afterAll(() => {
  if (process.env['TEST_LOG_LEVEL']) process.stdout.write(`${rows.join('\n')}\n`);
});

test.for(races)('$what: exactly $expected', async ({ what, expected, refusal, ask }) => {
  const { requests, stored, ticket } = await ask();
  const codes = await codesOf(requests);
  const granted = codes.filter((code) => code === null).length;
  rows.push(`${what}: asked ${requests.length}, granted ${granted}, expected ${expected}`);
  expect(granted).toBe(expected);
  expect(new Set(codes.filter((code) => code !== null))).toEqual(new Set([refusal]));
  expect(await world.sql(stored)).toHaveLength(expected);
  expect(ticket ? await faultsInChain(world, ticket.id) : []).toEqual([]);
});

test('a glass that is broken while somebody approves or rejects: exactly one of them decides', async () => {
  for (let round = 0; round < 10; round += 1) {
    const { id, ticketNo } = await pending({ kind: 'urgent' });
    const requests = [
      () => breakGlass(deskOf(round), breaker, { ticketNo, reason }),
      () => approve(deskOf(round + 1), carol, { ticketNo }),
    ];
    const codes = await codesOf((round % 2 ? requests : requests.toReversed()).map((request) => request()));
    expect(codes.filter((code) => code !== null)).toEqual(['CONFLICT']);
    const [found] = await world.sql(
      `select break_glass_at is not null as broken, status,
         (select count(*)::int from approval where ticket_id = it.id) as approvals,
         (select count(*)::int from redeploy_grant where ticket_id = it.id and break_glass = (break_glass_at is not null)) as grants
       from ticket it where id = ?`,
      [id],
    );
    const broken = codes[round % 2 ? 0 : 1] === null;
    expect(found).toEqual({ broken, status: 'AUTHORIZED', approvals: broken ? 0 : 1, grants: 1 });
  }
});

test('people of two applications and one person of many wait for each other, and nobody for ever', async () => {
  const mine = await Promise.all(times(6, () => placed(2)));
  const limits = { redeploysPerMinute: 1, redeploysPerUserPerMinute: 1000 };
  const codes = await codesOf(mine.flatMap((application) => redeployEach(application, limits)));
  expect(codes.filter((code) => code === null)).toHaveLength(6);
  expect(codes.filter((code) => code === 'TOO_MANY_REQUESTS')).toHaveLength(6);
});
