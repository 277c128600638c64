import { setHeaderOptions } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/domain/person.ts';
import { registerApplication } from '../../src/operations/applications.ts';
import { redeploy, type RedeployInput } from '../../src/operations/redeploys.ts';
import { perform } from '../../src/operations/refusals.ts';
import {
  alice,
  authorizedTicket,
  deployApplication,
  grace,
  openTestWorld,
  person,
  type Replica,
  type TestWorld,
} from '../support/desk.ts';
import { codesOf, contentOf, refusalOf } from '../support/outcomes.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
/** Neither follows anything: what was started stays unfinished, its patch unsent. */
let replica: Replica;
let other: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5, mustBeSimulated: true });
  replica = await world.openReplica({ follows: false });
  other = await world.openReplica({ follows: false });
});
afterAll(() => world.close());

type Deployed = Awaited<ReturnType<typeof deployApplication>>;
let application: Deployed;
beforeEach(async () => {
  application = await deployApplication(world, replica.desk, { replicas: 1 });
  await authorizedTicket(replica.desk, application.name);
});
afterEach(() => (isCut ? apiServerBack() : undefined));

const inputWith = (change: Partial<RedeployInput> = {}) => ({ applicationName: application.name, ...change });
const start = (change: Partial<RedeployInput> = {}, actor = alice) => redeploy(replica.desk, actor, inputWith(change));
const deploymentOf = async ({ namespace, name }: Deployed) => {
  const { metadata } = await world.cluster.api.apps.readNamespacedDeployment({ namespace, name });
  return { generation: metadata!.generation, resourceVersion: metadata!.resourceVersion };
};
const uses = async () => {
  const [row] = await world.sql<{ uses: number }>(
    'select sum(uses)::int as uses from redeploy_grant where application_name = ?',
    [application.name],
  );
  return row!.uses;
};
const operations = () =>
  world.sql<{ id: string }>('select id from operation where application_name = ?', [application.name]);

const change = async (spec: object) => {
  const { namespace, name } = application;
  await world.cluster.api.apps.patchNamespacedDeployment(
    { namespace, name, body: { spec } },
    setHeaderOptions('Content-Type', 'application/merge-patch+json'),
  );
};
// What can be wrong. Each makes one thing wrong with the application that the test has.
const tokenGone = () =>
  world.sql('update redeploy_grant set revoked_at = clock_timestamp() where application_name = ?', [application.name]);
const ownersChanged = () =>
  world.sql(`update application set owners = '{"users":["bob"],"groups":[]}' where name = ?`, [application.name]);
const limitReached = async () => void (await start());
const paused = () => change({ paused: true });
const missing = () => world.cluster.api.apps.deleteNamespacedDeployment(application);
let isCut = false;
const apiServerAway = async () => {
  isCut = true;
  await world.cluster.relay.close();
};
const apiServerBack = async () => {
  isCut = false;
  await world.cluster.relay.serve();
};
const unfinished = async () => void (await start());

type Wrong = () => unknown;
type Row = { wrong: Wrong[]; by?: Actor; input?: Partial<RedeployInput>; code: string; says: RegExp };

