import type { V1Deployment } from '@kubernetes/client-node';
import { randomUUID } from 'node:crypto';
import { setHeaderOptions } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { operationAnnotation } from '../../src/domain/cluster.ts';
import { registerApplication } from '../../src/operations/applications.ts';
import { preflight } from '../../src/operations/preflight.ts';
import { type RedeployInput, redeploy } from '../../src/operations/redeploys.ts';
import { rolloutHistory } from '../../src/operations/rollout-history.ts';
import {
  alice,
  authorizedTicket,
  deployApplication,
  grace,
  openTestWorld,
  type Replica,
  type TestWorld,
  untilRolledOut,
} from '../support/desk.ts';
import { recordsOf, refusalOf, untilEnded } from '../support/outcomes.ts';

// What each kind of redeploy changes, on a real control plane and on the simulated cluster alike.

let world: TestWorld;
let replica: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5 });
  replica = await world.openReplica();
});
afterAll(() => world.close());

type Placed = { name: string; namespace: string };
const deployed = async (wish: { image?: string; replicas?: number } = {}): Promise<Placed> => {
  const application = await deployApplication(world, replica.desk, wish);
  await authorizedTicket(replica.desk, application.name);
  return application;
};
const start = ({ name }: Placed, more: Partial<RedeployInput> = {}) =>
  redeploy(replica.desk, alice, { applicationName: name, ...more });
const done = async (placed: Placed, more: Partial<RedeployInput> = {}) =>
  untilEnded(replica.desk, await start(placed, more));
const refused = (placed: Placed, more: Partial<RedeployInput>) => refusalOf(start(placed, more));
const read = ({ name, namespace }: Placed): Promise<V1Deployment> =>
  world.cluster.api.apps.readNamespacedDeployment({ namespace, name });
const imageOf = async (placed: Placed) => (await read(placed)).spec!.template.spec!.containers[0]!.image;
const patch = ({ name, namespace }: Placed, body: object) =>
  world.cluster.api.apps.patchNamespacedDeployment(
    { namespace, name, body },
    setHeaderOptions('Content-Type', 'application/strategic-merge-patch+json'),
  );
/** As kubectl set image. */
const setImage = async (placed: Placed, image: string) => {
  const [{ name } = { name: '' }] = (await read(placed)).spec!.template.spec!.containers;
  await patch(placed, { spec: { template: { spec: { containers: [{ name, image }] } } } });
  await untilRolledOut(world, placed.namespace, placed.name);
};
const containerOf = async (placed: Placed) => (await read(placed)).spec!.template.spec!.containers[0]!.name;

describe('an image update', () => {
  test('changes the named image, and nothing else of the container', async () => {
    const placed = await deployed({ image: 'web:v1' });
    const before = (await read(placed)).spec!.template.spec!;
    const container = await containerOf(placed);
    const ended = await done(placed, { images: [{ container, image: 'web:v2' }] });
    expect(ended).toMatchObject({ type: 'IMAGE_UPDATE', rolloutStatus: 'COMPLETED' });
    expect(ended).toMatchObject({ previousImage: 'web:v1', currentImage: 'web:v2' });
    const after = (await read(placed)).spec!.template.spec!;
    before.containers[0]!.image = 'web:v2';
    expect(after).toEqual(before);
  });

  test('of an unknown container, of another repository, or of what is no image is refused before anything happens', async () => {
    const placed = await deployed({ image: 'web:v1' });
    const container = await containerOf(placed);
    expect(await refused(placed, { images: [{ container: 'nobody', image: 'web:v2' }] })).toMatchObject({
      code: 'INVALID_INPUT',
      message: `unable to find container named "nobody"; there are ${container}`,
    });
    expect(await refused(placed, { images: [{ container, image: 'evil/web:v2' }] })).toMatchObject({
      code: 'FORBIDDEN',
      message: `container ${container} may only get images of web`,
    });
    expect((await refused(placed, { images: [{ container, image: 'web v2' }] })).code).toBe('INVALID_INPUT');
    expect((await refused(placed, { images: [] })).code).toBe('INVALID_INPUT');
    expect(await imageOf(placed)).toBe('web:v1');
  });

  test('to a repository that the application lists is let through', async () => {
    const placed = await deployed({ image: 'web:v1' });
    const targets = [{ namespace: placed.namespace, deploymentName: placed.name }];
    const registration = { name: placed.name, owners: { users: ['alice'] }, targets };
    await registerApplication(replica.desk, grace, { ...registration, imageRepositories: ['mirror.local:5000/web'] });
    const image = 'mirror.local:5000/web:v1';
    const ended = await done(placed, { images: [{ container: await containerOf(placed), image }] });
    expect(ended).toMatchObject({ rolloutStatus: 'COMPLETED', currentImage: image });
  });
});

