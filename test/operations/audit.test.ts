import { afterAll, beforeAll, expect, test } from 'vitest';
import { redeploy } from '../../src/operations/redeploys.ts';
import { registerApplication } from '../../src/operations/applications.ts';
import { completeTicket } from '../../src/operations/ticket-endings.ts';
import { approve, reject } from '../../src/operations/tickets.ts';
import { chainOf, faultsInChain } from '../support/audit-chain.ts';
import {
  alice,
  authorizedTicket,
  carol,
  dave,
  deployApplication,
  grace,
  openTestWorld,
  registeredApplication,
  type Replica,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { contentOf, untilEnded } from '../support/outcomes.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
let replica: Replica;
let other: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5, mustBeSimulated: true });
  replica = await world.openReplica();
  other = await world.openReplica();
});
afterAll(() => world.close());

test('the whole story is one chain, and each hash follows from the stored row', async () => {
  const { name } = await deployApplication(world, replica.desk, {
    tags: { critical: 'true', tëam: '☕ "q" \\ \u2028' },
  });
  const { id, ticketNo } = await ticketFor(replica.desk, name);
  await approve(replica.desk, carol, { ticketNo, comment: 'naïve – 好\n\ttab' });
  await approve(other.desk, dave, { ticketNo });
  const started = await redeploy(replica.desk, alice, { applicationName: name, reason: 'stuck' });
  await untilEnded(replica.desk, started);
  await completeTicket(replica.desk, alice, { ticketNo, summary: 'done' });
  expect(await faultsInChain(world, id)).toEqual([]);
  const kinds = (await chainOf(world, id)).map(({ kind }) => kind);
  expect(kinds.slice(0, 9)).toEqual([
    'TICKET_CREATE',
    'ENTRY_CREATE',
    'TICKET_APPROVE',
    'TICKET_APPROVE',
    'ENTRY_PROCESS',
    'ENTRY_SUCCESS',
    'TOKEN_CREATE',
    'TOKEN_USE',
    'REDEPLOY_START',
  ]);
  for (const kind of ['DEPLOYMENT_UPDATE', 'REPLICASET_CREATE', 'ROLLOUT_STATUS', 'POD_CHANGES', 'REDEPLOY_SUCCESS']) {
    expect(kinds).toContain(kind);
  }
  expect(kinds.slice(-2)).toEqual(['TOKEN_REVOKE', 'TICKET_COMPLETE']);
});

test('the chain has no gap and no fork, however many replicas write to it at once', async () => {
  const applications = await Promise.all(
    Array.from({ length: 5 }, () => deployApplication(world, replica.desk, { replicas: 1 })),
  );
  const ticket = await authorizedTicket(replica.desk, ...applications.map(({ name }) => name));
  const started = await Promise.all(
    applications.map(({ name }, i) => redeploy((i % 2 ? replica : other).desk, alice, { applicationName: name })),
  );
  await Promise.all(started.map((operation) => untilEnded(replica.desk, operation)));
  expect(await faultsInChain(world, ticket.id)).toEqual([]);
});

test.each([
  [
    'altered',
    `update audit_record set data = data || '{"reason":"none"}' where ticket_id = ? and sequence = 1`,
    ['record 1 was altered'],
  ],
  ['left out', `delete from audit_record where ticket_id = ? and sequence = 6`, ['the ticket has another head']],
  [
    'signed by somebody else',
    `update audit_record set username = 'dave' where ticket_id = ? and kind = 'TICKET_APPROVE'`,
    ['record 3 was altered'],
  ],
])('a record that was %s is told by the hashes', async (_, statement, faults) => {
  const ticket = await authorizedTicket(replica.desk, await registeredApplication(replica.desk));
  await world.sql(statement, [ticket.id]);
  expect(await faultsInChain(world, ticket.id)).toEqual(faults);
});

const serviceRole = () => new URL(world.database.serviceUrl).username;
const silenceAudit = () => world.sql(`revoke insert on audit_record from "${serviceRole()}"`);
const letAudit = () => world.sql(`grant insert on audit_record to "${serviceRole()}"`);

test('what cannot be recorded does not happen', async () => {
  const application = await deployApplication(world, replica.desk, { replicas: 1 });
  await authorizedTicket(replica.desk, application.name);
  const { ticketNo } = await ticketFor(replica.desk, application.name);
  const before = await contentOf(world);
  await silenceAudit();
  try {
    for (const change of [
      () => ticketFor(replica.desk, application.name),
      () => approve(replica.desk, carol, { ticketNo }),
      () => reject(replica.desk, carol, { ticketNo }),
      () => redeploy(replica.desk, alice, { applicationName: application.name }),
      () =>
        registerApplication(replica.desk, grace, {
          name: application.name,
          owners: { users: ['mallory'] },
          targets: [{ namespace: 'default', deploymentName: 'else' }],
        }),
    ]) {
      await expect(change()).rejects.toThrow(/permission denied for table audit_record/);
    }
    expect(await contentOf(world)).toEqual(before);
  } finally {
    await letAudit();
  }
  const { namespace, name } = application;
  const { metadata } = await world.cluster.api.apps.readNamespacedDeployment({ namespace, name });
  expect(metadata!.generation).toBe(1);
});

test('a rollout that cannot be recorded for a while is recorded whole afterwards', async () => {
  const application = await deployApplication(world, replica.desk, { replicas: 1 });
  const ticket = await authorizedTicket(replica.desk, application.name);
  const isOurs = ({ method, query }: { method: string; query: URLSearchParams }) =>
    method === 'PATCH' && query.get('fieldManager') === 'cratos-redeploy';
  let patches = 0;
  world.cluster.simulated!.intercept = async (request) => {
    if (!isOurs(request)) return undefined;
    patches += 1;
    if (patches === 1) await silenceAudit();
    return undefined;
  };
  const starting = redeploy(replica.desk, alice, { applicationName: application.name });
  await until('it was tried again', () => patches > 1);
  const [silent] = await world.sql<{ landed: string | null }>(
    'select landed_at as landed from operation where application_name = ?',
    [application.name],
  );
  expect(silent!.landed).toBeNull();
  await letAudit();
  world.cluster.simulated!.intercept = undefined;
  expect(await untilEnded(replica.desk, await starting)).toMatchObject({ rolloutStatus: 'COMPLETED' });
  const { namespace, name } = application;
  const { metadata } = await world.cluster.api.apps.readNamespacedDeployment({ namespace, name });
  expect(metadata!.generation).toBe(2);
  expect(await faultsInChain(world, ticket.id)).toEqual([]);
});