describe('the first thing that is wrong answers, and nothing happens', () => {
  const foreign = { namespace: 'kube-system' };
  const rows: Record<string, Row> = {
    'no role, no token': {
      wrong: [tokenGone],
      by: person('alice'),
      code: 'FORBIDDEN',
      says: /only an APPLICATION_DEPLOYER/,
    },
    'no token, not an owner': { wrong: [tokenGone, ownersChanged], code: 'TOKEN_INVALID', says: /was revoked/ },
    'never had a token, not an owner': {
      wrong: [],
      by: person('bob', 'APPLICATION_DEPLOYER'),
      code: 'TOKEN_INVALID',
      says: /bob has no token/,
    },
    'ownership taken away after the approval, too often': {
      wrong: [limitReached, ownersChanged],
      code: 'FORBIDDEN',
      says: /alice may not redeploy/,
    },
    'too often, foreign target': {
      wrong: [limitReached],
      input: foreign,
      code: 'TOO_MANY_REQUESTS',
      says: /1 times a minute/,
    },
    'foreign target, API server away': {
      wrong: [apiServerAway],
      input: foreign,
      code: 'FORBIDDEN',
      says: /does not cover this target; approved are /,
    },
    'API server away, paused': {
      wrong: [paused, apiServerAway],
      code: 'UNAVAILABLE',
      says: /cannot be read: cluster .* is away/,
    },
    'deleted, other strategy': {
      wrong: [missing],
      input: { strategy: 'Recreate' },
      code: 'NOT_FOUND',
      says: /there is no Deployment /,
    },
    'paused, other strategy': {
      wrong: [paused],
      input: { strategy: 'Recreate' },
      code: 'CONFLICT',
      says: /^can't restart paused deployment \(run rollout resume first\)$/,
    },
    'other strategy, unfinished operation': {
      wrong: [unfinished],
      input: { strategy: 'Recreate' },
      code: 'CONFLICT',
      says: /has the strategy RollingUpdate/,
    },
    'unfinished operation': { wrong: [unfinished], code: 'CONFLICT', says: /^operation \S+ of alice is unfinished/ },
  };

  test.each(Object.entries(rows))('%s', async (name, { wrong, by = alice, input = {}, code, says }) => {
    const limits = name.includes('too often') ? { redeploysPerMinute: 1 } : {};
    for (const makeWrong of wrong) await makeWrong();
    const isThere = !wrong.includes(missing);
    const { audit_record: __, ...contentBefore } = await contentOf(world);
    const before = { content: contentBefore, deployment: isThere && (await deploymentOf(application)) };
    const [lastRecord] = await world.sql<{ id: string }>('select max(id) as id from audit_record');
    await world.sql('delete from refusal_tally');

    const desk = { ...replica.desk, limits: { ...replica.desk.limits, ...limits } };
    const refusal = await refusalOf(perform(desk, by, redeploy, inputWith(input)));
    expect(refusal).toMatchObject({ code, message: expect.stringMatching(says) });

    const { audit_record: _, ...content } = await contentOf(world);
    expect({ content, deployment: isThere && (await deploymentOf(application)) }).toEqual(before);
    const data = { request: 'redeploy', code, reason: refusal.message, count: 1, clientAddress: null };
    expect(
      await world.sql(`select username, data from audit_record where id > ? and kind = 'REQUEST_REFUSE'`, [
        lastRecord!.id,
      ]),
    ).toEqual(code === 'UNAVAILABLE' ? [] : [{ username: by.username, data }]);
  });

  test('where several targets are meant, the answer names them', async () => {
    const second = await deployApplication(world, replica.desk, { replicas: 0 });
    const shared = `${application.name}-all`;
    await world.sql('delete from application where name = any(?::text[])', [`{${application.name},${second.name}}`]);
    const targets = [application, second].map(({ namespace, deploymentName }) => ({ namespace, deploymentName }));
    await registerApplication(replica.desk, grace, { name: shared, owners: { users: ['alice'] }, targets });
    await authorizedTicket(replica.desk, shared);
    const refusal = await refusalOf(redeploy(replica.desk, alice, { applicationName: shared }));
    expect(refusal.code).toBe('INVALID_INPUT');
    for (const { namespace, deploymentName } of targets)
      expect(refusal.message).toContain(`${namespace}/${deploymentName}`);
    const { namespace } = application;
    expect(await redeploy(replica.desk, alice, { applicationName: shared, namespace })).toMatchObject({ namespace });
  });

  test('a target that was added after the approval is not covered', async () => {
    const later = await deployApplication(world, replica.desk, { replicas: 0 });
    await world.sql('delete from application where name = ?', [later.name]);
    const targets = [application, later].map(({ namespace, deploymentName }) => ({ namespace, deploymentName }));
    await registerApplication(replica.desk, grace, { name: application.name, owners: { users: ['alice'] }, targets });
    expect((await refusalOf(start({ namespace: later.namespace }))).code).toBe('FORBIDDEN');
    expect(await start()).toMatchObject({ namespace: application.namespace });
  });

  test('bad input names its fields', async () => {
    const refusal = await refusalOf(start({ strategy: 'Blue', requestId: '', reason: 'x'.repeat(2001) }));
    expect(refusal.code).toBe('INVALID_INPUT');
    expect(refusal.details.fields).toEqual(['input.strategy', 'input.reason', 'input.requestId']);
  });
});

describe('requestId', () => {
  let requestId: string;
  beforeEach(() => {
    requestId = `request-of-${application.name}`;
  });

  test('a known one answers with its operation before anything else is asked, and touches nothing', async () => {
    const first = await start({ requestId, reason: 'stuck' });
    await Promise.all([tokenGone(), ownersChanged()]);
    await apiServerAway();
    const before = await contentOf(world);
    const again = await start({ requestId, reason: 'stuck' }, person('alice'));
    expect(again.id).toBe(first.id);
    expect(await contentOf(world)).toEqual(before);
  });

  test('other input under it is a CONFLICT, whatever else is wrong', async () => {
    const first = await start({ requestId });
    await tokenGone();
    const refusal = await refusalOf(start({ requestId, reason: 'else' }, person('alice')));
    expect(refusal).toMatchObject({ code: 'CONFLICT', message: expect.stringContaining(first.id) });
    expect(await operations()).toHaveLength(1);
  });

  test("it is the user's own: another user's is not known", async () => {
    await start({ requestId });
    const refusal = await refusalOf(start({ requestId }, person('bob', 'APPLICATION_DEPLOYER')));
    expect(refusal.code).toBe('TOKEN_INVALID');
  });

  test('ten that arrive together at two replicas are one operation and one use', async () => {
    const started = await Promise.all(
      Array.from({ length: 10 }, (_, i) => redeploy((i % 2 ? replica : other).desk, alice, inputWith({ requestId }))),
    );
    expect(new Set(started.map(({ id }) => id)).size).toBe(1);
    expect(await operations()).toHaveLength(1);
    expect(await uses()).toBe(1);
  });
});

