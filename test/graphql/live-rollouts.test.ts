import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RolloutEvent } from '../../src/domain/rollout.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { alice, authorizedTicket, deployApplication, openTestWorld, type TestWorld } from '../support/desk.ts';
import { type LiveReplica, openLiveReplica, seen, untilNothingIsLeft, upTo, WrittenRollout } from '../support/live.ts';
import { Relay } from '../support/relay.ts';
import { watchRollout } from '../support/rollout-watch.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
let redisOfFar: Relay;
/** Two replicas; the second one's way to Redis can be cut. Neither follows operations: the tests write the events. */
let near: LiveReplica;
let far: LiveReplica;

beforeAll(async () => {
  world = await openTestWorld();
  redisOfFar = await Relay.to(world.redisUrl);
  [near, far] = await Promise.all([
    openLiveReplica(world),
    openLiveReplica(world, { redisUrl: `redis://127.0.0.1:${redisOfFar.port}`, lookMs: 100 }),
  ]);
});

afterAll(async () => {
  for (const replica of [near, far]) await replica.stop();
  await redisOfFar.close();
  await world.close();
});

const begin = (): Promise<WrittenRollout> => WrittenRollout.begin(world, near);
const publish = (event: RolloutEvent): Promise<void> => near.events.publish(event);
describe('an operation that another replica carries out', () => {
  test('is seen whole, in order and to its end, with or without a late start', async () => {
    const follower = await openLiveReplica(world, { follows: true });
    const { name } = await deployApplication(world, follower.replica.desk, { replicas: 3 });
    await authorizedTicket(follower.replica.desk, name);
    const { id: operationId } = await redeploy(follower.replica.desk, alice, { applicationName: name });
    const watches = [0, 1].map((after) => watchRollout(near, 'alice', { operationId, after }));
    const late = watchRollout(far, 'carol', { operationId });
    for (const watch of [...watches, late]) expect(await watch.ended).toEqual({ completed: true });
    const record = await world.sql<{ sequence: number }>(
      'select sequence from operation_event where operation_id = ? order by sequence',
      [operationId],
    );
    const all = record.map(({ sequence }) => sequence);
    expect(watches[0]!.sequences()).toEqual(all);
    expect(watches[1]!.sequences()).toEqual(all.slice(1));
    expect(all.slice(-late.events.length)).toEqual(late.sequences());
    expect(watches[0]!.events.map(({ status }) => status)).toEqual(
      expect.arrayContaining(['STARTED', 'PROGRESSING', 'COMPLETED']),
    );
    await untilNothingIsLeft(near, far);
    await follower.stop();
  });
});

test('a client that goes back and forth between replicas gets every event once and in order, whatever Redis delivers', async () => {
  const rollout = await begin();
  const { operationId } = rollout;
  const total = 500;
  const got: number[] = [];
  let watch = watchRollout(near, 'alice', { operationId, after: 0 });
  let taken = 0;
  const collect = (): void => {
    got.push(...watch.sequences().slice(taken));
    taken = watch.events.length;
  };
  const reconnect = (isAbrupt: boolean, to: LiveReplica): void => {
    if (isAbrupt) watch.terminate();
    else watch.unsubscribe();
    collect();
    watch = watchRollout(to, 'alice', { operationId, after: got.at(-1) ?? 0 });
    taken = 0;
  };
  const held: RolloutEvent[] = [];
  for (let count = 2; count < total; count += 1) {
    const event = await rollout.record();
    const chance = Math.random();
    if (chance < 0.1) held.push(event); // comes late, out of order, or never
    else if (chance < 0.2) await Promise.all([publish(event), publish(event)]);
    else if (chance < 0.9) await publish(event);
    if (Math.random() < 0.05 && held.length > 0) await publish(held.splice(Math.random() * held.length, 1)[0]!);
    if (Math.random() < 0.04) reconnect(Math.random() < 0.5, Math.random() < 0.5 ? near : far);
    if (count % 20 === 0) {
      await publish(await rollout.record()); // tells of whatever was lost before it
      count += 1;
      await until('the client has caught up', () => (collect(), got.at(-1) === rollout.last));
    }
  }
  await publish(await rollout.record('COMPLETED'));
  expect(await watch.ended).toEqual({ completed: true });
  collect();
  expect(got).toEqual(upTo(rollout.last));
  await untilNothingIsLeft(near, far);
});

