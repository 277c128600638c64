import { registerApplication } from '../../src/operations/applications.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { cancelTicket, completeTicket } from '../../src/operations/ticket-endings.ts';
import { approve, createTicket } from '../../src/operations/tickets.ts';
import type { Actor } from '../../src/domain/person.ts';
import { alice, carol, dave, grace, openTestWorld, person, type TestWorld } from './desk.ts';
import { type LiveReplica, openLiveReplica } from './live.ts';
import { ask } from './service.ts';

export const bob = person('bob', 'APPLICATION_DEPLOYER');

export type Row = Record<string, unknown>;
export type Connection = {
  edges: { cursor: string; node: Row }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string };
};
const lists = {
  tickets: ['TicketFilter', 'it: ticketNo status category username createdAt entries { applicationName }'],
  operations: ['OperationFilter', 'it: id rolloutStatus username applicationName cluster namespace operationStartTime'],
  tokens: ['TokenFilter', 'it: expires valid username applicationName ticketNo'],
  applications: [
    'ApplicationFilter',
    'it: name owners { users } businessTags { tagKey tagValue } targets { namespace }',
  ],
  auditRecords: [
    'AuditFilter',
    'it: id ticketNo operationId username applicationName namespace level kind outcome message at',
  ],
} as const;
export type List = keyof typeof lists;

type Answer = { page: Connection; codes: unknown[] };

/** A world in which every list has something to tell apart: of alice and of bob, in different states. */
export type Lists = {
  world: TestWorld;
  /** Follows nothing: an operation stays as it was left. */
  replica: LiveReplica;
  /** Alice's, for web alone; awaits two approvals, of which carol has given one. */
  critical: string;
  operationId: string;
  answer: (who: string, list: List, variables: object) => Promise<Answer>;
  /** The first hundred, which must be shown. */
  read: (who: string, list: List, filter?: object) => Promise<Row[]>;
  close: () => Promise<void>;
};

export async function openLists(): Promise<Lists> {
  const world = await openTestWorld();
  const replica = await openLiveReplica(world, { lookMs: 600_000 });
  const { desk } = replica.replica;
  const register = async (name: string, owners: { users?: string[]; groups?: string[] }, tags: string) => {
    const namespace = await world.cluster.createNamespace();
    await world.cluster.createDeployment(namespace, { name, image: 'web:v1', replicas: 0 });
    const businessTags = tags.split(',').map((tag) => ({ tagKey: tag.split(':')[0]!, tagValue: tag.split(':')[1]! }));
    await registerApplication(desk, grace, {
      name,
      businessTags,
      owners,
      targets: [{ namespace, deploymentName: name }],
    });
  };
  await register('web', { users: ['alice'] }, 'env:production,critical:true');
  await register('api', { users: ['alice', 'bob'] }, 'env:staging,team:platform');
  await register('data', { users: ['bob'], groups: ['data'] }, 'env:production,team:data');

  const request = (actor: Actor, category: 'BUG_FIX' | 'MEMORY_LEAK', ...names: string[]) =>
    createTicket(desk, actor, {
      workOrderKey: 'APPLICATION_REDEPLOY',
      reason: 'it answers 500',
      category,
      entries: names.map((applicationName) => ({ detail: { applicationName } })),
    });
  const both = await request(alice, 'MEMORY_LEAK', 'api', 'web');
  for (const approver of [carol, dave]) await approve(desk, approver, both);
  await redeploy(desk, alice, { applicationName: 'web' });
  await world.sql(`update operation set rollout_status = 'FAILED', success = false`);
  const { id: operationId } = await redeploy(desk, alice, { applicationName: 'web' });
  const bobs = await request(bob, 'BUG_FIX', 'data');
  await approve(desk, carol, bobs);
  await redeploy(desk, bob, { applicationName: 'data' });
  const completed = await request(bob, 'BUG_FIX', 'api');
  await approve(desk, dave, completed);
  await completeTicket(desk, bob, completed);
  const taken = await request(alice, 'MEMORY_LEAK', 'api');
  await cancelTicket(desk, alice, taken);
  const late = await request(bob, 'BUG_FIX', 'api');
  await world.sql('update ticket set decide_by = clock_timestamp() where id = ?', [late.id]);
  const { ticketNo: critical } = await request(alice, 'BUG_FIX', 'web');
  await approve(desk, carol, { ticketNo: critical });
  // One an hour, so that times can be told apart.
  await world.sql(`update ticket set created_at = timestamptz '2026-01-01Z' + id * interval '1 hour'`);
  await world.sql(`update operation o set operation_start_time = timestamptz '2026-01-01Z' + n * interval '1 hour'
    from (select id, row_number() over (order by id) as n from operation) numbered where numbered.id = o.id`);
  return {
    world,
    replica,
    critical,
    operationId,
    answer: (...asked) => answer(replica, ...asked),
    read: async (who, list, filter) => {
      const { page, codes } = await answer(replica, who, list, { filter, first: 100 });
      if (codes.length > 0) throw new Error(`${who} is refused: ${codes.join(', ')}`);
      return page.edges.map(({ node }) => node);
    },
    close: async () => {
      await replica.stop();
      await world.close();
    },
  };
}

async function answer(replica: LiveReplica, who: string, list: List, variables: object): Promise<Answer> {
  const [filter, fields] = lists[list];
  const query = `query ($filter: ${filter}, $first: Int, $after: String, $last: Int, $before: String) {
    ${list}(filter: $filter, first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { ${fields} } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
  const { data, errors } = await ask(replica, who, query, variables);
  return { page: data?.[list] as Connection, codes: errors.map(({ extensions }) => extensions['code']) };
}
