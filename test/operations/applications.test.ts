import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { findApplication } from '../../src/operations/application-reads.ts';
import { registerApplication, registerApplications, unregisterApplication } from '../../src/operations/applications.ts';
import { findOperation, findTicket } from '../../src/operations/reads.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import {
  alice,
  authorizedTicket,
  deployApplication,
  frank,
  grace,
  openTestWorld,
  registeredApplication,
  type Replica,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { codesOf, contentOf, recordsOf, refusalOf, untilEnded } from '../support/outcomes.ts';

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

let lastName = 0;
const newName = (): string => `listed-${(lastName += 1)}`;
const registration = (name = newName(), deploymentName = name) => ({
  name,
  businessTags: [{ tagKey: 'env', tagValue: 'production' }],
  owners: { users: ['alice'], groups: [] as string[] },
  targets: [{ cluster: null as string | null, namespace: 'production', deploymentName }],
  manifest: null,
  imageRepositories: [] as string[],
});
const targetsOf = (name: string) =>
  world.sql<{ target: string }>(
    `select t.cluster || '/' || t.namespace || '/' || t.deployment_name as target
     from application_target t join application a on a.id = t.application_id where a.name = ? order by t.position`,
    [name],
  );
const registrations = (name: string) => recordsOf(world, name, 'APPLICATION_REGISTER');
test('the record tells of a registration what it was before and what it is from then on', async () => {
  const { imageRepositories, ...first } = registration();
  const { name } = first;
  const manifest = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    spec: { selector: {}, template: { spec: { containers: [{ name: 'app', image: 'web:v1' }] } } },
  };
  const actor = { ...grace, address: '192.0.2.7' };
  await registerApplication(replica.desk, actor, { ...first, manifest });
  await registerApplication(replica.desk, grace, {
    ...first,
    owners: { users: ['mallory'] },
    imageRepositories: ['m/web'],
  });
  await unregisterApplication(replica.desk, grace, { name, reason: 'gone' });
  const clusterUid = expect.any(String);
  const [created, changed, ended] = await recordsOf(world, name, 'APPLICATION_REGISTER', 'APPLICATION_UNREGISTER');
  const before = {
    businessTags: first.businessTags,
    owners: first.owners,
    targets: [{ cluster: 'simulated', clusterUid, namespace: 'production', deploymentName: name }],
    imageRepositories,
    manifestHash: expect.stringMatching(/^[0-9a-f]{64}$/),
  };
  const after = {
    ...before,
    owners: { users: ['mallory'], groups: [] },
    imageRepositories: ['m/web'],
    manifestHash: null,
  };
  expect(created!.data).toEqual({ ...before, isNew: true, registrationBefore: null });
  expect(changed!.data).toEqual({ ...after, isNew: false, registrationBefore: before });
  expect(ended!.data).toEqual({ reason: 'gone', registrationBefore: after });
  const addresses = await world.sql('select address from audit_record where application_name = ? order by id', [name]);
  expect(addresses).toEqual([{ address: '192.0.2.7' }, { address: null }, { address: null }]);
});

describe('what a file names is registered', () => {
  test('by the service itself, and the second time nothing happens', async () => {
    const [one, two] = [registration(), registration()];
    await registerApplications(replica.desk, [one, two]);
    for (const { name } of [one, two]) {
      expect(await targetsOf(name)).toEqual([{ target: `simulated/production/${name}` }]);
      expect(await registrations(name)).toMatchObject([{ username: null, data: { isNew: true } }]);
    }
    const before = await contentOf(world);
    await registerApplications(replica.desk, [one, two]);
    expect(await contentOf(world)).toEqual(before);
  });

  test('anew where it has changed, and only there', async () => {
    const [one, two] = [registration(), registration()];
    await registerApplications(replica.desk, [one, two]);
    await registerApplications(replica.desk, [one, { ...two, owners: { users: [], groups: ['data'] } }]);
    expect(await registrations(one.name)).toHaveLength(1);
    expect(await registrations(two.name)).toMatchObject([{ data: { isNew: true } }, { data: { isNew: false } }]);
    expect(await findApplication(replica.desk, frank, two.name)).toMatchObject({
      owners: { users: [], groups: ['data'] },
    });
  });

  test('even when applications exchange their targets', async () => {
    const [one, two] = [registration(), registration()];
    await registerApplications(replica.desk, [one, two]);
    await registerApplications(replica.desk, [
      { ...one, targets: two.targets },
      { ...two, targets: one.targets },
    ]);
    expect(await targetsOf(one.name)).toEqual([{ target: `simulated/production/${two.name}` }]);
    expect(await targetsOf(two.name)).toEqual([{ target: `simulated/production/${one.name}` }]);
  });

  test('whole or not at all, where targets belong to other applications: every one of them is named', async () => {
    const [one, two] = [registration(), registration()];
    await registerApplications(replica.desk, [one, two]);
    const before = await contentOf(world);
    const thieves = [registration('thief', one.name), registration(), registration('robber', two.name)];
    const fault = await refusalOf(registerApplications(replica.desk, thieves));
    expect(fault).toMatchObject({
      code: 'CONFLICT',
      message: [
        `target simulated/production/${one.name} of thief belongs to ${one.name}`,
        `target simulated/production/${two.name} of robber belongs to ${two.name}`,
      ].join('; '),
    });
    expect(await contentOf(world)).toEqual(before);
  });

  test('whole or not at all, where two replicas start at once', async () => {
    const all = Array.from({ length: 5 }, () => registration());
    const other = await world.openReplica();
    const codes = await codesOf([replica, other].map(({ desk }) => registerApplications(desk, all)));
    expect(codes).toEqual([null, null]);
    for (const { name } of all) expect(await registrations(name)).toHaveLength(1);
  });
});

