import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster, Clusters } from '../../src/domain/cluster.ts';
import { defaultFailFast } from '../../src/domain/pod-failures.ts';
import type { RolloutState } from '../../src/domain/rollout.ts';
import { registerApplication } from '../../src/operations/applications.ts';
import type { Limits } from '../../src/operations/dependencies.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { RolloutFollower } from '../../src/operations/rollout-follower.ts';
import {
  alice,
  authorizedTicket,
  deployApplication,
  grace,
  openTestWorld,
  type Replica,
  type TestWorld,
} from '../support/desk.ts';
import { untilEnded } from '../support/outcomes.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
/** Takes requests only: what it starts is left for others to follow. */
let creator: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5, mustBeSimulated: true });
  creator = await world.openReplica({ follows: false });
});
afterAll(() => world.close());

const replicas: Replica[] = [];
const openFollower = async (limits: Partial<Limits> = {}) => {
  const replica = await world.openReplica({ limits });
  replicas.push(replica);
  return replica;
};
afterEach(async () => {
  const { simulated } = world.cluster;
  simulated!.intercept = undefined;
  simulated!.isAllowed = () => true;
  for (const replica of replicas.splice(0)) await replica.stop();
});

const deployed = async (image: string) => {
  const application = await deployApplication(world, creator.desk, { replicas: 1, image });
  await authorizedTicket(creator.desk, application.name);
  return application;
};
const start = (replica: Replica, { name }: { name: string }) =>
  redeploy(replica.desk, alice, { applicationName: name });
const eventsOf = async ({ id }: { id: string }) => {
  const rows = await world.sql<{ state: RolloutState }>(
    'select state from operation_event where operation_id = ? order by sequence',
    [id],
  );
  return rows.map(({ state }) => state);
};
const messagesOf = async (operation: { id: string }) => (await eventsOf(operation)).map(({ message }) => message);
const waits = (message: string) => message.startsWith('Waiting for the cluster: ');
const end = async ({ namespace, name }: { namespace: string; name: string }) => {
  await world.cluster.api.apps.deleteNamespacedDeployment({ namespace, name });
};
const soon = { failFast: { ...defaultFailFast, crashLoopRestarts: 2 } };
/** Counts what the follower asks the API server for, and answers with what `answer` says. */
function countLogs(answer?: 'hang' | Promise<undefined>): () => string[] {
  const asked: string[] = [];
  world.cluster.simulated!.intercept = ({ path, query }) => {
    if (!path.endsWith('/log')) return undefined;
    asked.push(`${path}?${query.toString()}`);
    return answer;
  };
  return () => asked;
}

describe('the log of a crashed container', () => {
  test('is in the event that ends the rollout, and says since when it crashes', async () => {
    const replica = await openFollower(soon);
    const operation = await start(replica, await deployed('web:crash'));
    const { rolloutStatus, failures } = await untilEnded(replica.desk, operation);
    expect(rolloutStatus).toBe('FAILED');
    expect(failures).toMatchObject([{ reason: 'CrashLoopBackOff', exitCode: 1, isDoomed: true }]);
    expect(failures[0]!.log).toMatch(/\S/);
    expect(Date.parse(failures[0]!.since!)).toBeLessThanOrEqual(Date.now());
    expect((await eventsOf(operation)).at(-1)!.failures).toEqual(failures);
  });

  test('that cannot be had is asked for once per restart, and the rollout ends without it', async () => {
    world.cluster.simulated!.isAllowed = ({ subresource }) => subresource !== 'log';
    const asked = countLogs();
    const replica = await openFollower(soon);
    const operation = await start(replica, await deployed('web:crash'));
    const { rolloutStatus, failures } = await untilEnded(replica.desk, operation);
    expect(rolloutStatus).toBe('FAILED');
    expect(failures).toMatchObject([{ reason: 'CrashLoopBackOff', restarts: 2, log: null }]);
    // Runs 0, 1 and 2.
    expect(asked().length).toBeGreaterThan(0);
    expect(asked().length).toBeLessThanOrEqual(3);
  });

  test('whose node takes its time is waited for by the event that ends the rollout', async () => {
    const answers = Promise.withResolvers<undefined>();
    const asked = countLogs(answers.promise);
    const replica = await openFollower({ failFast: { ...defaultFailFast, crashLoopRestarts: 1 } });
    const operation = await start(replica, await deployed('web:crash'));
    await until('the log of the run that decides is asked for', () => asked().some((one) => one.includes('previous')));
    answers.resolve(undefined);
    const { failures } = await untilEnded(replica.desk, operation);
    expect(failures).toMatchObject([{ reason: 'CrashLoopBackOff', log: expect.stringMatching(/\S/) }]);
  });

  test('whose node does not answer keeps no verdict waiting', async () => {
    const asked = countLogs('hang');
    const replica = await openFollower(soon);
    const operation = await start(replica, await deployed('web:crash'));
    await until('its events go on', async () =>
      (await eventsOf(operation)).some(({ failures }) => failures.some(({ restarts }) => restarts > 0)),
    );
    expect(asked().length).toBeGreaterThan(0);
    expect(await untilEnded(replica.desk, operation)).toMatchObject({ rolloutStatus: 'FAILED' });
  });
});

