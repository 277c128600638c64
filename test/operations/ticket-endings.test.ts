import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/domain/person.ts';
import { findTicket } from '../../src/operations/reads.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { cancelTicket, completeTicket } from '../../src/operations/ticket-endings.ts';
import { approve, reject } from '../../src/operations/tickets.ts';
import { findToken } from '../../src/operations/tokens.ts';
import {
  alice,
  authorizedTicket,
  carol,
  dave,
  deployApplication,
  frank,
  grace,
  openTestWorld,
  person,
  registeredApplication,
  type Replica,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { chainOf, faultsInChain } from '../support/audit-chain.ts';
import { codesOf, contentOf, refusalOf, untilEnded } from '../support/outcomes.ts';
import { Relay } from '../support/relay.ts';

let world: TestWorld;
let replica: Replica;
let redisOfFar: Relay;
/** Its way to Redis can be cut. */
let far: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5, mustBeSimulated: true });
  redisOfFar = await Relay.to(world.redisUrl);
  const redisUrl = `redis://127.0.0.1:${redisOfFar.port}`;
  [replica, far] = await Promise.all([world.openReplica(), world.openReplica({ follows: false, redisUrl })]);
});
afterAll(async () => {
  await world.close();
  await redisOfFar.close();
});
afterEach(() => {
  world.cluster.simulated!.intercept = undefined;
});

const bob = person('bob', 'APPLICATION_DEPLOYER');
/** Alice's name, but not alice: names change hands. */
const namesake: Actor = { ...alice, subject: 'another-subject' };
const request = async (tags?: Record<string, string>) =>
  ticketFor(replica.desk, await registeredApplication(replica.desk, tags));
const ticketOf = (ticketNo: string) => findTicket(replica.desk, frank, ticketNo);
const copyOf = (applicationName: string) => replica.desk.tokens.get('alice', applicationName);
const start = (applicationName: string) => redeploy(replica.desk, alice, { applicationName });
const lastRecords = async (id: number, count: number) =>
  (await chainOf(world, id)).slice(-count).map(({ kind, username, message }) => `${username} ${kind}: ${message}`);

type Ending = (ticketNo: string, actor?: Actor) => Promise<unknown>;
const cancel: Ending = (ticketNo, actor = alice) =>
  cancelTicket(replica.desk, actor, { ticketNo, reason: 'no longer needed' });
const complete: Ending = (ticketNo, actor = alice) =>
  completeTicket(replica.desk, actor, { ticketNo, summary: 'the leak is gone' });

describe.each<[string, Ending, () => Promise<{ ticketNo: string }>]>([
  ['cancelled', cancel, request],
  ['completed', complete, async () => authorizedTicket(replica.desk, await registeredApplication(replica.desk))],
])('a ticket is %s by its requester alone:', (_, end, begin) => {
  test('others who may read it are told FORBIDDEN, strangers NOT_FOUND, and nothing changes', async () => {
    const { ticketNo } = await begin();
    const before = await contentOf(world);
    const cousin: Actor = { ...alice, issuer: 'https://elsewhere.test', roles: ['APPROVER'] };
    for (const actor of [carol, frank, grace, cousin]) {
      expect(await refusalOf(end(ticketNo, actor))).toMatchObject({ code: 'FORBIDDEN' });
    }
    for (const actor of [bob, namesake]) {
      expect(await refusalOf(end(ticketNo, actor))).toMatchObject({ code: 'NOT_FOUND' });
    }
    expect(await contentOf(world)).toEqual(before);
  });

  test('who may not know of it is told in the very words of what does not exist', async () => {
    const { ticketNo } = await begin();
    const hidden = await refusalOf(end(ticketNo, bob));
    expect(hidden.message.replace(ticketNo, 'zzzz9999')).toBe((await refusalOf(end('zzzz9999', bob))).message);
  });

  test('not in another status', async () => {
    const cancelled = await request();
    await cancel(cancelled.ticketNo);
    const rejected = await request();
    await reject(replica.desk, carol, { ticketNo: rejected.ticketNo });
    const completed = await authorizedTicket(replica.desk, await registeredApplication(replica.desk));
    await complete(completed.ticketNo);
    const other =
      end === cancel
        ? await authorizedTicket(replica.desk, await registeredApplication(replica.desk))
        : await request();
    const before = await contentOf(world);
    for (const { ticketNo } of [cancelled, rejected, completed, other]) {
      expect(await refusalOf(end(ticketNo))).toMatchObject({ code: 'CONFLICT' });
    }
    expect(await contentOf(world)).toEqual(before);
  });
});

