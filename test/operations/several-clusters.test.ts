import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Operation } from '../../src/domain/operation.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import type { TestCluster } from '../support/cluster.ts';
import {
  alice,
  authorizedTicket,
  deployApplication,
  openTestWorld,
  type Replica,
  type TestWorld,
} from '../support/desk.ts';
import { contentOf, refusalOf, untilEnded } from '../support/outcomes.ts';
import { asOne, openTwoClusters } from '../support/two-clusters.ts';
import { until } from '../support/wait.ts';

// One desk before two clusters of which one is away, simulated or real: TEST_CLUSTER=kubeconfig KUBECONFIG=a:b.

let a: TestCluster;
let b: TestCluster;
let world: TestWorld;
let replica: Replica;
const timing = { requestMilliseconds: 2_500, silentMilliseconds: 3_000 };

beforeAll(async () => {
  [a, b] = await openTwoClusters();
  world = await openTestWorld({ cluster: asOne(a, b) });
  replica = await world.openReplica({ timing });
});
afterEach(() => bringBack(a));
afterAll(() => world.close());

const bringBack = async ({ relay }: TestCluster) => {
  await relay.close();
  await relay.serve();
  await until('the desk sees it again', () => replica.desk.clusters.get(a.contextName)!.outage('default') === null);
};
const deployed = async (cluster: TestCluster, count: number, replicas = 1): Promise<string[]> => {
  const wish = { replicas };
  const placed = Array.from({ length: count }, () => deployApplication({ cluster }, replica.desk, wish));
  const names = (await Promise.all(placed)).map(({ name }) => name);
  await authorizedTicket(replica.desk, ...names);
  return names;
};
const startAll = (names: string[], image = 'web:v2', desk = replica.desk): Promise<Operation[]> => {
  const images = [{ container: 'app', image }];
  return Promise.all(names.map((applicationName) => redeploy(desk, alice, { applicationName, images })));
};
/** Stored, but not sent yet. */
const storeAll = (names: string[]) =>
  startAll(names, 'web:v2', { ...replica.desk, follow: async (operation: Operation) => operation });
const eventsOf = ({ id }: Operation) =>
  world.sql<{ sequence: number; status: string; message: string }>(
    `select sequence, status, state ->> 'message' as message from operation_event where operation_id = ? order by sequence`,
    [id],
  );
const lastOf = async (operation: Operation) => (await eventsOf(operation)).at(-1)!;
const waits = ({ message }: { message: string }) => message.startsWith('Waiting for the cluster: ');
const all = async (operations: Operation[], holds: (operation: Operation) => Promise<boolean>) =>
  (await Promise.all(operations.map(holds))).every(Boolean);
const completed = async (operations: Operation[]) => {
  for (const operation of operations) {
    expect(await untilEnded(replica.desk, operation)).toMatchObject({ rolloutStatus: 'COMPLETED' });
  }
};

test('a cluster that falls away makes its own rollouts wait and say so, those of the other end, and back again its own do', async () => {
  const names = [await deployed(a, 3), await deployed(b, 3)];
  const [onA, onB] = [await startAll(names[0]!, 'web:slow'), await startAll(names[1]!, 'web:slow')];
  const isUnderWay = async (operation: Operation) => (await lastOf(operation)).status === 'PROGRESSING';
  await until('all are under way', () => all([...onA, ...onB], isUnderWay));
  a.relay.hang();
  await until('its own say that they wait', () => all(onA, async (operation) => waits(await lastOf(operation))));
  await completed(onB);
  await a.relay.close();
  for (const operation of onA) expect(await lastOf(operation)).toMatchObject({ status: 'PROGRESSING' });
  await a.relay.serve();
  await completed(onA);
  for (const operation of onA) expect((await eventsOf(operation)).filter(waits)).toHaveLength(1);
  for (const operation of onB) expect((await eventsOf(operation)).filter(waits)).toEqual([]);
});

test.for<[string, (cluster: TestCluster) => unknown]>([
  ['refuses connections', ({ relay }) => relay.close()],
  ['does not answer', ({ relay }) => relay.hang()],
])('a redeploy to a cluster that %s is UNAVAILABLE and stores nothing, one to the other is done', async ([, leave]) => {
  const [onA] = await deployed(a, 1);
  const onB = await deployed(b, 1);
  await leave(a);
  const before = await contentOf(world);
  const refusal = await refusalOf(redeploy(replica.desk, alice, { applicationName: onA! }));
  expect(refusal.code).toBe('UNAVAILABLE');
  expect(refusal.message).toContain(`cluster "${a.contextName}" is away`);
  expect(await contentOf(world)).toEqual(before);
  await completed(await startAll(onB));
});

test('many patches that hang keep none to the other cluster waiting, and go out when theirs answers again', async () => {
  const names = [await deployed(a, 9, 0), await deployed(b, 3)];
  const [onA, onB] = [await storeAll(names[0]!), await storeAll(names[1]!)];
  a.relay.hang();
  for (const operation of [...onA, ...onB]) void replica.follower.adopt(operation, 0);
  await completed(onB);
  for (const operation of onA) expect(await lastOf(operation)).toMatchObject({ status: 'STARTED' });
  await until('all of them say that they wait', () => all(onA, async (operation) => waits(await lastOf(operation))));
  await bringBack(a);
  await completed(onA);
  for (const operation of onA) expect((await eventsOf(operation)).filter(waits)).toHaveLength(1);
});
