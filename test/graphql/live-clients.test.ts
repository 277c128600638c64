import * as diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { RolloutEvent } from '../../src/domain/rollout.ts';
import { longestPending, type RolloutStream } from '../../src/graphql/rollout-stream.ts';
import { openTestWorld, type TestWorld } from '../support/desk.ts';
import { openEventStream } from '../support/event-stream.ts';
import { type LiveReplica, openLiveReplica, seen, untilNothingIsLeft, upTo, WrittenRollout } from '../support/live.ts';
import { watch, watchRollout } from '../support/rollout-watch.ts';
import { until } from '../support/wait.ts';

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

/** With the service's ends of the connections that are opened meanwhile, and its streams to them. */
async function opening<Clients>(open: () => Promise<Clients>) {
  const accepted: Socket[] = [];
  const onSocket = (message: unknown): unknown => accepted.push((message as { socket: Socket }).socket);
  diagnostics.subscribe('net.server.socket', onSocket);
  const subscribed = vi.spyOn(near.live, 'subscribe');
  try {
    const clients = await open();
    const streams = await Promise.all(subscribed.mock.results.map(({ value }) => value as Promise<RolloutStream>));
    const sockets = accepted.filter(({ localPort }) => String(localPort) === new URL(near.url).port);
    return { clients, streams, sockets };
  } finally {
    subscribed.mockRestore();
    diagnostics.unsubscribe('net.server.socket', onSocket);
  }
}

test('clients that stall take little memory and nothing from the others; they skip events that newer ones of their status replace', async () => {
  const rollout = await begin();
  const { operationId } = rollout;
  const { clients, sockets, streams } = await opening(async () => {
    const query = `subscription { rolloutStatus(operationId: "${operationId}") { sequence message } }`;
    const quick = watchRollout(near, 'alice', { operationId });
    const overWebSocket = watch<{ sequence: number }>(near, 'alice', { query });
    const overHttp = openEventStream(near.url, 'alice', { query });
    await until('all have begun', () => quick.last() + overWebSocket.events.length + overHttp.results.length === 3);
    return { quick, overWebSocket, overHttp };
  });
  const { quick, overWebSocket, overHttp } = clients;
  expect([sockets.length, streams.length]).toEqual([3, 3]);
  for (const stalled of [overWebSocket, overHttp]) stalled.read(false);

  const long = 'x'.repeat(16_000); // much more in all than the sockets between the two take in
  const most = { waiting: 0, unsentBytes: 0 };
  while (rollout.last < 2_000) {
    const events = await rollout.recordAll(Array.from({ length: longestPending }, () => long));
    await Promise.all(events.map(publish));
    await seen(quick, rollout.last);
    most.waiting = Math.max(most.waiting, ...streams.map(({ pendingCount }) => pendingCount));
    most.unsentBytes = Math.max(most.unsentBytes, ...sockets.map(({ writableLength }) => writableLength));
  }
  expect(sockets.filter(({ writableLength }) => writableLength > 0)).toHaveLength(2);
  expect(most.waiting).toBeLessThanOrEqual(longestPending);
  expect(most.unsentBytes).toBeLessThan(200_000);
  for (const status of ['VERIFYING', 'COMPLETED'] as const) await publish(await rollout.record(status));
  expect(await quick.ended).toEqual({ completed: true });
  expect(quick.sequences()).toEqual(upTo(rollout.last));

  for (const stalled of [overWebSocket, overHttp]) stalled.read(true);
  expect([await overWebSocket.ended, await overHttp.ended]).toEqual([{ completed: true }, 'complete']);
  const fromHttp = overHttp.results.map(({ data }) => data!['rolloutStatus'] as { sequence: number });
  for (const events of [overWebSocket.events, fromHttp]) {
    const got = events.map(({ sequence }) => sequence);
    expect(got.length).toBeLessThan(rollout.last);
    expect(got).toEqual([...new Set(got)].toSorted((a, b) => a - b));
    expect(got.slice(-3)).toEqual(upTo(rollout.last).slice(-3));
  }
  await untilNothingIsLeft(near);
});

describe('what is left when clients go', () => {
  test('nothing, when the socket is cut while nothing happens', async () => {
    const rollout = await begin();
    const watch = watchRollout(near, 'alice', { operationId: rollout.operationId });
    await seen(watch, 1);
    expect([near.live.topicCount, near.channels.channelCount]).toEqual([1, 2]); // the rollout's and the registry's
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

  test('the others, who share one topic and its channel', async () => {
    const rollout = await begin();
    const { operationId } = rollout;
    const watches = [1, 2, 3, 4].map(() => watchRollout(near, 'alice', { operationId }));
    for (const watch of watches) await seen(watch, 1);
    expect([near.live.topicCount, near.channels.channelCount]).toEqual([1, 2]); // the rollout's and the registry's
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
      await leaving.return();
      const stream = await coming;
      expect((await stream.next()).value).toMatchObject({ sequence: rollout.last });
      const next = stream.next();
      await publish(await rollout.record());
      expect((await next).value).toMatchObject({ sequence: rollout.last });
      await stream.return();
    }
    await untilNothingIsLeft(near);
  });
});
