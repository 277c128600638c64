import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Operation } from '../../src/domain/operation.ts';
import { registerApplications } from '../../src/operations/applications.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { type ApiRequests, countRequests } from '../support/api-requests.ts';
import { alice, authorizedTicket, openTestWorld, type Replica, type TestWorld } from '../support/desk.ts';
import { until } from '../support/wait.ts';

// What the API server is asked while rollouts are followed does not grow with their number.

const many = 80;
/** No watch ends by itself meanwhile. */
const timing = { watchSeconds: 1_000, silentMilliseconds: 1_250_000 };

let world: TestWorld;
/** Registers and approves; what is counted is another one. */
let creator: Replica;
let names: string[];
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5, mustBeSimulated: true });
  creator = await world.openReplica({ timing, follows: false });
  names = await deployAll(many);
});
afterAll(() => world.close());

/** Twenty to a namespace and to a ticket, which is as many as one takes. */
async function deployAll(count: number): Promise<string[]> {
  const { cluster } = world;
  const view = creator.desk.clusters.get(cluster.contextName)!;
  const owners = { users: ['alice'], groups: [] };
  const rest = { businessTags: [], manifest: null, imageRepositories: [] };
  const all: string[][] = [];
  while (all.flat().length < count) {
    const namespace = await cluster.createNamespace();
    const names = Array.from({ length: 20 }, (_, index) => `app-${all.length}-${index}`);
    await Promise.all(names.map((name) => cluster.createDeployment(namespace, { name, image: 'web:v1' })));
    const targetOf = (deploymentName: string) => ({ cluster: cluster.contextName, namespace, deploymentName });
    const registrations = names.map((name) => ({ name, owners, targets: [targetOf(name)], ...rest }));
    await registerApplications(creator.desk, registrations);
    await authorizedTicket(creator.desk, ...names);
    const isUp = (name: string) => view.snapshot(namespace, name).deployment?.status.availableReplicas === 1;
    await until('they are up', () => names.every(isUp));
    all.push(names);
  }
  return all.flat();
}

/** Everything that one replica asks from its start on until these operations, followed at once, have ended. */
async function requestsFor(applications: string[]): Promise<ApiRequests> {
  const counter = countRequests(world.cluster.simulated!);
  const replica = await world.openReplica({ timing, limits: { patchWithinSeconds: 600 } });
  const { follower } = replica;
  // None is sent before all are followed: the first would have ended by then.
  const areFollowed = Promise.withResolvers<void>();
  const cluster = replica.desk.clusters.get(world.cluster.contextName)!;
  const patch = cluster.patchDeployment.bind(cluster);
  cluster.patchDeployment = (...change) => areFollowed.promise.then(() => patch(...change));
  const desk = { ...replica.desk, follow: (operation: Operation) => follower.adopt(operation, 0) };
  const start = (applicationName: string) => redeploy(desk, alice, { applicationName });
  const byTicket = Object.values(Object.groupBy(applications, (name) => name.replace(/-\d+$/, '')));
  await Promise.all(
    byTicket.map(async (names) => {
      for (const name of names!) await start(name);
    }),
  );
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
  `${many} operations followed at once need no more watches and lists than one, and each no more requests`,
  { timeout: 120_000 },
  async () => {
    const forOne = await requestsFor(names.slice(0, 1));
    const forMany = await requestsFor(names);
    process.stdout.write(
      `requests to the API server from a replica's start until all is COMPLETED:\n` +
        `  1 operation: ${JSON.stringify(forOne)}\n  ${many} operations: ${JSON.stringify(forMany)}\n`,
    );
    const kinds = { watch: 4, list: 4 }; // Deployments, ReplicaSets, Pods, Events
    // The cluster's identity is read once, each target once; what the service may do there is asked by POST.
    expect(forOne).toEqual({ ...kinds, get: 1 + 1, patch: 1, post: forOne['post'] });
    expect(forMany).toEqual({ ...kinds, get: 1 + many, patch: many, post: forMany['post'] });
    expect(forMany['post']).toBeLessThanOrEqual(forOne['post']! * many);
  },
);
