import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/domain/person.ts';
import { findTicket } from '../../src/operations/reads.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { revokeToken } from '../../src/operations/token-revocations.ts';
import { findToken } from '../../src/operations/tokens.ts';
import { chainOf, faultsInChain } from '../support/audit-chain.ts';
import {
  alice,
  authorizedTicket,
  carol,
  deployApplication,
  frank,
  grace,
  openTestWorld,
  person,
  registeredApplication,
  type Replica,
  type TestWorld,
} from '../support/desk.ts';
import { contentOf, recordsOf, refusalOf, untilEnded } from '../support/outcomes.ts';
import { Relay } from '../support/relay.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
let redisRelay: Relay;
/** Follows nothing, so that a patch is not sent; its way to Redis can be cut. */
let replica: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5, mustBeSimulated: true });
  redisRelay = await Relay.to(world.redisUrl);
  replica = await world.openReplica({ follows: false, redisUrl: `redis://127.0.0.1:${redisRelay.port}` });
});
afterAll(async () => {
  await world.close();
  await redisRelay.close();
});

const bob = person('bob', 'APPLICATION_DEPLOYER');
let applicationName: string;
beforeEach(async () => {
  applicationName = await registeredApplication(replica.desk);
});

const revoke = (actor: Actor, username = 'alice', name = applicationName) =>
  revokeToken(replica.desk, actor, { applicationName: name, username, reason: 'not needed' });
const tokenOf = (actor: Actor, name = applicationName) =>
  findToken(replica.desk, actor, { applicationName: name, username: null });
const copyOf = (name = applicationName) => replica.desk.tokens.get('alice', name);
const ticketOf = (ticketNo: string) => findTicket(replica.desk, frank, ticketNo);
const noRedis = async <T>(work: () => Promise<T>): Promise<T> => {
  await redisRelay.close();
  try {
    return await work();
  } finally {
    await redisRelay.serve();
    await until('Redis is back', () =>
      replica.desk.tokens.ping().then(
        () => true,
        () => false,
      ),
    );
  }
};

test.each([
  ['its holder', alice],
  ['an APPROVER', carol],
  ['an ADMIN', grace],
])('%s takes a token away: at once, in Redis too, and on record', async (_, actor) => {
  const { id, ticketNo } = await authorizedTicket(replica.desk, applicationName);
  expect(await copyOf()).not.toBeNull();
  const desc = `the token of ticket ${ticketNo} was revoked: not needed`;
  const revoked = { valid: false, desc, ticketNo, secondsRemaining: 0, username: 'alice', applicationName };
  expect(await revoke(actor)).toMatchObject(revoked);
  expect(await copyOf()).toBeNull();
  expect(await tokenOf(alice)).toMatchObject(revoked);
  const refusal = await refusalOf(redeploy(replica.desk, alice, { applicationName }));
  expect(refusal).toMatchObject({ code: 'TOKEN_INVALID', message: desc });
  expect(await ticketOf(ticketNo)).toMatchObject({ status: 'COMPLETED', result: 'UNUSED' });
  expect((await chainOf(world, id)).slice(-2)).toMatchObject([
    { kind: 'TOKEN_REVOKE', username: actor.username, data: { reason: 'not needed' } },
    { kind: 'TICKET_COMPLETE', username: null },
  ]);
  expect(await faultsInChain(world, id)).toEqual([]);
});

describe('nobody else does:', () => {
  test.each<[string, Actor]>([
    ['a deployer', bob],
    ['an AUDITOR', frank],
    ["somebody who bears the holder's name", { ...alice, subject: 'another-subject' }],
    ['the same subject of another issuer', { ...alice, issuer: 'https://elsewhere.test' }],
    ['someone without a role', person('nobody')],
  ])('%s changes nothing', async (_, actor) => {
    await authorizedTicket(replica.desk, applicationName);
    const before = await contentOf(world);
    expect(await refusalOf(revoke(actor))).toMatchObject({ code: 'FORBIDDEN' });
    expect(await contentOf(world)).toEqual(before);
    expect(await tokenOf(alice)).toMatchObject({ valid: true });
  });

  test('and a stranger is told FORBIDDEN whether there is a token or not', async () => {
    const without = await refusalOf(revoke(bob));
    await authorizedTicket(replica.desk, applicationName);
    const refusal = await refusalOf(revoke(bob));
    expect([without.code, without.message]).toEqual([refusal.code, refusal.message]);
    expect(refusal.code).toBe('FORBIDDEN');
  });
});