describe('one application', () => {
  test('with more faults than anybody reads is told the first fifty, and how many more', async () => {
    const containers = Array.from({ length: 90 }, () => ({}));
    const spec = { selector: {}, template: { spec: { containers } } };
    const manifest = { apiVersion: 'apps/v1', kind: 'Deployment', spec };
    const refusal = await refusalOf(registerApplication(replica.desk, grace, { ...registration(), manifest }));
    expect(refusal.code).toBe('INVALID_INPUT');
    expect(refusal.message).toMatch(/; and \d+ more$/);
    expect(refusal.details.fields).toHaveLength(50);
  });

  test('names each target once', async () => {
    const input = registration();
    const refusal = await refusalOf(
      registerApplication(replica.desk, grace, { ...input, targets: [...input.targets, ...input.targets] }),
    );
    expect(refusal).toMatchObject({
      code: 'INVALID_INPUT',
      message: 'input.targets: must not name the same target twice',
    });
  });

  test('that is unregistered leaves record, tickets and operations, and nobody redeploys it any more', async () => {
    const { name } = await deployApplication(world, replica.desk, { replicas: 0 });
    const { ticketNo } = await authorizedTicket(replica.desk, name);
    const { id } = await redeploy(replica.desk, alice, { applicationName: name });
    await untilEnded(replica.desk, { id });
    const stood = await unregisterApplication(replica.desk, grace, { name, reason: 'moved' });
    expect(stood).toMatchObject({ name, lastTargets: [{ deploymentName: name }] });
    expect(await recordsOf(world, name, 'APPLICATION_UNREGISTER')).toMatchObject([
      { username: 'grace', message: `application ${name} unregistered: moved` },
    ]);
    expect(await refusalOf(findApplication(replica.desk, grace, name))).toMatchObject({ code: 'NOT_FOUND' });
    expect(await refusalOf(unregisterApplication(replica.desk, grace, { name }))).toMatchObject({ code: 'NOT_FOUND' });
    expect(await findTicket(replica.desk, alice, ticketNo)).toMatchObject({ status: 'AUTHORIZED' });
    expect(await findOperation(replica.desk, alice, id)).toMatchObject({ rolloutStatus: 'COMPLETED' });
    const before = await contentOf(world);
    expect(await refusalOf(redeploy(replica.desk, alice, { applicationName: name }))).toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(await refusalOf(ticketFor(replica.desk, name))).toMatchObject({ code: 'NOT_FOUND' });
    expect(await contentOf(world)).toEqual(before);
  });

  test('that is unregistered while somebody redeploys it is FORBIDDEN, and nothing is stored', async () => {
    const { name } = await deployApplication(world, replica.desk, { replicas: 0 });
    await authorizedTicket(replica.desk, name);
    let before: Record<string, string> | undefined;
    world.cluster.simulated!.intercept = async ({ method, path }) => {
      if (before || method !== 'GET' || !path.endsWith(`/deployments/${name}`)) return undefined;
      before = {};
      await unregisterApplication(replica.desk, grace, { name });
      before = await contentOf(world);
      return undefined;
    };
    expect(await refusalOf(redeploy(replica.desk, alice, { applicationName: name }))).toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(await contentOf(world)).toEqual(before);
  });

  test('that is unregistered gives its targets free', async () => {
    const name = await registeredApplication(replica.desk);
    const heir = { ...registration(), targets: [{ namespace: 'default', deploymentName: name }] };
    expect(await refusalOf(registerApplication(replica.desk, grace, heir))).toMatchObject({ code: 'CONFLICT' });
    await unregisterApplication(replica.desk, grace, { name });
    await registerApplication(replica.desk, grace, heir);
    expect(await targetsOf(heir.name)).toEqual([{ target: `simulated/default/${name}` }]);
  });
});
