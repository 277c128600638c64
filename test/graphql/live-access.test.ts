import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RolloutStatus } from '../../src/domain/rollout.ts';
import type { Owners } from '../../src/domain/permissions.ts';
import { registerApplication, unregisterApplication } from '../../src/operations/applications.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { cancelTicket } from '../../src/operations/ticket-endings.ts';
import { createTicket } from '../../src/operations/tickets.ts';
import { alice, authorizedTicket, deployApplication, grace, openTestWorld, type TestWorld } from '../support/desk.ts';
import { openEventStream } from '../support/event-stream.ts';
import { type LiveReplica, openLiveReplica, seen, upTo, WrittenRollout } from '../support/live.ts';
import { refusalOf } from '../support/outcomes.ts';
import { Relay } from '../support/relay.ts';
import { watch, watchRollout } from '../support/rollout-watch.ts';
import { ask } from '../support/service.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
let redisOfFar: Relay;
/** Two replicas. Near never looks at the registry by itself: it hears of changes. Far's way to Redis can be cut. */
let near: LiveReplica;
let far: LiveReplica;

beforeAll(async () => {
  world = await openTestWorld();
  redisOfFar = await Relay.to(world.redisUrl);
  [near, far] = await Promise.all([
    openLiveReplica(world, { lookMs: 600_000 }),
    openLiveReplica(world, { redisUrl: `redis://127.0.0.1:${redisOfFar.port}`, lookMs: 100 }),
  ]);
});
afterAll(async () => {
  for (const replica of [near, far]) await replica.stop();
  await redisOfFar.close();
  await world.close();
});
afterEach(() =>
  until('nothing is left', () =>
    [near, far].every(
      ({ live, tickets, channels }) => live.topicCount + tickets.streamCount + channels.channelCount === 0,
    ),
  ),
);

/** Of alice, who owns the application and has started an operation that nobody follows. */
type Redeployed = { name: string; namespace: string; ticketNo: string; operationId: string };
async function redeployed(): Promise<Redeployed> {
  const { desk } = near.replica;
  const { name, namespace } = await deployApplication(world, desk, { replicas: 0 });
  const { ticketNo } = await authorizedTicket(desk, name);
  const { id: operationId } = await redeploy(desk, alice, { applicationName: name });
  return { name, namespace, ticketNo, operationId };
}

const register = (
  replica: LiveReplica,
  { name, namespace }: Pick<Redeployed, 'name' | 'namespace'>,
  owners: Partial<Owners>,
) => registerApplication(replica.replica.desk, grace, { name, owners, targets: [{ namespace, deploymentName: name }] });
const toBob = (replica: LiveReplica, of: Redeployed) => register(replica, of, { users: ['bob'] });

type Subscription = { told: () => number; end: () => string | null; leave: () => void };
type Subscribe = (replica: LiveReplica, who: string, query: string) => Subscription;
const overWebSocket: Subscribe = (replica, who, query) => {
  const one = watch(replica, who, { query });
  const end = () => {
    const how = one.end();
    return how && ('refused' in how ? how.refused : JSON.stringify(how));
  };
  return { told: () => one.events.length, end, leave: one.unsubscribe };
};
const asEvents: Subscribe = (replica, who, query) => {
  const one = openEventStream(replica.url, who, { query });
  let isOver = false;
  void one.ended.then(() => (isOver = true));
  const codes = () => one.results.flatMap(({ errors = [] }) => errors.map(({ extensions }) => extensions?.['code']));
  return {
    told: () => one.results.filter(({ data }) => data).length,
    end: () => (isOver ? String(codes()[0]) : null),
    leave: one.terminate,
  };
};

const rolloutOf = ({ operationId }: Redeployed) =>
  `subscription { rolloutStatus(operationId: "${operationId}") { sequence } }`;
const ticketOf = ({ ticketNo }: Redeployed) => `subscription { ticketChanged(ticketNo: "${ticketNo}") { ticketNo } }`;

