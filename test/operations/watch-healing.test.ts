import { setTimeout as pause } from 'node:timers/promises';
import { setHeaderOptions } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Operation } from '../../src/domain/operation.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import {
  type SimulatedAnswer,
  type SimulatedCluster,
  type SimulatedRequest,
  tooManyRequests,
} from '../../src/sandbox/cluster/simulated-cluster.ts';
import {
  alice,
  authorizedTicket,
  deployApplication,
  openTestWorld,
  type Replica,
  type TestWorld,
} from '../support/desk.ts';
import { untilEnded } from '../support/outcomes.ts';
import { until } from '../support/wait.ts';

// Whatever befalls the watches in the middle of a rollout, its operation ends as the rollout does.

let world: TestWorld;
let replica: Replica;
let simulated: SimulatedCluster;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 150, mustBeSimulated: true });
  simulated = world.cluster.simulated!;
  const timing = { requestMilliseconds: 1_000, silentMilliseconds: 1_500, longestPauseMilliseconds: 300 };
  replica = await world.openReplica({ timing });
});
afterEach(async () => {
  simulated.intercept = undefined;
  world.cluster.relay.cut(); // what is half-open would be the next test's
  await until('the watches stand', () => replica.desk.clusters.get('simulated')!.outage('default') === null);
});
afterAll(() => world.close());

const isWatch = ({ query }: SimulatedRequest) => query.has('watch');
const isWatchOrList = (request: SimulatedRequest) => isWatch(request) || request.query.has('limit');

/** Every watch breaks, and its history is lost: what is asked to make up for it gets this answer, so many times. */
function answerLater(answer: SimulatedAnswer, times = 12, concerns = isWatchOrList) {
  return async () => {
    let left = times;
    simulated.intercept = (request) => {
      if (left === 0 || !concerns(request)) return undefined;
      left -= 1;
      return answer;
    };
    simulated.compact();
    simulated.breakConnections();
    await until('the answers are used up', () => left === 0);
  };
}
const refused = (status: number, reason: string) => ({ status, reason, message: 'not now' });

async function restart(meanwhile: () => void): Promise<void> {
  await simulated.stopServing();
  meanwhile();
  await simulated.startServing();
}

const faults: [string, () => unknown][] = [
  ['the API server is restarted', () => restart(() => undefined)],
  ['the API server is restarted without its history', () => restart(() => simulated.compact())],
  ['every connection is reset', () => world.cluster.breakWatches()],
  ['every connection falls silent, half-open', () => world.cluster.relay.freeze()],
  ['every watch falls silent', () => simulated.silenceWatches()],
  ['every watch says 410 Gone', answerLater({ ...refused(410, 'Expired'), isEvent: true }, 4, isWatch)],
  ['lists and watches get 410 Gone', answerLater(refused(410, 'Expired'))],
  ['lists and watches get 429', answerLater(tooManyRequests)],
  ['lists and watches get 500', answerLater(refused(500, 'InternalError'))],
  ['lists and watches are reset', answerLater('reset')],
  ['lists and watches are never answered', answerLater('hang', 4)],
  ['lists and watches begin to be answered and no more', answerLater('silent', 4)],
  [
    'the API server is slow',
    () => {
      simulated.intercept = () => pause(400, undefined);
      simulated.breakConnections();
    },
  ],
];

const deployed = async (replicas: number, image = 'web:v1') => {
  const application = await deployApplication(world, replica.desk, { replicas, image });
  await authorizedTicket(replica.desk, application.name);
  return application;
};
const start = ({ name }: { name: string }) => redeploy(replica.desk, alice, { applicationName: name });
const eventsOf = ({ id }: { id: string }) =>
  world.sql<{ sequence: number; status: string; message: string; newPods: number }>(
    `select sequence, status, state ->> 'message' as message, (state ->> 'newPodCount')::int as "newPods"
     from operation_event where operation_id = ? order by sequence`,
    [id],
  );
const untilInTheMiddle = (operation: Operation) =>
  until('the first new pod is there', async () => {
    const last = (await eventsOf(operation)).at(-1)!;
    return last.status === 'PROGRESSING' && last.newPods > 0;
  });
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
const order = ['STARTED', 'PROGRESSING', 'VERIFYING', 'COMPLETED'];

test.for(faults)('a rollout in whose middle %s is COMPLETED, and its events are complete', async ([, strike]) => {
  const application = await deployed(2);
  const operation = await start(application);
  await untilInTheMiddle(operation);
  await strike();
  const ended = await untilEnded(replica.desk, operation);
  expect(ended).toMatchObject({ rolloutStatus: 'COMPLETED', success: true, errorMessage: null });
  const events = await eventsOf(operation);
  expect(events.map(({ sequence }) => sequence)).toEqual(upTo(ended.sequence));
  const statuses = events.map(({ status }) => order.indexOf(status));
  expect(statuses).toEqual(statuses.toSorted((one, other) => one - other));
  expect(events.at(-1)).toMatchObject({
    status: 'COMPLETED',
    message: `deployment "${application.name}" successfully rolled out`,
    newPods: 2,
  });
});

test('whatever befell unfinished rollouts while nothing could be seen is found afterwards', async () => {
  const names = [await deployed(1, 'web:unready'), await deployed(1, 'web:unready'), await deployed(3)];
  const operations = await Promise.all(names.map(start));
  const [deleted, superseded, completed] = operations;
  await Promise.all(operations.map(untilInTheMiddle));

  await world.cluster.relay.close();
  const { apps } = world.cluster.api;
  await apps.deleteNamespacedDeployment({ namespace: names[0]!.namespace, name: names[0]!.name });
  await apps.patchNamespacedDeployment(
    {
      namespace: names[1]!.namespace,
      name: names[1]!.name,
      body: { spec: { template: { spec: { containers: [{ name: 'app', image: 'web:v2' }] } } } },
    },
    setHeaderOptions('Content-Type', 'application/strategic-merge-patch+json'),
  );
  const { namespace, name } = names[2]!;
  await until('the third is rolled out', async () => {
    const { status } = await apps.readNamespacedDeployment({ namespace, name });
    return status?.updatedReplicas === 3 && status.availableReplicas === 3 && status.replicas === 3;
  });
  simulated.compact();
  await world.cluster.relay.serve();

  const endOf = async (operation: Operation) => {
    const { rolloutStatus, errorMessage } = await untilEnded(replica.desk, operation);
    return [rolloutStatus, errorMessage];
  };
  expect(await endOf(deleted!)).toEqual(['FAILED', 'object has been deleted']);
  const [status, why] = await endOf(superseded!);
  expect([status, why]).toEqual(['SUPERSEDED', expect.stringMatching(/^superseded by revision 3 of deployment /)]);
  expect(await endOf(completed!)).toEqual(['COMPLETED', null]);
});