describe('a rollback', () => {
  test("restores the revision's template and leaves the replicas alone", async () => {
    const placed = await deployed({ image: 'web:v1' });
    await setImage(placed, 'web:v2');
    await patch(placed, { spec: { replicas: 3 } });
    const ended = await done(placed, { rollbackTo: { revision: 1 } });
    expect(ended).toMatchObject({ type: 'ROLLBACK', rollbackTo: 1, rolloutStatus: 'COMPLETED', revision: 3 });
    expect(ended).toMatchObject({ previousImage: 'web:v2', currentImage: 'web:v1', currentReplicas: 3 });
    const { spec } = await read(placed);
    expect(spec).toMatchObject({ replicas: 3 });
    expect(spec!.template.metadata!.annotations ?? {}).not.toHaveProperty(operationAnnotation);
    const { items } = await world.cluster.api.apps.listNamespacedReplicaSet({ namespace: placed.namespace });
    expect(items).toHaveLength(2); // the old one is revived, no new one made
  });

  test('without a revision goes to the one before the present', async () => {
    const placed = await deployed({ image: 'web:v1' });
    await setImage(placed, 'web:v2');
    await setImage(placed, 'web:v3');
    expect(await done(placed, { rollbackTo: {} })).toMatchObject({ rollbackTo: 2, currentImage: 'web:v2' });
  });

  test('to what stands there already is COMPLETED at once, and nothing is touched', async () => {
    const placed = await deployed({ image: 'web:v1' });
    const { metadata } = await read(placed);
    const ended = await start(placed, { rollbackTo: { revision: 1 } });
    expect(ended).toMatchObject({ rolloutStatus: 'COMPLETED', success: true, currentImage: 'web:v1' });
    expect(ended.landedAt ?? null).toBeNull();
    expect((await read(placed)).metadata).toMatchObject({ generation: metadata!.generation });
    const [record] = await recordsOf(world, placed.name, 'REDEPLOY_SUCCESS');
    expect(record).toBeDefined();
    const [event] = await world.sql<{ message: string }>(
      `select state->>'message' as message from operation_event where operation_id = ? order by sequence desc limit 1`,
      [ended.id],
    );
    expect(event!.message).toContain('skipped rollback (current template already matches revision 1)');
    expect((await start(placed)).rolloutStatus).not.toBe('COMPLETED'); // the ticket serves on
  });

  test('is refused in the order and words of kubectl rollout undo', async () => {
    const placed = await deployed({ image: 'web:v1' });
    await patch(placed, { spec: { paused: true } });
    expect(await refused(placed, { rollbackTo: { revision: 7 } })).toMatchObject({
      code: 'NOT_FOUND',
      message: 'unable to find specified revision 7 in history',
    });
    expect(await refused(placed, { rollbackTo: {} })).toMatchObject({
      code: 'NOT_FOUND',
      message: `no rollout history found for deployment "${placed.name}"`,
    });
    expect(await refused(placed, { rollbackTo: { revision: 1 } })).toMatchObject({
      code: 'CONFLICT',
      message: 'you cannot rollback a paused deployment; resume it first',
    });
  });

  test('under the same token ends the redeploy that does not come up, and is not counted against the limit', async () => {
    const limited = await world.openReplica({ limits: { redeploysPerMinute: 1 } });
    const placed = await deployApplication(world, limited.desk, { image: 'web:v1' });
    await authorizedTicket(limited.desk, placed.name);
    const images = [{ container: await containerOf(placed), image: 'web:unready' }];
    const stuck = await redeploy(limited.desk, alice, { applicationName: placed.name, images });
    const back = await redeploy(limited.desk, alice, { applicationName: placed.name, rollbackTo: {} });
    expect(await untilEnded(limited.desk, stuck)).toMatchObject({
      rolloutStatus: 'SUPERSEDED',
      errorMessage: `superseded by the rollback of operation ${back.id}`,
    });
    expect(await untilEnded(limited.desk, back)).toMatchObject({ rolloutStatus: 'COMPLETED', currentImage: 'web:v1' });
    expect((await refusalOf(redeploy(limited.desk, alice, { applicationName: placed.name }))).code).toBe(
      'TOO_MANY_REQUESTS',
    );
    await limited.stop();
  });
});

