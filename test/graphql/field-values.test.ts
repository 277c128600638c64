import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestServices, type TestServices } from '../support/service.ts';
import { approve, createTicket, type Placed, redeploy, Story } from '../support/story.ts';

// Values of fields that the stories told elsewhere do not look at.

let services: TestServices;
let story: Story;
/** Of alice; runs no pod. */
let placed: Placed;
let clusterUid: string;
beforeAll(async () => {
  services = await openTestServices();
  story = await Story.open(services, await services.start());
  placed = await story.place({ tags: { env: 'production' }, replicas: 0 });
  const { metadata } = await services.cluster.api.core.readNamespace({ name: 'kube-system' });
  clusterUid = metadata!.uid!;
});
afterAll(() => services.close());

const globalId = (type: string, key: string): string => Buffer.from(`${type}:${key}`).toString('base64');
const minute = (number: number): string => `2026-01-01T10:0${number}:00.000Z`;
const target = () => ({
  cluster: services.cluster.contextName,
  clusterUid,
  namespace: placed.namespace,
  deploymentName: placed.deploymentName,
});

type Input = Record<string, unknown>;
const done = (name: 'alice' | 'carol' | 'grace', mutation: string, input: Input) => {
  const inputType = `${mutation[0]!.toUpperCase()}${mutation.slice(1)}Input`;
  return story.get(name, `mutation ($input: ${inputType}!) { ${mutation}(input: $input) { __typename } }`, { input });
};
type Records = { auditRecords: { edges: { node: Record<string, unknown> }[] } };
const recorded = async (filter: Input, fields: string): Promise<Record<string, unknown>[]> => {
  const query = `query ($filter: AuditFilter) { auditRecords(first: 100, filter: $filter) { edges { node { ${fields} } } } }`;
  const { auditRecords } = await story.get<Records>('frank', query, { filter });
  return auditRecords.edges.map(({ node }) => node);
};

test('a ticket that was completed shows all that was said and when', async () => {
  const { applicationName } = placed;
  const expected = { expectedEffect: 'it answers', rollbackPlan: 'the image before' };
  type Created = { createTicket: { ticketId: number; ticketNo: string } };
  const { createTicket: ticket } = await story.get<Created>('alice', createTicket, {
    input: {
      workOrderKey: 'APPLICATION_REDEPLOY',
      category: 'SECURITY_PATCH',
      reason: 'a hole is open',
      entries: [{ detail: { applicationName }, ...expected }],
    },
  });
  const { ticketId, ticketNo } = ticket;
  await story.get('carol', approve, { input: { ticketNo, comment: 'go' } });
  await done('alice', 'completeTicket', { ticketNo, summary: 'it was closed elsewhere' });
  await services.sql(
    'update ticket set created_at = ?, approved_at = ?, ended_at = ?, decide_by = ? where ticket_no = ?',
    [minute(0), minute(1), minute(4), minute(5), ticketNo],
  );
  await services.sql('update ticket_entry set executed_at = ?, completed_at = ? where ticket_id = ?', [
    minute(2),
    minute(3),
    ticketId,
  ]);
  await services.sql('update approval set at = ? where ticket_id = ?', [minute(1), ticketId]);
  const query = `query ($ticketNo: String!) { ticket(ticketNo: $ticketNo) {
    id ticketId ticketNo workOrderKey category status result emergency username reason summary
    approvalsRequired createdAt decideBy approvedAt endedAt approvals { approver decision comment at }
    entries {
      applicationName businessTags { tagKey tagValue } targets { cluster clusterUid namespace deploymentName }
      expectedEffect rollbackPlan success completed executedAt completedAt errorMessage
      application { name } token { username applicationName ticketId ticketNo valid secondsRemaining }
    } } }`;
  expect(await story.get('alice', query, { ticketNo })).toEqual({
    ticket: {
      id: globalId('Ticket', ticketNo),
      ticketId,
      ticketNo,
      workOrderKey: 'APPLICATION_REDEPLOY',
      category: 'SECURITY_PATCH',
      status: 'COMPLETED',
      result: 'UNUSED',
      emergency: true,
      username: 'alice',
      reason: 'a hole is open',
      summary: 'it was closed elsewhere',
      approvalsRequired: 1,
      createdAt: minute(0),
      decideBy: minute(5),
      approvedAt: minute(1),
      endedAt: minute(4),
      approvals: [{ approver: 'carol', decision: 'APPROVED', comment: 'go', at: minute(1) }],
      entries: [
        {
          applicationName,
          businessTags: [{ tagKey: 'env', tagValue: 'production' }],
          targets: [target()],
          ...expected,
          success: true,
          completed: true,
          executedAt: minute(2),
          completedAt: minute(3),
          errorMessage: null,
          application: { name: applicationName },
          token: { username: 'alice', applicationName, ticketId, ticketNo, valid: false, secondsRemaining: 0 },
        },
      ],
    },
  });
});

