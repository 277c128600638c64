import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
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
  openTestWorld,
  registeredApplication,
  type Replica,
  type TestWorld,
} from '../support/desk.ts';
import { recordsOf, refusalOf, untilEnded } from '../support/outcomes.ts';
import { policyWith } from '../support/policies.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
/** Sends and follows what it stores. */
let replica: Replica;
/** Stores, and never sends. */
let idle: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5, mustBeSimulated: true });
  const policies = [
    policyWith({ match: { uses: 'one' }, tokenUses: 1 }),
    policyWith({ match: { uses: 'two' }, tokenUses: 2 }),
  ];
  [replica, idle] = await Promise.all([
    world.openReplica({ policies }),
    world.openReplica({ policies, follows: false }),
  ]);
});
afterAll(() => world.close());
afterEach(() => {
  world.cluster.simulated!.intercept = undefined;
});

let name: string;
const placed = async (uses: string) => {
  ({ name } = await deployApplication(world, replica.desk, { replicas: 0, tags: { uses } }));
  return authorizedTicket(replica.desk, name);
};
const token = () => findToken(replica.desk, alice, { applicationName: name, username: null });
const copy = () => replica.desk.tokens.get('alice', name);
const start = ({ desk }: Replica = replica) => redeploy(desk, alice, { applicationName: name });
const statusOf = async (ticketNo: string) => (await findTicket(replica.desk, frank, ticketNo)).status;

describe('a token of two uses', () => {
  test('shows what is left of them, and its ticket ends with the last one', async () => {
    const { id, ticketNo } = await placed('two');
    expect(await token()).toMatchObject({ valid: true, usesLeft: 2 });
    await untilEnded(replica.desk, await start());
    expect(await token()).toMatchObject({ valid: true, usesLeft: 1 });
    expect(await copy()).toMatchObject({ ticketNo });
    const last = await start();
    expect(await copy()).toBeNull();
    expect(await token()).toMatchObject({
      valid: false,
      usesLeft: 0,
      desc: `the token of ticket ${ticketNo} is used up`,
    });
    await untilEnded(replica.desk, last);
    expect(await statusOf(ticketNo)).toBe('COMPLETED');
    expect((await chainOf(world, id)).slice(-2)).toMatchObject([
      { kind: 'TOKEN_USED_UP', message: `token for ${name} used up: 2 of 2 uses`, username: null },
      { kind: 'TICKET_COMPLETE' },
    ]);
    expect((await refusalOf(start())).message).toBe(`the token of ticket ${ticketNo} is used up`);
    expect(await recordsOf(world, name, 'TOKEN_STRAY', 'TOKEN_RESTORE')).toEqual([]);
    expect(await faultsInChain(world, id)).toEqual([]);
  });

  test('gets a use back that Kubernetes refused, in Redis too', async () => {
    const { ticketNo } = await placed('one');
    world.cluster.simulated!.intercept = ({ method }) =>
      method === 'PATCH' ? { status: 403, reason: 'Forbidden', message: 'not now' } : undefined;
    expect((await untilEnded(replica.desk, await start())).rolloutStatus).toBe('FAILED');
    expect(await token()).toMatchObject({ valid: true, usesLeft: 1 });
    expect(await statusOf(ticketNo)).toBe('AUTHORIZED');
    expect(await copy()).toMatchObject({ ticketNo });
    expect(await recordsOf(world, name, 'TOKEN_USED_UP')).toEqual([]);
  });
});

test('a token whose last use is not sent yet is still taken away, and nothing is sent', async () => {
  const { ticketNo } = await placed('one');
  const operation = await start(idle);
  await revokeToken(idle.desk, carol, { applicationName: name, username: 'alice', reason: 'wrong application' });
  await world.sql('update operation set followed_until = clock_timestamp() where id = ?', [operation.id]);
  expect(await untilEnded(replica.desk, operation)).toMatchObject({
    rolloutStatus: 'FAILED',
    errorMessage: 'not sent: the token was revoked: wrong application',
  });
  expect(await token()).toMatchObject({ valid: false, usesLeft: 0 });
  expect(await statusOf(ticketNo)).toBe('COMPLETED');
});

test('so is one that has expired since', async () => {
  const { id } = await placed('two');
  const operation = await start(idle);
  await world.sql(
    'update redeploy_grant set expires = clock_timestamp(), ended_at = clock_timestamp() where ticket_id = ?',
    [id],
  );
  await revokeToken(idle.desk, carol, { applicationName: name, username: 'alice', reason: 'too late' });
  await world.sql('update operation set followed_until = clock_timestamp() where id = ?', [operation.id]);
  expect((await untilEnded(replica.desk, operation)).errorMessage).toBe('not sent: the token was revoked: too late');
});

describe('a later ticket', () => {
  beforeEach(async () => {
    name = await registeredApplication(replica.desk, { uses: 'one' });
  });

  test('does not touch the token that is running, and the record names both', async () => {
    const first = await authorizedTicket(replica.desk, name);
    const [before] = await world.sql('select * from redeploy_grant where ticket_id = ?', [first.id]);
    const second = await authorizedTicket(replica.desk, name);
    expect(await world.sql('select * from redeploy_grant where ticket_id = ?', [first.id])).toEqual([before]);
    const created = await recordsOf(world, name, 'TOKEN_CREATE');
    expect(created.map(({ data }) => data['runningTicketNo'])).toEqual([null, first.ticketNo]);
    expect(created[1]!.message).toContain(`, beside that of ticket ${first.ticketNo}`);
    expect(await token()).toMatchObject({ ticketNo: second.ticketNo });
    expect(await copy()).toMatchObject({ ticketNo: second.ticketNo });
  });

  test('with a shorter token leaves the longer one shown', async () => {
    const short = await world.openReplica({ follows: false, limits: { tokenHours: 1 } });
    const { ticketNo } = await authorizedTicket(replica.desk, name);
    await authorizedTicket(short.desk, name);
    expect(await token()).toMatchObject({ valid: true, ticketNo });
    expect(await copy()).toMatchObject({ ticketNo });
    await short.stop();
  });

  test('of somebody else, or one that has ended, is not running', async () => {
    const first = await authorizedTicket(replica.desk, name);
    await revokeToken(replica.desk, alice, { applicationName: name, username: 'alice', reason: 'done' });
    await authorizedTicket(replica.desk, name);
    const created = await recordsOf(world, name, 'TOKEN_CREATE');
    expect(first.ticketNo).toBeTruthy();
    expect(created.map(({ data }) => data['runningTicketNo'])).toEqual([null, null]);
  });
});

test('a token ends on the millisecond by the clock of PostgreSQL, whatever the clock here says', async () => {
  const { id } = await placed('two');
  await world.sql(
    `update redeploy_grant set expires = clock_timestamp() + interval '300 milliseconds' where ticket_id = ?`,
    [id],
  );
  const isOver = async () => {
    const [row] = await world.sql<{ over: boolean }>(
      'select expires <= clock_timestamp() as over from redeploy_grant where ticket_id = ?',
      [id],
    );
    return row!.over;
  };
  await until('the token is over', async () => {
    const before = await isOver();
    const { valid } = await token();
    const after = await isOver();
    // Where it ended between two looks either answer is right.
    expect([!before, !after]).toContain(valid);
    return before;
  });
  expect((await refusalOf(start())).message).toContain('expired at ');
});