describe('messages that Redis loses', () => {
  test('are found by the look at the record', async () => {
    const rollout = await begin();
    const watch = watchRollout(far, 'alice', { operationId: rollout.operationId });
    await seen(watch, 1);
    await rollout.record();
    await rollout.record();
    await seen(watch, 3);
    await rollout.record('FAILED');
    expect(await watch.ended).toEqual({ completed: true });
    expect(watch.sequences()).toEqual([1, 2, 3, 4]);
  });

  test('while Redis is away are made up for by then, and what comes afterwards is heard again', async () => {
    const rollout = await begin();
    const { operationId } = rollout;
    const watch = watchRollout(far, 'alice', { operationId });
    await seen(watch, 1);
    await redisOfFar.close();
    for (let count = 0; count < 5; count += 1) await publish(await rollout.record());
    const during = watchRollout(far, 'alice', { operationId, after: 2 });
    await seen(watch, 6);
    await seen(during, 6);
    await redisOfFar.serve();
    await until('the channel is heard again', async () => {
      const event = await rollout.record();
      const heard = Promise.withResolvers<boolean>();
      const leave = await far.events.subscribe(operationId, ({ sequence }) =>
        heard.resolve(sequence === event.sequence),
      );
      await publish(event);
      const isHeard = await Promise.race([heard.promise, until('heard', () => undefined, 0.2).catch(() => false)]);
      leave();
      return isHeard === true;
    });
    await publish(await rollout.record('COMPLETED'));
    for (const one of [watch, during]) expect(await one.ended).toEqual({ completed: true });
    expect(watch.sequences()).toEqual(upTo(rollout.last));
    expect(during.sequences()).toEqual(upTo(rollout.last).slice(2));
  });

  test('are not needed for a subscription: it opens while Redis is away', async () => {
    const rollout = await begin();
    await redisOfFar.close();
    try {
      const watch = watchRollout(far, 'alice', { operationId: rollout.operationId, after: 0 });
      await seen(watch, 1);
      await rollout.record('COMPLETED');
      expect(await watch.ended).toEqual({ completed: true });
    } finally {
      await redisOfFar.serve();
    }
  });

  test('are heard at once where they were published', async () => {
    const rollout = await begin();
    await redisOfFar.close();
    try {
      const heard: number[] = [];
      const leave = await far.events.subscribe(rollout.operationId, ({ sequence }) => heard.push(sequence));
      void far.events.publish(await rollout.record());
      expect(heard).toEqual([2]);
      leave();
    } finally {
      await redisOfFar.serve();
    }
  });

  test('or that nobody of us wrote change nothing', async () => {
    const rollout = await begin();
    const { operationId } = rollout;
    const watch = watchRollout(near, 'alice', { operationId });
    await seen(watch, 1);
    const like = { ...(await rollout.record()), sequence: 2 };
    const strange: unknown[] = [
      null,
      7,
      {},
      { ...like, sequence: 'x' },
      { ...like, operationId: 'another' },
      { ...like, at: 'never' },
      { ...like, status: 'DONE' },
      { ...like, sequence: 99 },
    ];
    const channel = `APPLICATION:REDEPLOY:ROLLOUT:${operationId}`;
    for (const text of ['', '{', ...strange.map((message) => JSON.stringify(message))]) {
      await near.channels.publish(channel, text);
    }
    await publish(await rollout.record());
    await publish(await rollout.record('COMPLETED'));
    expect(await watch.ended).toEqual({ completed: true });
    expect(watch.sequences()).toEqual([1, 2, 3, 4]);
  });
});

describe('where a subscription starts', () => {
  test.for([
    { after: undefined, expected: [3] },
    { after: null, expected: [3] },
    { after: 0, expected: [1, 2, 3] },
    { after: 2, expected: [3] },
    { after: 3, expected: [] },
  ])('of a finished operation: after $after gives $expected and completes at once', async ({ after, expected }) => {
    const rollout = await begin();
    await rollout.record();
    await rollout.record('COMPLETED');
    const watch = watchRollout(near, 'alice', {
      operationId: rollout.operationId,
      ...(after === undefined ? {} : { after }),
    });
    expect(await watch.ended).toEqual({ completed: true });
    expect(watch.sequences()).toEqual(expected);
    await untilNothingIsLeft(near);
  });

  test.for([-1, -2_147_483_648, 3, 2_147_483_647])(
    'after %i, which the operation has not reached, is INVALID_INPUT',
    async (after) => {
      const rollout = await begin();
      await rollout.record();
      const watch = watchRollout(near, 'alice', { operationId: rollout.operationId, after });
      expect(await watch.ended).toEqual({
        refused: 'INVALID_INPUT',
        message: "after must be between 0 and 2, the operation's last event",
      });
      expect(watch.events).toEqual([]);
      await untilNothingIsLeft(near);
    },
  );

  test.for(['01900000-0000-7000-8000-000000000000', 'nonsense', '', 'VGlja2V0OmFiYw=='])(
    'an operation that does not exist (%s) is NOT_FOUND',
    async (operationId) => {
      const watch = watchRollout(near, 'alice', { operationId });
      expect(await watch.ended).toMatchObject({ refused: 'NOT_FOUND' });
    },
  );

  test('for someone who may not know of the operation it is as if there were none', async () => {
    const { operationId } = await begin();
    const unknown = '01900000-0000-7000-8000-000000000000';
    const watch = watchRollout(near, 'mallory', { operationId });
    expect(await watch.ended).toEqual({ refused: 'NOT_FOUND', message: `there is no operation ${operationId}` });
    expect(await watchRollout(near, 'mallory', { operationId: unknown }).ended).toEqual({
      refused: 'NOT_FOUND',
      message: `there is no operation ${unknown}`,
    });
    await untilNothingIsLeft(near);
  });
});

test('the present state comes first, even when events come while a subscription is being opened', async () => {
  const rollout = await begin();
  for (let count = 0; count < 30; count += 1) await rollout.record();
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const before = rollout.last;
    const [stream] = await Promise.all([
      near.live.subscribe(rollout.operationId, null),
      rollout.record().then(publish),
      publish(rollout.events.at(-1)!),
    ]);
    const { value } = await stream.next();
    expect(value.sequence).toBeGreaterThanOrEqual(before);
    await stream.return();
  }
  await untilNothingIsLeft(near);
});