describe('cancelling', () => {
  test('ends the ticket for good, with reason and person in the record', async () => {
    const { id, ticketNo } = await request();
    expect(await cancelTicket(replica.desk, alice, { ticketNo, reason: 'it was the database' })).toMatchObject({
      status: 'CANCELLED',
    });
    const { status, endedAt, result } = await ticketOf(ticketNo);
    expect({ status, result }).toEqual({ status: 'CANCELLED', result: null });
    expect(await lastRecords(id, 1)).toEqual(['alice TICKET_CANCEL: cancelled: it was the database']);
    expect((await chainOf(world, id)).at(-1)!.at).toEqual(endedAt);
    expect(await refusalOf(approve(replica.desk, carol, { ticketNo }))).toMatchObject({ code: 'CONFLICT' });
    expect(await faultsInChain(world, id)).toEqual([]);
  });

  test('is possible after the first of two approvals, and nobody gets a token then', async () => {
    const { ticketNo, entries } = await request({ critical: 'true' });
    await approve(replica.desk, carol, { ticketNo });
    await cancel(ticketNo);
    expect(await refusalOf(approve(replica.desk, dave, { ticketNo }))).toMatchObject({ code: 'CONFLICT' });
    expect(await copyOf(entries[0]!.applicationName)).toBeNull();
  });

  test('and approving at the same moment: exactly one of them happens', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { ticketNo } = await request();
      const codes = await codesOf([cancel(ticketNo), approve(replica.desk, carol, { ticketNo })]);
      expect(codes.filter((code) => code !== null)).toEqual(['CONFLICT']);
      expect((await ticketOf(ticketNo)).status).toBe(codes[0] === null ? 'CANCELLED' : 'AUTHORIZED');
    }
  });

  test('is not possible once the time to decide is over, noticed or not', async () => {
    const { id, ticketNo } = await request();
    await world.sql(`update ticket set decide_by = clock_timestamp() - interval '1 second' where id = ?`, [id]);
    expect(await refusalOf(cancel(ticketNo))).toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('expired'),
    });
  });
});

