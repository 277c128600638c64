import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Operation } from '../../src/domain/operation.ts';
import { registerApplications } from '../../src/operations/applications.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { type ApiRequests, countRequests } from '../support/api-requests.ts';
import { alice, authorizedTicket, openTestWorld, type Replica, type TestWorld } from '../support/desk.ts';
import { until } from '../support/wait.ts';

// What the API server is asked while rollouts are followed does not grow with their number.

const many = 200;

let world: TestWorld;
/** Registers and approves; what is counted is another one. */
let creator: Replica;
let names: string[];
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 300, mustBeSimulated: true });
  creator = await world.openReplica({ follows: false });
  names = await deployAll(many);
});
afterAll(() => world.close());

async function deployAll(count: number): Promise<string[]> {
  const { cluster } = world;
  const namespace = await cluster.createNamespace();
  const all = Array.from({ length: count }, (_, index) => `app-${index}`);
  await Promise.all(all.map((name) => cluster.createDeployment(namespace, { name, image: 'web:v1' })));
  const target = { cluster: cluster.contextName, namespace };
  const owners = { users: ['alice'], groups: [] };
  const rest = { businessTags: [], manifest: null, imageRepositories: [] };
  const registrations = all.map((name) => ({ name, owners, targets: [{ ...target, deploymentName: name }], ...rest }));
  await registerApplications(creator.desk, registrations);
  // Neighbours on different tickets: what is stored at once must not wait for one ticket's lock.
  const tickets = Object.values(Object.groupBy(all, (_, index) => String(index % (count / 20))));
  for (const applications of tickets) await authorizedTicket(creator.desk, ...applications!);
  const view = creator.desk.clusters.get(cluster.contextName)!;
  const isUp = (name: string) => view.snapshot(namespace, name).deployment?.status.availableReplicas === 1;
  await until('all of them are up', () => all.every(isUp));
  return all;
}

/** Everything that one replica asks from its start on until these operations, followed at once, have ended. */
async function requestsFor(applications: string[]): Promise<ApiRequests> {
  const areFollowed = Promise.withResolvers<void>();
  const counter = countRequests(world.cluster.simulated!, ({ method }) =>
    method === 'PATCH' ? areFollowed.promise : undefined,
  );
  const replica = await world.openReplica({ timing: { requestMilliseconds: 60_000 } });
  const { follower } = replica;
  // Not one after the other's patch, which is held.
  const desk = { ...replica.desk, follow: async (operation: Operation) => void follower.adopt(operation, 0) };
  const start = (applicationName: string) => redeploy(desk, alice, { applicationName });
  const atOnce = 8;
  for (let from = 0; from < applications.length; from += atOnce) {
    await Promise.all(applications.slice(from, from + atOnce).map(start));
  }
  expect(follower.followedCount).toBe(applications.length);
  areFollowed.resolve();
  const countOf = async (condition: string) => {
    const [row] = await world.sql<{ count: number }>(
      `select count(*)::int as count from operation where ${condition} and follower = ?`,
      [desk.processId],
    );
    return row!.count;
  };
  await until('all have ended', async () => (await countOf('success is null')) === 0, 60);
  expect(await countOf(`rollout_status = 'COMPLETED'`)).toBe(applications.length);
  await replica.stop();
  return counter.end();
}

test(
  `${many} operations followed at once need no more watches and lists than one does, and no more per operation`,
  { timeout: 90_000 },
  async () => {
    const forOne = await requestsFor(names.slice(0, 1));
    const forMany = await requestsFor(names);
    console.log(`requests to the API server, from a replica's start on until all are COMPLETED`);
    console.table({ '1 operation': forOne, [`${many} operations`]: forMany });
    const kinds = { list: 4, watch: 4 }; // Deployments, ReplicaSets, Pods, Events
    expect(forOne).toMatchObject(kinds);
    expect(forMany).toMatchObject(kinds);
    expect(forOne['patch']).toBe(1);
    for (const kind of ['get', 'post', 'patch']) expect([kind, forMany[kind]]).toEqual([kind, costOf(kind, forOne)]);
  },
);

/** One `get` is the cluster's identity, which a replica asks once. */
const costOf = (kind: string, forOne: ApiRequests): number => {
  const once = kind === 'get' ? 1 : 0;
  return (forOne[kind]! - once) * many + once;
};