test('an application shows its owners, its targets and when it was registered, first and last', async () => {
  const { applicationName: name, ...where } = await story.place({ replicas: 0 });
  const owners = { users: ['alice', 'bob'], groups: ['backend'] };
  await done('grace', 'registerApplication', {
    name,
    owners,
    businessTags: [{ tagKey: 'team', tagValue: 'backend' }],
    targets: [{ ...where, cluster: services.cluster.contextName }],
  });
  await services.sql('update application set created_at = ?, updated_at = ? where name = ?', [
    minute(0),
    minute(1),
    name,
  ]);
  const query = `query ($name: String!) { application(name: $name) { id name owners { users groups }
    businessTags { tagKey tagValue } targets { cluster clusterUid namespace deploymentName } createdAt updatedAt } }`;
  expect(await story.get('bob', query, { name })).toEqual({
    application: {
      id: globalId('Application', name),
      name,
      owners,
      businessTags: [{ tagKey: 'team', tagValue: 'backend' }],
      targets: [{ ...target(), ...where }],
      createdAt: minute(0),
      updatedAt: minute(1),
    },
  });
});

test.for(['BUG_FIX', 'CONFIG_CHANGE', 'ROLLBACK', 'SECURITY_PATCH', 'MEMORY_LEAK', 'PERFORMANCE'])(
  'a ticket is asked for as %s and says so',
  async (category) => {
    const input = { workOrderKey: 'APPLICATION_REDEPLOY', category, reason: 'it answers 500' };
    const entries = [{ detail: { applicationName: placed.applicationName } }];
    const query = 'mutation ($input: CreateTicketInput!) { createTicket(input: $input) { category } }';
    expect(await story.get('alice', query, { input: { ...input, entries } })).toEqual({ createTicket: { category } });
  },
);

describe('what people say is in the record', () => {
  const reason = 'not needed any more';

  test('taking a ticket back', async () => {
    const ticketNo = await story.requested(placed.applicationName);
    await done('alice', 'cancelTicket', { ticketNo, reason });
    const records = await recorded({ ticketNo, kind: ['TICKET_CANCEL'] }, '... on TicketCancelled { username reason }');
    expect(records).toEqual([{ username: 'alice', reason }]);
  });

  test('taking a token away', async () => {
    const { applicationName } = await story.place({ replicas: 0 });
    const ticketNo = await story.authorized(applicationName);
    await done('carol', 'revokeToken', { applicationName, username: 'alice', reason });
    const records = await recorded({ ticketNo, kind: ['TOKEN_REVOKE'] }, '... on TokenRevoked { username reason }');
    expect(records).toEqual([{ username: 'carol', reason }]);
  });

  test('taking an application out of the registry', async () => {
    const { applicationName } = await story.place({ replicas: 0 });
    await done('grace', 'unregisterApplication', { name: applicationName, reason });
    const records = await recorded(
      { applicationName, kind: ['APPLICATION_UNREGISTER'] },
      '... on ApplicationUnregistered { username reason }',
    );
    expect(records).toEqual([{ username: 'grace', reason }]);
  });
});

test("a ticket's records are chained by their hashes, and those of its operation name the cluster", async () => {
  const { applicationName } = await story.place({ replicas: 0 });
  const ticketNo = await story.authorized(applicationName);
  await story.completed(applicationName);
  const all = (await recorded({ ticketNo }, 'sequence at hash previousHash cluster operationId')).toReversed();
  expect(all.map(({ previousHash }) => previousHash)).toEqual([null, ...all.map(({ hash }) => hash).slice(0, -1)]);
  expect(new Set(all.map(({ hash }) => hash)).size).toBe(all.length);
  const ofOperation = all.filter(({ operationId }) => operationId !== null);
  expect(ofOperation.length).toBeGreaterThan(0);
  expect(new Set(ofOperation.map(({ cluster }) => cluster))).toEqual(new Set([services.cluster.contextName]));
  expect(all[0]).toMatchObject({ cluster: null, operationId: null });

  const [from, to] = [String(all[0]!['at']), String(all.at(-1)!['at'])];
  const between = all.filter(({ at }) => from < String(at) && String(at) < to).map(({ sequence }) => sequence);
  const later = new Date(Date.parse(from) + 1).toISOString();
  const read = await recorded({ ticketNo, after: later, before: to }, 'sequence');
  expect(read.map(({ sequence }) => sequence).toReversed()).toEqual(between);
});

test('tickets that await my decision are those, and only as long as they do', async () => {
  const ticketNo = await story.requested(placed.applicationName);
  const query = '{ tickets(first: 1, filter: { awaitingMyDecision: true }) { edges { node { ticketNo } } } }';
  expect(await story.get('carol', query)).toEqual({ tickets: { edges: [{ node: { ticketNo } }] } });
  await done('carol', 'reject', { ticketNo, comment: 'no' });
  expect(await story.get('carol', query)).not.toEqual({ tickets: { edges: [{ node: { ticketNo } }] } });
});

test('a redeploy in a cluster that was not approved is refused', async () => {
  const { applicationName } = await story.place({ replicas: 0 });
  await story.authorized(applicationName);
  const of = (cluster: string) => ({ input: { applicationName, cluster } });
  expect(await story.refusal('alice', redeploy, of('elsewhere'))).toMatchObject({ code: 'FORBIDDEN' });
  expect((await story.ask('alice', redeploy, of(services.cluster.contextName))).errors).toEqual([]);
});