describe('completing', () => {
  test('ends the tokens now, keeps the summary, and is recorded', async () => {
    const names = [await registeredApplication(replica.desk), await registeredApplication(replica.desk)];
    const { id, ticketNo } = await authorizedTicket(replica.desk, ...names);
    expect(await copyOf(names[0]!)).toMatchObject({ ticketNo });
    const completed = await completeTicket(replica.desk, alice, { ticketNo, summary: 'the leak is gone' });
    expect(completed).toMatchObject({ status: 'COMPLETED', result: 'UNUSED', summary: 'the leak is gone' });
    expect(await ticketOf(ticketNo)).toMatchObject({
      status: 'COMPLETED',
      result: 'UNUSED',
      summary: 'the leak is gone',
    });
    for (const applicationName of names) {
      expect(await copyOf(applicationName)).toBeNull();
      expect(await findToken(replica.desk, alice, { applicationName, username: null })).toMatchObject({
        valid: false,
        secondsRemaining: 0,
        desc: `the token of ticket ${ticketNo} was revoked: its ticket was completed`,
      });
      expect(await refusalOf(start(applicationName))).toMatchObject({ code: 'TOKEN_INVALID' });
    }
    expect(await lastRecords(id, 3)).toEqual([
      ...names.map((name) => `alice TOKEN_REVOKE: token for ${name} revoked: its ticket was completed`),
      'null TICKET_COMPLETE: completed, UNUSED: the leak is gone',
    ]);
    expect(await faultsInChain(world, id)).toEqual([]);
  });

  test.each([
    ['SUCCEEDED', [true]],
    ['MIXED', [false, true]],
    ['FAILED', [false]],
  ])('tells %s after operations that went %o', async (result, outcomes) => {
    const { name } = await deployApplication(world, replica.desk, { replicas: 0 });
    const { ticketNo } = await authorizedTicket(replica.desk, name);
    for (const success of outcomes) {
      const refusal = { status: 403, reason: 'Forbidden', message: 'not now' };
      world.cluster.simulated!.intercept = ({ method }) => (!success && method === 'PATCH' ? refusal : undefined);
      expect((await untilEnded(replica.desk, await start(name))).success).toBe(success);
    }
    await complete(ticketNo);
    expect(await ticketOf(ticketNo)).toMatchObject({ status: 'COMPLETED', result });
  });

  test('while an operation is unfinished leaves the ticket REDEPLOYING until its end, with the summary', async () => {
    const application = await deployApplication(world, replica.desk, { image: 'web:unready', replicas: 1 });
    const { name, namespace } = application;
    const { id, ticketNo } = await authorizedTicket(replica.desk, name);
    const operation = await start(name);
    expect(await completeTicket(replica.desk, alice, { ticketNo, summary: 'gave up' })).toMatchObject({
      status: 'REDEPLOYING',
    });
    expect(await ticketOf(ticketNo)).toMatchObject({ status: 'REDEPLOYING', result: null, endedAt: null });
    const request = (await chainOf(world, id)).find(({ kind }) => kind === 'TICKET_COMPLETE_REQUEST');
    expect(request).toMatchObject({ username: 'alice', message: 'asked to complete it: gave up' });
    expect(await ticketOf(ticketNo)).toMatchObject({ completionAskedAt: request!.at });
    const unchanged = async () => {
      // The rollout goes on meanwhile: its events, its records, and with these the end of the ticket's chain.
      const { operation: _, operation_event: __, audit_record: ___, ticket: ____, ...rest } = await contentOf(world);
      const requests = (await chainOf(world, id)).filter(({ kind }) => kind.startsWith('TICKET_COMPLETE'));
      return { ...rest, requests: requests.length, ticket: { ...(await ticketOf(ticketNo)), auditSequence: null } };
    };
    const before = await unchanged();
    expect(await refusalOf(completeTicket(replica.desk, alice, { ticketNo, summary: 'no, wait' }))).toMatchObject({
      code: 'CONFLICT',
      message: `ticket ${ticketNo} is being completed since ${request!.at.toISOString()}`,
    });
    expect(await unchanged()).toEqual(before);
    expect(await copyOf(name)).toBeNull();
    expect(await refusalOf(start(name))).toMatchObject({ code: 'TOKEN_INVALID' });
    await world.cluster.api.apps.deleteNamespacedDeployment({ namespace, name });
    const { operationEndTime } = await untilEnded(replica.desk, operation);
    expect(await ticketOf(ticketNo)).toMatchObject({
      status: 'COMPLETED',
      result: 'FAILED',
      summary: 'gave up',
      endedAt: operationEndTime,
    });
    expect(await faultsInChain(world, id)).toEqual([]);
  });

  test('while the last approval is being carried out is a CONFLICT', async () => {
    const { id, ticketNo } = await authorizedTicket(replica.desk, await registeredApplication(replica.desk));
    await world.sql(`update ticket set status = 'APPROVED' where id = ?`, [id]);
    expect(await refusalOf(complete(ticketNo))).toMatchObject({ code: 'CONFLICT' });
  });

  test('tells the true end of a token that was over before', async () => {
    const name = await registeredApplication(replica.desk);
    const { id, ticketNo } = await authorizedTicket(replica.desk, name);
    await world.sql(`update redeploy_grant set expires = '2026-01-01T00:00:00Z' where ticket_id = ?`, [id]);
    await complete(ticketNo);
    const [expired] = (await chainOf(world, id)).filter(({ kind }) => kind === 'TOKEN_EXPIRE');
    expect(expired).toMatchObject({ username: null, at: new Date('2026-01-01T00:00:00Z') });
  });

  test('leaves another ticket of the same person and application its token, also in Redis', async () => {
    const name = await registeredApplication(replica.desk);
    const long = await authorizedTicket(replica.desk, name);
    const short = await authorizedTicket(replica.desk, name);
    await complete(short.ticketNo);
    expect(await copyOf(name)).toMatchObject({ ticketNo: long.ticketNo });
    expect(await findToken(replica.desk, alice, { applicationName: name, username: null })).toMatchObject({
      valid: true,
      ticketNo: long.ticketNo,
    });
  });

  test('needs no Redis: what lies there opens nothing and is swept up when somebody meets it', async () => {
    const name = await registeredApplication(replica.desk);
    const { ticketNo } = await authorizedTicket(replica.desk, name);
    await redisOfFar.close();
    try {
      expect(await completeTicket(far.desk, alice, { ticketNo })).toMatchObject({ status: 'COMPLETED' });
    } finally {
      await redisOfFar.serve();
    }
    expect(await copyOf(name)).not.toBeNull();
    expect(await refusalOf(start(name))).toMatchObject({ code: 'TOKEN_INVALID' });
    expect(await copyOf(name)).toBeNull();
  });
});