test.each([
  ['its holder', alice],
  ['an APPROVER', carol],
])('where there is no live token %s is told NOT_FOUND', async (_, actor) => {
  expect(await refusalOf(revoke(actor))).toMatchObject({ code: 'NOT_FOUND' });
  const { id } = await authorizedTicket(replica.desk, applicationName);
  await revoke(actor);
  expect(await refusalOf(revoke(actor))).toMatchObject({ code: 'NOT_FOUND' });
  await authorizedTicket(replica.desk, applicationName);
  await world.sql('update redeploy_grant set expires = clock_timestamp() where application_name = ?', [
    applicationName,
  ]);
  const before = await contentOf(world);
  expect(await refusalOf(revoke(actor))).toMatchObject({ code: 'NOT_FOUND' });
  expect(await contentOf(world)).toEqual(before);
  expect(await recordsOf(world, applicationName, 'TOKEN_REVOKE')).toHaveLength(1);
  expect(await faultsInChain(world, id)).toEqual([]);
});

test('every live token of the pair goes, and no other pair is touched', async () => {
  const elsewhere = await registeredApplication(replica.desk);
  const [first, second] = [
    await authorizedTicket(replica.desk, applicationName),
    await authorizedTicket(replica.desk, applicationName, elsewhere),
  ];
  await revoke(carol);
  expect(await recordsOf(world, applicationName, 'TOKEN_REVOKE')).toHaveLength(2);
  expect(await tokenOf(alice)).toMatchObject({ valid: false });
  expect(await tokenOf(alice, elsewhere)).toMatchObject({ valid: true, ticketNo: second.ticketNo });
  expect(await copyOf(elsewhere)).toMatchObject({ ticketNo: second.ticketNo });
  expect((await ticketOf(first.ticketNo)).status).toBe('COMPLETED');
  expect((await ticketOf(second.ticketNo)).status).toBe('AUTHORIZED');
});

describe('an operation under way', () => {
  const generationOf = async ({ name, namespace }: { name: string; namespace: string }) =>
    (await world.cluster.api.apps.readNamespacedDeployment({ name, namespace })).spec!.template;

  test('whose patch is not sent yet is never sent: FAILED with the reason, the use given back', async () => {
    const application = await deployApplication(world, replica.desk, { replicas: 0 });
    const { ticketNo } = await authorizedTicket(replica.desk, application.name);
    const template = await generationOf(application);
    const { id } = await redeploy(replica.desk, alice, { applicationName: application.name });
    await revoke(carol, 'alice', application.name);
    expect(await ticketOf(ticketNo)).toMatchObject({ status: 'REDEPLOYING', result: null });
    await world.sql('update operation set followed_until = clock_timestamp() where id = ?', [id]);
    const follower = await world.openReplica();
    const ended = await untilEnded(replica.desk, { id });
    expect(ended).toMatchObject({
      rolloutStatus: 'FAILED',
      errorMessage: 'not sent: the token was revoked: not needed',
    });
    expect(await generationOf(application)).toEqual(template);
    const { operationEndTime: endedAt } = ended;
    expect(await ticketOf(ticketNo)).toMatchObject({ status: 'COMPLETED', result: 'FAILED', endedAt });
    const [grant] = await world.sql('select uses from redeploy_grant where application_name = ?', [application.name]);
    expect(grant).toEqual({ uses: 0 });
    await follower.stop();
  });

  test('whose patch is sent goes on to its end, and the ticket ends with it', async () => {
    const follower = await world.openReplica();
    const application = await deployApplication(world, follower.desk, { replicas: 1, image: 'web:unready' });
    const { name } = application;
    const { ticketNo } = await authorizedTicket(follower.desk, name);
    const operation = await redeploy(follower.desk, alice, { applicationName: name });
    await revoke(alice, 'alice', name);
    expect(await ticketOf(ticketNo)).toMatchObject({ status: 'REDEPLOYING', result: null });
    await world.cluster.api.apps.deleteNamespacedDeployment(application);
    await untilEnded(replica.desk, operation);
    expect(await ticketOf(ticketNo)).toMatchObject({ status: 'COMPLETED', result: 'FAILED' });
    await follower.stop();
  });
});

describe('without Redis', () => {
  test('a token is taken away all the same, and the answer says so', async () => {
    const { ticketNo } = await authorizedTicket(replica.desk, applicationName);
    const answer = await noRedis(() => revoke(carol));
    expect(answer).toMatchObject({ valid: false, ticketNo });
    expect(await copyOf()).not.toBeNull();
    expect(await refusalOf(redeploy(replica.desk, alice, { applicationName }))).toMatchObject({
      code: 'TOKEN_INVALID',
    });
    expect(await copyOf()).toBeNull();
    expect(await tokenOf(alice)).toMatchObject({ valid: false });
  });
});
