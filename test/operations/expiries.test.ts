import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { sweepExpiries } from '../../src/operations/expiries.ts';
import { findTicket } from '../../src/operations/reads.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { approve } from '../../src/operations/tickets.ts';
import { chainOf, faultsInChain } from '../support/audit-chain.ts';
import {
  alice,
  authorizedTicket,
  carol,
  dave,
  deployApplication,
  frank,
  openTestWorld,
  registeredApplication,
  type Replica,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { contentOf, refusalOf, untilEnded } from '../support/outcomes.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
let replica: Replica;
let other: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5, mustBeSimulated: true });
  [replica, other] = await Promise.all([world.openReplica(), world.openReplica({ follows: false })]);
});
afterAll(() => world.close());
afterEach(() => {
  world.cluster.simulated!.intercept = undefined;
});

const trueTime = new Date('2026-03-01T03:00:00.123Z');
const request = async (tags?: Record<string, string>) =>
  ticketFor(replica.desk, await registeredApplication(replica.desk, tags));
const granted = async (...names: string[]) =>
  authorizedTicket(replica.desk, ...(names.length > 0 ? names : [await registeredApplication(replica.desk)]));
const ticketOf = ({ ticketNo }: { ticketNo: string }) => findTicket(replica.desk, frank, ticketNo);
/** As if nobody had looked since. */
const timeToDecideIsOver = ({ id }: { id: number }) =>
  world.sql('update ticket set decide_by = ? where id = ?', [trueTime.toISOString(), id]);
const tokensAreOver = ({ id }: { id: number }) =>
  world.sql('update redeploy_grant set expires = ? where ticket_id = ?', [trueTime.toISOString(), id]);
const sweepAtOnce = () => Promise.all([replica, other, replica, other].map(({ desk }) => sweepExpiries(desk)));
const endOf = async ({ id }: { id: number }, count: number) =>
  (await chainOf(world, id)).slice(-count).map(({ kind, username, at, message }) => ({ kind, username, at, message }));

describe('a ticket that nobody decided in time', () => {
  test.each([
    ['approved by nobody', {}, []],
    ['approved by one of two', { critical: 'true' }, [carol]],
  ])('and %s is EXPIRED, as of the time to decide, however late it is noticed', async (_, tags, approvers) => {
    const ticket = await request(tags);
    for (const approver of approvers) await approve(replica.desk, approver, ticket);
    const before = (await chainOf(world, ticket.id)).length;
    await timeToDecideIsOver(ticket);
    await sweepAtOnce();
    expect(await ticketOf(ticket)).toMatchObject({ status: 'EXPIRED', result: null, endedAt: trueTime });
    const message = `expired: nobody decided until ${trueTime.toISOString()}`;
    expect(await endOf(ticket, 1)).toEqual([{ kind: 'TICKET_EXPIRE', username: null, at: trueTime, message }]);
    expect(await chainOf(world, ticket.id)).toHaveLength(before + 1);
    expect(await refusalOf(approve(replica.desk, dave, ticket))).toMatchObject({ code: 'CONFLICT' });
    expect(await faultsInChain(world, ticket.id)).toEqual([]);
  });

  test('is one of many: two replicas expire each exactly once', async () => {
    const tickets = [];
    for (let count = 0; count < 12; count += 1) tickets.push(await request());
    for (const ticket of tickets) await timeToDecideIsOver(ticket);
    await sweepAtOnce();
    for (const ticket of tickets) {
      expect((await ticketOf(ticket)).status).toBe('EXPIRED');
      const kinds = (await chainOf(world, ticket.id)).map(({ kind }) => kind);
      expect(kinds).toEqual(['TICKET_CREATE', 'ENTRY_CREATE', 'TICKET_EXPIRE']);
      expect(await faultsInChain(world, ticket.id)).toEqual([]);
    }
  });
});