describe('many at once', () => {
  test('of ten on one target one wins, and the others learn of it', async () => {
    const codes = await codesOf(
      Array.from({ length: 10 }, (_, i) => redeploy((i % 2 ? replica : other).desk, alice, inputWith())),
    );
    expect(codes.filter((code) => code === null)).toHaveLength(1);
    expect(codes.filter((code) => code === 'CONFLICT')).toHaveLength(9);
    expect(await operations()).toHaveLength(1);
    expect(await uses()).toBe(1);
  });

  /** Ten Deployments, so that none stands in the way of another. */
  const tenTargets = async () => {
    const { namespace, name } = application;
    const names = [name, ...Array.from({ length: 9 }, (_, i) => `${name}-${i}`)];
    for (const one of names.slice(1)) {
      await world.cluster.createDeployment(namespace, { name: one, image: 'web:v1', replicas: 0 });
    }
    const targets = names.map((deploymentName) => ({ namespace, deploymentName }));
    await registerApplication(replica.desk, grace, { name, owners: { users: ['alice'] }, targets });
    await authorizedTicket(replica.desk, name);
    return names;
  };

  test('the last use of a token is spent once', async () => {
    const names = await tenTargets();
    await world.sql('update redeploy_grant set max_uses = 1 where application_name = ?', [application.name]);
    // The older ticket covers the first target only.
    await world.sql(
      'update redeploy_grant set uses = 1 where id = (select min(id) from redeploy_grant where application_name = ?)',
      [application.name],
    );
    const codes = await codesOf(
      names.map((deploymentName, i) => redeploy((i % 2 ? replica : other).desk, alice, inputWith({ deploymentName }))),
    );
    expect(codes.filter((code) => code === null)).toHaveLength(1);
    expect(codes.filter((code) => code === 'TOKEN_INVALID')).toHaveLength(9);
    expect(await uses()).toBe(2);
  });

  test('the frequency limit is exact, and says when it lets go', async () => {
    const names = await tenTargets();
    const desks = [replica, other].map(({ desk }) => ({ ...desk, limits: { ...desk.limits, redeploysPerMinute: 3 } }));
    const requests = names.map((deploymentName, i) => redeploy(desks[i % 2]!, alice, inputWith({ deploymentName })));
    const codes = await codesOf(requests);
    expect(codes.filter((code) => code === null)).toHaveLength(3);
    expect(codes.filter((code) => code === 'TOO_MANY_REQUESTS')).toHaveLength(7);
    const started = await operations();
    expect(started).toHaveLength(3);

    const back = (id: string, by: number) =>
      world.sql(
        `update operation set operation_start_time = clock_timestamp() - ? * interval '1 second' where id = ?`,
        [by, id],
      );
    for (const [i, { id }] of started.entries()) await back(id, 50 - i);
    const left = names.filter((_, i) => codes[i] !== null);
    const refusal = await refusalOf(redeploy(desks[0]!, alice, inputWith({ deploymentName: left[0]! })));
    expect(refusal.details.retryAfterSeconds).toBeGreaterThanOrEqual(8);
    expect(refusal.details.retryAfterSeconds).toBeLessThanOrEqual(10);
    await back(started[0]!.id, 60);
    await redeploy(desks[0]!, alice, inputWith({ deploymentName: left[0]! }));
    const again = await refusalOf(redeploy(desks[0]!, alice, inputWith({ deploymentName: left[1]! })));
    expect(again.code).toBe('TOO_MANY_REQUESTS');
  });

  test('a flood of refusals is told by its 1st, 10th and 100th', async () => {
    await until('a minute has begun', () => new Date().getSeconds() < 55);
    const mallory = person('mallory', 'APPLICATION_DEPLOYER');
    const flood = Array.from({ length: 110 }, () => perform(replica.desk, mallory, redeploy, inputWith()));
    expect(new Set(await codesOf(flood))).toEqual(new Set(['TOKEN_INVALID']));
    const recorded = await world.sql<{ count: number }>(
      `select (data->>'count')::int as count from audit_record where username = 'mallory' order by id`,
    );
    expect(recorded.map(({ count }) => count)).toEqual([1, 10, 100]);
  });
});