/** Every kind of subscription of one person, at both replicas; each has been told something. */
async function subscribeEverywhere(who: string, of: Redeployed): Promise<Subscription[]> {
  const all = [near, far].flatMap((replica) =>
    [overWebSocket, asEvents].flatMap((subscribe) =>
      [rolloutOf(of), ticketOf(of)].map((query) => subscribe(replica, who, query)),
    ),
  );
  for (const one of all) await until('it stands', () => one.told() > 0);
  return all;
}
const ends = (some: readonly Subscription[]) => some.map(({ end }) => end());
const untilAllEnd = (some: readonly Subscription[]) =>
  until('all have ended', () => some.every(({ end }) => end() !== null));

describe('whoever is no owner any more', () => {
  test.for<[what: string, change: (at: LiveReplica, of: Redeployed) => Promise<unknown>]>([
    ['the application has other owners', toBob],
    [
      'the application is registered no more',
      ({ replica }, { name }) => unregisterApplication(replica.desk, grace, { name }),
    ],
  ])('is told FORBIDDEN at both replicas, as the last word, when %s', async ([, change]) => {
    for (const at of [near, far]) {
      const [theirs, other] = [await redeployed(), await redeployed()];
      const lost = await subscribeEverywhere('alice', theirs);
      const kept = [...(await subscribeEverywhere('carol', theirs)), ...(await subscribeEverywhere('alice', other))];
      await change(at, theirs);
      await untilAllEnd(lost);
      expect(ends(lost)).toEqual(lost.map(() => 'FORBIDDEN'));
      expect(lost.map(({ told }) => told())).toEqual(lost.map(() => 1));
      expect(ends(kept)).toEqual(kept.map(() => null));
      for (const one of kept) one.leave();
    }
  });

  test('cannot subscribe again, but goes on to read what is on record; for strangers it is NOT_FOUND', async () => {
    const theirs = await redeployed();
    await toBob(near, theirs);
    for (const [who, code] of [
      ['alice', 'FORBIDDEN'],
      ['bob', 'NOT_FOUND'],
    ] as const) {
      const refused = [near, far].flatMap((replica) =>
        [overWebSocket, asEvents].flatMap((subscribe) =>
          [rolloutOf(theirs), ticketOf(theirs)].map((query) => subscribe(replica, who, query)),
        ),
      );
      await untilAllEnd(refused);
      expect(ends(refused)).toEqual(refused.map(() => code));
      expect(refused.map(({ told }) => told())).toEqual(refused.map(() => 0));
    }
    const { operationId, ticketNo } = theirs;
    const query = `{ operation(id: "${operationId}") { applicationName } ticket(ticketNo: "${ticketNo}") { ticketNo } }`;
    expect((await ask(far, 'alice', query)).data).toEqual({
      operation: { applicationName: theirs.name },
      ticket: { ticketNo },
    });
  });

  test('is told by whom it can be asked for', async () => {
    const theirs = await redeployed();
    await toBob(near, theirs);
    expect(await refusalOf(near.tickets.subscribeToTicket(alice, theirs.ticketNo))).toMatchObject({
      message: `alice is no owner of ${theirs.name} and may not follow it live`,
      details: { advice: 'Ask one of its owners; what stands in the record can still be read.' },
    });
  });

  test('of one of several applications of a ticket follows the ticket no more', async () => {
    const { desk } = near.replica;
    const [one, other] = [await redeployed(), await redeployed()];
    const { ticketNo } = await authorizedTicket(desk, one.name, other.name);
    const watches = [near, far].map((replica) => overWebSocket(replica, 'alice', ticketOf({ ...one, ticketNo })));
    for (const { told } of watches) await until('it stands', () => told() > 0);
    await toBob(near, other);
    await untilAllEnd(watches);
    expect(ends(watches)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
  });

  test('hears no more of its tickets among all', async () => {
    const [theirs, other] = [await redeployed(), await redeployed()];
    const all = [near, far].map((replica) =>
      watch<{ ticketNo: string }>(replica, 'alice', { query: 'subscription { ticketChanged { ticketNo } }' }),
    );
    await until('they stand', () => [near, far].every((it) => it.tickets.streamCount * it.channels.channelCount > 0));
    await toBob(near, theirs);
    const { desk } = near.replica;
    const input = { workOrderKey: 'APPLICATION_REDEPLOY', reason: 'x', category: 'BUG_FIX' } as const;
    const ask = (applicationName: string) =>
      createTicket(desk, { ...alice, roles: ['ADMIN'] }, { ...input, entries: [{ detail: { applicationName } }] });
    const hidden = await ask(theirs.name);
    const [first, second] = [await ask(other.name), await ask(other.name)];
    await cancelTicket(desk, alice, hidden);
    for (const { ticketNo } of [first, second]) await cancelTicket(desk, alice, { ticketNo });
    for (const one of all) {
      const told = () => one.events.map(({ ticketNo }) => ticketNo);
      await until('the last is told', () => told().includes(second.ticketNo));
      expect(told()).toContain(first.ticketNo);
      expect(told()).not.toContain(hidden.ticketNo);
      expect(one.end()).toBeNull();
      one.unsubscribe();
    }
  });
});

test('of two roles with one document the one that loses its access is told nothing more, the other all to the end', async () => {
  const rollout = await WrittenRollout.begin(world, near);
  const { operationId } = rollout;
  const { data } = await ask(near, 'carol', `{ operation(id: "${operationId}") { applicationName } }`);
  const [requester, approver] = ['alice', 'carol'].map((who) => watchRollout(near, who, { operationId }));
  const tell = async (status?: RolloutStatus) => near.events.publish(await rollout.record(status));
  for (const one of [requester!, approver!]) await seen(one, 1);
  await tell();
  for (const one of [requester!, approver!]) await seen(one, 2);
  const { applicationName: name } = data!['operation'] as { applicationName: string };
  await unregisterApplication(near.replica.desk, grace, { name });
  expect(await requester!.ended).toMatchObject({ refused: 'FORBIDDEN' });
  await tell();
  await tell('COMPLETED');
  expect(await approver!.ended).toEqual({ completed: true });
  expect([requester!.sequences(), approver!.sequences()]).toEqual([upTo(2), upTo(4)]);
});

test('whoever stays an owner is not disturbed by a registration anew', async () => {
  const theirs = await redeployed();
  const all = await subscribeEverywhere('alice', theirs);
  await register(far, theirs, { users: ['bob', 'alice'], groups: ['team'] });
  // What is heard of later is decided later.
  const witness = await redeployed();
  const lost = await subscribeEverywhere('alice', witness);
  await toBob(far, witness);
  await untilAllEnd(lost);
  expect(ends(all)).toEqual(all.map(() => null));
  for (const one of all) one.leave();
});

test('a change that Redis does not tell of is found by the look at the registry', async () => {
  const theirs = await redeployed();
  const watches = [overWebSocket, asEvents].map((subscribe) => subscribe(far, 'alice', rolloutOf(theirs)));
  for (const { told } of watches) await until('it stands', () => told() > 0);
  await redisOfFar.close();
  try {
    await toBob(near, theirs);
    await untilAllEnd(watches);
    expect(ends(watches)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
  } finally {
    await redisOfFar.serve();
  }
});

test('a change in the midst of a subscription being opened ends it too', async () => {
  const theirs = await redeployed();
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const watches = [near, far].map((replica) => overWebSocket(replica, 'alice', rolloutOf(theirs)));
    for (let turn = 0; turn < attempt; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await toBob(near, theirs);
    await untilAllEnd(watches);
    expect(ends(watches)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
    await register(far, theirs, { users: ['alice'] });
  }
});

test('a client that stalls is told nothing more but why', async () => {
  const theirs = await redeployed();
  const one = await near.tickets.subscribeToTicket(alice, theirs.ticketNo);
  await toBob(far, theirs);
  await until('it has ended', () => near.tickets.streamCount === 0);
  await expect(one.next()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  expect(await one.next()).toEqual({ done: true, value: undefined });
});
