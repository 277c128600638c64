import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { RolloutEvent } from '../../src/domain/rollout.ts';
import { openTestWorld, type TestWorld } from '../support/desk.ts';
import { type LiveReplica, openLiveReplica, seen, untilNothingIsLeft, upTo, WrittenRollout } from '../support/live.ts';
import { watchRollout } from '../support/rollout-watch.ts';

let world: TestWorld;
let near: LiveReplica;

beforeAll(async () => {
  world = await openTestWorld();
  near = await openLiveReplica(world);
});
afterAll(async () => {
  await near.stop();
  await world.close();
});

const begin = (): Promise<WrittenRollout> => WrittenRollout.begin(world, near);
const publish = (event: RolloutEvent): Promise<void> => near.events.publish(event);

test('a client that stalls skips events that newer ones of their status replace, and still gets the last of each', async () => {
  const rollout = await begin();
  const watch = watchRollout(near, 'alice', { operationId: rollout.operationId });
  await seen(watch, 1);
  watch.read(false);
  const long = 'x'.repeat(200_000); // much more in all than the sockets between the two take in
  for (let count = 0; count < 150; count += 1) await publish(await rollout.record('PROGRESSING', long));
  const verifying = await rollout.record('VERIFYING');
  await publish(verifying);
  await publish(await rollout.record('COMPLETED'));
  watch.read(true);
  expect(await watch.ended).toEqual({ completed: true });
  const got = watch.sequences();
  expect(got.length).toBeLessThan(rollout.last);
  expect(got).toEqual([...new Set(got)].toSorted((a, b) => a - b));
  expect(got.slice(-3)).toEqual(upTo(rollout.last).slice(-3));
  await untilNothingIsLeft(near);
});

describe('what is left when clients go', () => {
  test('nothing, when the socket is cut while nothing happens', async () => {
    const rollout = await begin();
    const watch = watchRollout(near, 'alice', { operationId: rollout.operationId });
    await seen(watch, 1);
    expect([near.live.topicCount, near.channels.channelCount]).toEqual([1, 1]);
    watch.terminate();
    await untilNothingIsLeft(near);
  });

  test('nothing, when the client stalls and its socket is cut then', async () => {
    const rollout = await begin();
    const watch = watchRollout(near, 'alice', { operationId: rollout.operationId });
    await seen(watch, 1);
    watch.read(false);
    const long = 'x'.repeat(200_000);
    for (let count = 0; count < 50; count += 1) await publish(await rollout.record('PROGRESSING', long));
    watch.terminate();
    await untilNothingIsLeft(near);
    expect(near.live.topicCount).toBe(0);
  });

  test('nothing, when the socket is cut while the subscription is being opened', async () => {
    const rollout = await begin();
    for (let attempt = 0; attempt < 40; attempt += 1) {
      const socket = new WebSocket(near.subscriptionsUrl, 'graphql-transport-ws');
      const query = `subscription { rolloutStatus(operationId: "${rollout.operationId}", after: 0) { sequence } }`;
      await new Promise((resolve) => socket.once('open', resolve));
      socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: 'Bearer alice' } }));
      await new Promise((resolve) => socket.once('message', resolve));
      socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }));
      if (attempt % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.terminate();
      await closed;
    }
    await untilNothingIsLeft(near);
    expect(near.live.topicCount).toBe(0);
  });

  test('the others, who share one topic and one channel', async () => {
    const rollout = await begin();
    const { operationId } = rollout;
    const watches = [1, 2, 3, 4].map(() => watchRollout(near, 'alice', { operationId }));
    for (const watch of watches) await seen(watch, 1);
    expect([near.live.topicCount, near.channels.channelCount]).toEqual([1, 1]);
    watches[0]!.unsubscribe();
    watches[1]!.terminate();
    await publish(await rollout.record());
    for (const watch of watches.slice(2)) await seen(watch, 2);
    expect(near.live.topicCount).toBe(1);
    const again = watchRollout(near, 'alice', { operationId, after: 0 });
    await publish(await rollout.record('FAILED'));
    for (const watch of [...watches.slice(2), again]) {
      expect(await watch.ended).toEqual({ completed: true });
      expect(watch.sequences()).toEqual([1, 2, 3]);
    }
    expect(watches[0]!.sequences()).toEqual([1]);
    await untilNothingIsLeft(near);
  });

  test('whoever comes at the very moment at which the last one leaves', async () => {
    const rollout = await begin();
    const { operationId } = rollout;
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const leaving = await near.live.subscribe(operationId, null);
      const coming = near.live.subscribe(operationId, null);
      await leaving.return!();
      const stream = await coming;
      expect((await stream.next()).value).toMatchObject({ sequence: rollout.last });
      const next = stream.next();
      await publish(await rollout.record());
      expect((await next).value).toMatchObject({ sequence: rollout.last });
      await stream.return!();
    }
    await untilNothingIsLeft(near);
  });
});