describe('a token whose time is over', () => {
  test('ends as of then, and its ticket with it, UNUSED, exactly once', async () => {
    const names = [await registeredApplication(replica.desk), await registeredApplication(replica.desk)];
    const ticket = await granted(...names);
    await tokensAreOver(ticket);
    await sweepAtOnce();
    expect(await ticketOf(ticket)).toMatchObject({ status: 'COMPLETED', result: 'UNUSED', endedAt: trueTime });
    const records = await endOf(ticket, 3);
    expect(records).toEqual(
      expect.arrayContaining(
        names.map((name) => ({
          kind: 'TOKEN_EXPIRE',
          username: null,
          at: trueTime,
          message: `token for ${name} expired at ${trueTime.toISOString()}`,
        })),
      ),
    );
    expect(records).toContainEqual({
      kind: 'TICKET_COMPLETE',
      username: null,
      at: trueTime,
      message: 'completed, UNUSED',
    });
    expect((await chainOf(world, ticket.id)).filter(({ kind }) => kind === 'TOKEN_EXPIRE')).toHaveLength(2);
    expect(await faultsInChain(world, ticket.id)).toEqual([]);
  });

  test.each([
    ['SUCCEEDED', [true]],
    ['MIXED', [true, false]],
  ])('completes its ticket %s after operations that went %o', async (result, outcomes) => {
    const { name } = await deployApplication(world, replica.desk, { replicas: 0 });
    const ticket = await granted(name);
    for (const success of outcomes) {
      const refusal = { status: 403, reason: 'Forbidden', message: 'not now' };
      world.cluster.simulated!.intercept = ({ method }) => (!success && method === 'PATCH' ? refusal : undefined);
      const operation = await redeploy(replica.desk, alice, { applicationName: name });
      expect((await untilEnded(replica.desk, operation)).success).toBe(success);
    }
    await tokensAreOver(ticket);
    await sweepAtOnce();
    expect(await ticketOf(ticket)).toMatchObject({ status: 'COMPLETED', result });
    expect(await faultsInChain(world, ticket.id)).toEqual([]);
  });

  test('is one of many: two replicas end each exactly once', async () => {
    const tickets = [];
    for (let count = 0; count < 8; count += 1) tickets.push(await granted());
    for (const ticket of tickets) await tokensAreOver(ticket);
    await sweepAtOnce();
    for (const ticket of tickets) {
      expect(await endOf(ticket, 2)).toMatchObject([{ kind: 'TOKEN_EXPIRE' }, { kind: 'TICKET_COMPLETE' }]);
      expect((await chainOf(world, ticket.id)).filter(({ kind }) => kind === 'TOKEN_EXPIRE')).toHaveLength(1);
      expect(await faultsInChain(world, ticket.id)).toEqual([]);
    }
  });

  test('leaves its ticket REDEPLOYING while an operation is unfinished', async () => {
    const application = await deployApplication(world, replica.desk, { replicas: 1, image: 'web:unready' });
    const ticket = await granted(application.name);
    const operation = await redeploy(replica.desk, alice, { applicationName: application.name });
    await tokensAreOver(ticket);
    // Not at once where the follower writes at this moment.
    const isNoticed = async () => (await chainOf(world, ticket.id)).some(({ kind }) => kind === 'TOKEN_EXPIRE');
    await until('the end of the token is noticed', () => sweepAtOnce().then(isNoticed));
    expect(await ticketOf(ticket)).toMatchObject({ status: 'REDEPLOYING', result: null, endedAt: null });
    await world.cluster.api.apps.deleteNamespacedDeployment(application);
    const { operationEndTime: endedAt } = await untilEnded(replica.desk, operation);
    await sweepAtOnce();
    expect(await ticketOf(ticket)).toMatchObject({ status: 'COMPLETED', result: 'FAILED', endedAt });
    expect(await faultsInChain(world, ticket.id)).toEqual([]);
  });

  test('leaves its ticket AUTHORIZED while another token of it is live', async () => {
    const names = [await registeredApplication(replica.desk), await registeredApplication(replica.desk)];
    const ticket = await granted(...names);
    await world.sql('update redeploy_grant set expires = ? where application_name = ?', [
      trueTime.toISOString(),
      names[0],
    ]);
    await sweepAtOnce();
    expect(await ticketOf(ticket)).toMatchObject({ status: 'AUTHORIZED', endedAt: null });
    expect(await endOf(ticket, 1)).toMatchObject([{ kind: 'TOKEN_EXPIRE' }]);
  });
});

