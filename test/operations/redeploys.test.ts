import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { sweepExpiries } from '../../src/operations/expiries.ts';
import { findTicket } from '../../src/operations/reads.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import {
  alice,
  authorizedTicket,
  deployApplication,
  frank,
  openTestWorld,
  registeredApplication,
  type Replica,
  type TestWorld,
} from '../support/desk.ts';
import { recordsOf, untilEnded } from '../support/outcomes.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
let replica: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5, mustBeSimulated: true });
  replica = await world.openReplica();
});
afterAll(() => world.close());
afterEach(() => {
  world.cluster.simulated!.intercept = undefined;
});

const deployed = async (image?: string) => {
  const { name, namespace } = await deployApplication(world, replica.desk, { image });
  const { ticketNo } = await authorizedTicket(replica.desk, name);
  return { name, namespace, ticketNo };
};
const start = ({ name }: { name: string }) => redeploy(replica.desk, alice, { applicationName: name });
const ticketOf = ({ ticketNo }: { ticketNo: string }) => findTicket(replica.desk, frank, ticketNo);
const tokenExpires = ({ name }: { name: string }) =>
  world.sql('update redeploy_grant set expires = clock_timestamp() where application_name = ?', [name]);

test('a redeploy restarts the application and is followed to COMPLETED', async () => {
  const application = await deployed();
  const ended = await untilEnded(replica.desk, await start(application));
  expect(ended).toMatchObject({ rolloutStatus: 'COMPLETED', success: true, errorMessage: null });
  expect(ended.newPods).toHaveLength(2);
  expect(ended.terminatedPods).toHaveLength(2);
});

test('a rollback undoes the change that the controller has not seen yet', async () => {
  const application = await deployed('web:v1');
  const simulated = world.cluster.simulated!;
  const update = (image: string) =>
    redeploy(replica.desk, alice, { applicationName: application.name, images: [{ container: 'app', image }] });
  await untilEnded(replica.desk, await update('web:v2'));
  simulated.pauseControllers();
  const unseen = await update('web:v3');
  const back = await redeploy(replica.desk, alice, { applicationName: application.name, rollbackTo: {} });
  expect(back).toMatchObject({ rollbackTo: 2 });
  simulated.resumeControllers();
  expect(await untilEnded(replica.desk, unseen)).toMatchObject({ rolloutStatus: 'SUPERSEDED' });
  expect(await untilEnded(replica.desk, back)).toMatchObject({ rolloutStatus: 'COMPLETED', currentImage: 'web:v2' });
});

describe('the ticket', () => {
  test('is REDEPLOYING while an operation is unfinished, and AUTHORIZED again afterwards', async () => {
    const application = await deployed('web:unready');
    const operation = await start(application);
    expect((await ticketOf(application)).status).toBe('REDEPLOYING');
    await world.cluster.api.apps.deleteNamespacedDeployment(application);
    expect(await untilEnded(replica.desk, operation)).toMatchObject({ errorMessage: 'object has been deleted' });
    expect((await ticketOf(application)).status).toBe('AUTHORIZED');
  });

  test.each([
    ['UNUSED', []],
    ['SUCCEEDED', [true]],
    ['FAILED', [false]],
    ['MIXED', [false, true]],
  ])('is COMPLETED %s when its token ends after operations that went %o', async (result, outcomes) => {
    const application = await deployed();
    for (const success of outcomes) {
      const refusal = { status: 403, reason: 'Forbidden', message: 'not now' };
      world.cluster.simulated!.intercept = ({ method }) => (!success && method === 'PATCH' ? refusal : undefined);
      expect((await untilEnded(replica.desk, await start(application))).success).toBe(success);
    }
    expect(await ticketOf(application)).toMatchObject({ status: 'AUTHORIZED', result: null });
    await tokenExpires(application);
    await Promise.all([1, 2, 3].map(() => sweepExpiries(replica.desk)));
    expect(await ticketOf(application)).toMatchObject({ status: 'COMPLETED', result });
    expect(await recordsOf(world, application.name, 'TOKEN_EXPIRE')).toHaveLength(1);
  });

  test('whose token has ended is completed with its last operation', async () => {
    const application = await deployed('web:unready');
    const operation = await start(application);
    await tokenExpires(application);
    await sweepExpiries(replica.desk);
    expect((await ticketOf(application)).status).toBe('REDEPLOYING');
    await world.cluster.api.apps.deleteNamespacedDeployment(application);
    await untilEnded(replica.desk, operation);
    expect(await ticketOf(application)).toMatchObject({ status: 'COMPLETED', result: 'FAILED' });
  });

  test('whose last operation ended between the end of its token and the sweep keeps no other from being swept', async () => {
    const application = await deployed('web:unready');
    const operation = await start(application);
    await tokenExpires(application);
    await world.cluster.api.apps.deleteNamespacedDeployment(application);
    await untilEnded(replica.desk, operation);
    expect((await ticketOf(application)).status).toBe('COMPLETED');
    const name = await registeredApplication(replica.desk);
    const later = await authorizedTicket(replica.desk, name);
    await tokenExpires({ name });
    await sweepExpiries(replica.desk);
    expect(await ticketOf(later)).toMatchObject({ status: 'COMPLETED', result: 'UNUSED' });
    expect(await recordsOf(world, application.name, 'TOKEN_EXPIRE')).toHaveLength(1);
  });
});

test.each([
  [
    'has a NUL in it',
    { waiting: { reason: 'CreateContainerConfigError', message: 'key "a\0b" is missing' } },
    'key "ab" is missing',
  ],
  [
    'is cut within a character',
    { terminated: { reason: 'Error', exitCode: 1, message: `${'x'.repeat(299)}😀` } },
    `terminated (Error, exit code 1: ${'x'.repeat(299)}\uFFFD)`,
  ],
])('what a container says cannot keep an operation from its end: it %s', async (_, state, told) => {
  const { name, namespace, ticketNo } = await deployed('web:unready');
  const operation = await start({ name });
  const pod = await until('a new pod runs', async () => {
    const { items } = await world.cluster.api.core.listNamespacedPod({ namespace });
    return items.find(
      ({ metadata, status }) =>
        metadata!.annotations?.['redeploy.cratos.dev/operation'] === operation.id &&
        status?.containerStatuses?.[0]?.state?.running,
    );
  });
  for (const status of pod.status!.containerStatuses!) status.state = state;
  delete pod.metadata!.resourceVersion; // whatever the kubelet wrote last
  await world.cluster.api.core.replaceNamespacedPodStatus({ namespace, name: pod.metadata!.name!, body: pod });
  await until('it is told', async () => {
    const [row] = await world.sql<{ failures: { message: string }[] }>('select failures from operation where id = ?', [
      operation.id,
    ]);
    return row!.failures.some(({ message }) => message === told);
  });
  await world.cluster.api.apps.deleteNamespacedDeployment({ namespace, name });
  await untilEnded(replica.desk, operation);
  expect((await ticketOf({ ticketNo })).status).toBe('AUTHORIZED');
});