test('a failing probe is named in the events, and is no reason to give up', async () => {
  const replica = await openFollower();
  const application = await deployed('web:unready');
  const operation = await start(replica, application);
  const seen = await until('the probe is named', async () =>
    (await eventsOf(operation)).find(({ failures }) => failures.some(({ reason }) => reason === 'Unhealthy')),
  );
  expect(seen).toMatchObject({ status: 'PROGRESSING', failures: [{ container: 'app', isDoomed: false }] });
  expect(seen.failures[0]!.message).toContain('Readiness probe failed');
  await end(application);
  await untilEnded(replica.desk, operation);
});

describe('a cluster that is away in the middle', () => {
  test('is waited for, which is said once, and the rollout goes on when it is back', async () => {
    const replica = await openFollower();
    const application = await deployed('web:unready');
    const operation = await start(replica, application);
    await until('it progresses', async () => (await eventsOf(operation)).at(-1)!.status === 'PROGRESSING');
    await world.cluster.simulated!.stopServing();
    await until('it says that it waits', async () => (await messagesOf(operation)).some(waits));
    await world.cluster.simulated!.startServing();
    await until('it goes on', async () => !waits((await messagesOf(operation)).at(-1)!));
    await end(application);
    expect(await untilEnded(replica.desk, operation)).toMatchObject({ errorMessage: 'object has been deleted' });
    expect((await messagesOf(operation)).filter(waits)).toHaveLength(1);
  });

  test('does not keep our own time-out from ending the rollout, which then says what it waited for', async () => {
    const replica = await openFollower({ rolloutTimeoutSeconds: 3 });
    const operation = await start(replica, await deployed('web:unready'));
    await world.cluster.simulated!.stopServing();
    const { rolloutStatus, errorMessage } = await untilEnded(replica.desk, operation);
    await world.cluster.simulated!.startServing();
    expect(rolloutStatus).toBe('TIMED_OUT');
    expect(errorMessage).toMatch(/^not finished after 3 seconds: Waiting for the cluster: cluster ".+" is away: /);
  });
});

test('a cluster that refuses to be read is no silent loop: it is said, and our own time-out ends it', async () => {
  const operation = await start(creator, await deployed('web:v1'));
  world.cluster.simulated!.isAllowed = ({ verb }) => verb !== 'get' && verb !== 'patch';
  const replica = await openFollower({ rolloutTimeoutSeconds: 4 });
  await world.sql(`update operation set follower = 'gone', followed_until = clock_timestamp() where id = ?`, [
    operation.id,
  ]);
  const { rolloutStatus, errorMessage } = await untilEnded(replica.desk, operation);
  expect(rolloutStatus).toBe('TIMED_OUT');
  expect(errorMessage).toMatch(/^not finished after 4 seconds: Waiting for the cluster: deployments.apps .+ forbidden/);
  expect((await messagesOf(operation)).filter(waits)).toHaveLength(1);
});

test('a follower that stops takes nothing more on and says so at once', async () => {
  const replica = await openFollower();
  const operation = await start(creator, await deployed('web:v1'));
  world.cluster.simulated!.intercept = ({ method }) => (method === 'PATCH' ? 'hang' : undefined);
  const waiting = replica.follower.adopt(operation, 3_600_000);
  const stopping = replica.stop();
  await waiting;
  await stopping;
  await replica.follower.adopt(operation, 3_600_000);
  expect(replica.follower.followedCount).toBe(0);
});

test('a cluster that hangs keeps no other one waiting', async () => {
  const real = creator.desk.clusters.get(creator.desk.clusters.names[0]!)!;
  const release = Promise.withResolvers<void>();
  /** The same API server, as somebody sees it whose every patch hangs. */
  const hanging: Cluster = Object.create(real, {
    name: { value: 'hanging' },
    onChange: { value: () => () => {} },
    identity: { value: () => real.identity() },
    isAllowed: { value: real.isAllowed.bind(real) },
    readDeployment: { value: real.readDeployment.bind(real) },
    readReplicaSets: { value: real.readReplicaSets.bind(real) },
    snapshot: { value: real.snapshot.bind(real) },
    outage: { value: () => null },
    patchDeployment: { value: () => release.promise.then(() => Promise.reject(new Error('let go'))) },
  }) as Cluster;
  const byName = new Map([real, hanging].map((cluster) => [cluster.name, cluster]));
  const clusters: Clusters = { names: [...byName.keys()], get: (name) => byName.get(name) };
  const desk = { ...creator.desk, clusters };
  const follower = new RolloutFollower(desk);
  const stop = new AbortController();
  const running = follower.run(stop.signal);

  const { name, namespace } = await deployApplication(world, creator.desk, { replicas: 0 });
  const names = Array.from({ length: 10 }, (_, index) => `${name}-${index}`);
  for (const one of names) await world.cluster.createDeployment(namespace, { name: one, image: 'web:v1', replicas: 0 });
  await registerApplication(desk, grace, {
    name,
    owners: { users: ['alice'] },
    targets: names.map((deploymentName, index) => ({
      cluster: index === 9 ? real.name : 'hanging',
      namespace,
      deploymentName,
    })),
  });
  await authorizedTicket(desk, name);
  const start = (deploymentName: string) => redeploy(desk, alice, { applicationName: name, deploymentName });
  const started = await Promise.all(names.map(start));
  for (const operation of started.slice(0, 9)) void follower.adopt(operation, 0);
  void follower.adopt(started[9]!, 0);
  expect(await untilEnded(desk, started[9]!)).toMatchObject({ rolloutStatus: 'COMPLETED' });
  release.resolve();
  stop.abort();
  await running;
});