describe('a ticket that cannot be ended', () => {
  /** Every record of it is refused by PostgreSQL: one with its number stands there already. */
  const spoil = ({ id }: { id: number }) => world.sql('update ticket set audit_sequence = 0 where id = ?', [id]);
  const mend = ({ id }: { id: number }) =>
    world.sql(
      `update ticket set audit_sequence = (select max(sequence) from audit_record where ticket_id = ticket.id) where id = ?`,
      [id],
    );

  test('keeps none of those behind it waiting, is logged, and is ended by a later sweep', async () => {
    const pending = [await request(), await request()];
    const running = [await granted(), await granted()];
    for (const ticket of pending) await timeToDecideIsOver(ticket);
    for (const ticket of running) await tokensAreOver(ticket);
    for (const ticket of [pending[0]!, running[0]!]) await spoil(ticket);
    const logged: { msg: string }[] = [];
    const log = pino({ level: 'error' }, { write: (line: string) => void logged.push(JSON.parse(line)) });
    const statuses = async () =>
      (await Promise.all([...pending, ...running].map(ticketOf))).map(({ status }) => status);
    await sweepExpiries({ ...replica.desk, log });
    expect(await statuses()).toEqual(['PENDING_APPROVAL', 'EXPIRED', 'AUTHORIZED', 'COMPLETED']);
    expect(logged).toMatchObject([
      { level: 50, msg: 'left to the next sweep', due: { id: pending[0]!.id }, err: { type: expect.any(String) } },
      {
        level: 50,
        msg: 'left to the next sweep',
        due: { ticketId: running[0]!.id },
        err: { type: expect.any(String) },
      },
    ]);
    for (const ticket of [pending[0]!, running[0]!]) await mend(ticket);
    await sweepExpiries(replica.desk);
    expect(await statuses()).toEqual(['EXPIRED', 'EXPIRED', 'COMPLETED', 'COMPLETED']);
  });
});

describe('the sweep leaves alone', () => {
  test('what has time left', async () => {
    await sweepAtOnce();
    await Promise.all([request(), granted()]);
    const before = await contentOf(world);
    await sweepAtOnce();
    expect(await contentOf(world)).toEqual(before);
  });

  test('a ticket whose tokens are not issued yet', async () => {
    const ticket = await granted();
    await world.sql(`update ticket set status = 'APPROVED' where id = ?`, [ticket.id]);
    await tokensAreOver(ticket);
    const before = await contentOf(world);
    await sweepAtOnce();
    expect(await contentOf(world)).toEqual(before);
    await world.sql(`update ticket set status = 'AUTHORIZED' where id = ?`, [ticket.id]);
    await sweepAtOnce();
    expect((await ticketOf(ticket)).status).toBe('COMPLETED');
  });

  test('a ticket that somebody works on at this moment, without keeping the others waiting', async () => {
    const tickets = [await request(), await request(), await granted(), await granted()];
    const [pending, , running] = tickets;
    for (const ticket of tickets.slice(0, 2)) await timeToDecideIsOver(ticket);
    for (const ticket of tickets.slice(2)) await tokensAreOver(ticket);
    const released = Promise.withResolvers<void>();
    const held = [pending!.id, running!.id];
    const holding = world.hold('select 1 from ticket where id in (?, ?) for update', held, released.promise);
    await until('they are locked', async () => {
      const free = await world.sql('select 1 from ticket where id in (?, ?) for update skip locked', held);
      return free.length === 0;
    });
    await sweepExpiries(replica.desk);
    const statuses = async () => (await Promise.all(tickets.map(ticketOf))).map(({ status }) => status);
    expect(await statuses()).toEqual(['PENDING_APPROVAL', 'EXPIRED', 'AUTHORIZED', 'COMPLETED']);
    released.resolve();
    await holding;
    await sweepExpiries(replica.desk);
    expect(await statuses()).toEqual(['EXPIRED', 'EXPIRED', 'COMPLETED', 'COMPLETED']);
  });
});