describe('a missing Deployment', () => {
  const manifest = (image: string) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { labels: { team: 'backend' } },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'app', image }] } },
    },
  });
  const register = async (approved: object | null) => {
    const name = `app-${randomUUID().slice(0, 8)}`;
    const namespace = await world.cluster.createNamespace();
    const registration = {
      name,
      owners: { users: ['alice'] },
      targets: [{ namespace, deploymentName: name }],
      manifest: approved,
    };
    await registerApplication(replica.desk, grace, registration);
    await authorizedTicket(replica.desk, name);
    return { name, namespace, registration };
  };

  test('is created from the manifest as it was approved, and not while another one is registered', async () => {
    const placed = await register(manifest('web:v1'));
    for (const other of [manifest('web:v9'), null]) {
      await registerApplication(replica.desk, grace, { ...placed.registration, manifest: other });
      expect(await refused(placed, {})).toMatchObject({
        code: 'CONFLICT',
        message: 'registered differently since the approval: the manifest was changed',
        details: { advice: 'Create a new ticket.' },
      });
    }
    await registerApplication(replica.desk, grace, placed.registration);
    const ended = await done(placed);
    expect(ended).toMatchObject({ type: 'CREATE', rolloutStatus: 'COMPLETED', currentImage: 'web:v1' });
    expect(ended).toMatchObject({ previousImage: '', previousReplicas: 0, currentReplicas: 2 });
    expect((await read(placed)).metadata).toMatchObject({
      labels: { team: 'backend' },
      annotations: { [operationAnnotation]: ended.id },
    });
    expect(await recordsOf(world, placed.name, 'DEPLOYMENT_CREATE')).toHaveLength(1);
    expect(await done(placed)).toMatchObject({ type: 'RESTART', rolloutStatus: 'COMPLETED' });
  });

  test('that Kubernetes does not take is FAILED in its words', async () => {
    const wrong = manifest('web:v1');
    wrong.spec.selector.matchLabels.app = 'other';
    const placed = await register(wrong);
    const ended = await done(placed);
    expect(ended).toMatchObject({ rolloutStatus: 'FAILED', success: false });
    expect(ended.errorMessage).toContain('`selector` does not match template `labels`');
  });

  test('is not deployed where there is no manifest, and is neither updated nor rolled back', async () => {
    const without = await register(null);
    expect(await refused(without, {})).toMatchObject({
      code: 'NOT_FOUND',
      message: `${without.name} is not deployed: there is no Deployment ${replica.desk.clusters.names[0]}/${without.namespace}/${without.name}`,
    });
    const with_ = await register(manifest('web:v1'));
    expect((await refused(with_, { rollbackTo: {} })).code).toBe('NOT_FOUND');
    expect((await refused(with_, { images: [{ container: 'app', image: 'web:v2' }] })).code).toBe('NOT_FOUND');
    expect((await refused(with_, { strategy: 'Recreate' })).code).toBe('CONFLICT');
  });
});

test('the history lists what can be rolled back to, newest first, with images and why', async () => {
  const placed = await deployed({ image: 'web:v1' });
  await setImage(placed, 'web:v2');
  await done(placed, { reason: 'it leaks' });
  const history = await rolloutHistory(replica.desk, alice, { applicationName: placed.name });
  expect(history.map(({ revision, images, isCurrent }) => [revision, images[0]!.image, isCurrent])).toEqual([
    [3, 'web:v2', true],
    [2, 'web:v2', false],
    [1, 'web:v1', false],
  ]);
  expect(history[0]!.changeCause).toMatch(/^emergency redeploy by alice, ticket \w+: it leaks$/);
});

test('preflight answers what would happen with the same input, and changes nothing', async () => {
  const placed = await deployed({ image: 'web:v1', replicas: 1 });
  const { metadata } = await read(placed);
  const restart = await preflight(replica.desk, alice, { applicationName: placed.name });
  expect(restart).toMatchObject({ refusal: null, type: 'RESTART', target: { namespace: placed.namespace } });
  expect(restart.message).toMatch(/^restarts .*: replaces its 1 pods step by step/);
  expect(restart.warnings.map(({ reason }) => reason)).toContain('SingleReplica');
  const back = await preflight(replica.desk, alice, { applicationName: placed.name, rollbackTo: { revision: 4 } });
  expect(back).toMatchObject({ refusal: { code: 'NOT_FOUND' }, type: null, warnings: [] });
  const bob = { ...alice, username: 'bob', subject: 'bob' };
  expect((await preflight(replica.desk, bob, { applicationName: placed.name })).refusal!.code).toBe('TOKEN_INVALID');
  expect((await read(placed)).metadata!.resourceVersion).toBe(metadata!.resourceVersion);
  const operation = await start(placed);
  expect(operation.warnings).toEqual(restart.warnings);
});
