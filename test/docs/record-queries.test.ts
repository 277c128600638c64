import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { registerApplication } from '../../src/operations/applications.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { approve, createTicket } from '../../src/operations/tickets.ts';
import { alice, carol, grace, openTestWorld, type TestWorld, untilRolledOut } from '../support/desk.ts';
import { type LiveReplica, openLiveReplica } from '../support/live.ts';
import { untilEnded } from '../support/outcomes.ts';
import { ask } from '../support/service.ts';

// Every fenced block of docs/record-queries.md as it stands.
const text = await readFile(join(import.meta.dirname, '../../docs/record-queries.md'), 'utf8');
const blocks = (language: string): string[] =>
  Array.from(text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms')), ([, code]) => code!);

let world: TestWorld;
let replica: LiveReplica;
let times: { from: string; to: string };
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5 });
  replica = await openLiveReplica(world, { follows: true });
  const { desk } = replica.replica;
  const namespace = await world.cluster.createNamespace();
  await world.cluster.createDeployment(namespace, { name: 'payments', image: 'web:v1', replicas: 1 });
  await untilRolledOut(world, namespace, 'payments');
  await registerApplication(desk, grace, {
    name: 'payments',
    owners: { users: ['alice'] },
    targets: [{ namespace, deploymentName: 'payments' }],
  });
  const { ticketNo } = await createTicket(desk, alice, {
    workOrderKey: 'APPLICATION_REDEPLOY',
    category: 'MEMORY_LEAK',
    reason: 'the heap is full since 03:05',
    entries: [{ detail: { applicationName: 'payments' } }],
  });
  await approve(desk, carol, { ticketNo, comment: 'go ahead' });
  const operation = await redeploy(desk, alice, { applicationName: 'payments', reason: 'stuck in full collections' });
  await untilEnded(desk, operation);
  const minute = Math.floor(operation.operationStartTime.getTime() / 60_000) * 60_000;
  times = { from: new Date(minute).toISOString(), to: new Date(minute + 60_000).toISOString() };
});
afterAll(async () => {
  await replica.stop();
  await world.close();
});

type Nodes = { edges: { node: Record<string, unknown> }[] };

test('one query tells who restarted payments at that minute, on whose approval, why, and what happened', async () => {
  const variables = { ...(JSON.parse(blocks('json')[0]!) as object), ...times };
  const { data, errors } = await ask(replica, 'frank', blocks('graphql')[0]!, variables);
  expect(errors).toEqual([]);
  const { edges } = data!['auditRecords'] as Nodes;
  expect(edges).toMatchObject([
    {
      node: {
        username: 'alice',
        message: 'redeploy of payments started (RESTART, RollingUpdate): stuck in full collections',
        ticket: {
          reason: 'the heap is full since 03:05',
          approvals: [{ approver: 'carol', decision: 'APPROVED', comment: 'go ahead' }],
          breakGlass: null,
        },
      },
    },
  ]);
  const trail = (edges[0]!.node['ticket'] as { auditTrail: Nodes }).auditTrail.edges.map(({ node }) => node);
  expect(trail.filter(({ outcome }) => outcome !== null)).toMatchObject([
    { kind: 'TICKET_APPROVE', username: 'carol', outcome: 'APPROVED' },
    { kind: 'ENTRY_SUCCESS', outcome: 'SUCCEEDED' },
    { kind: 'REDEPLOY_SUCCESS', username: 'alice', outcome: 'SUCCEEDED' },
  ]);
  expect(trail.map(({ previousHash }) => previousHash)).toEqual([null, ...trail.slice(0, -1).map(({ hash }) => hash)]);
});

test('the shell commands take the record out, and go on from where they ended', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'test-record-'));
  const env = { ...process.env, DESK: new URL(replica.url).origin, TOKEN: 'frank' };
  await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', blocks('sh').join('\n')], { cwd: folder, env });
  const lines = (await readFile(join(folder, 'record.ndjson'), 'utf8')).trimEnd().split('\n');
  const ids = lines.map((line) => (JSON.parse(line) as { id: string }).id);
  const stored = await world.sql<{ id: string }>('select id from audit_record where id <= ? order by id', [ids.at(-1)]);
  expect(ids).toEqual(stored.map(({ id }) => id));
  // Of the first export, since which nothing happened.
  expect(lines.at(-1)).toContain('"AUDIT_EXPORT_END"');
  expect(await readFile(join(folder, 'failures.csv'), 'utf8')).toMatch(/^id,at,level,kind,outcome,/);
  await rm(folder, { recursive: true });
});

test('the figures are those of the week', async () => {
  const from = new Date(Date.now() - 86_400_000).toISOString();
  const to = new Date(Date.now() + 86_400_000).toISOString();
  const { data, errors } = await ask(replica, 'alice', blocks('graphql')[1]!, {
    applicationName: 'payments',
    from,
    to,
  });
  expect(errors).toEqual([]);
  const { statistics } = data!['application'] as { statistics: { operations: { total: number; completed: number } }[] };
  expect(statistics.reduce((sum, { operations }) => sum + operations.completed, 0)).toBe(1);
});

test('there is no block that no test runs', () => {
  const count = text.match(/^```\w+$/gm)!.length;
  expect(blocks('graphql').length + blocks('json').length + blocks('sh').length).toBe(count);
});
