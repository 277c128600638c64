import { setTimeout as pause } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';
import { RolloutStatusDocument } from '../../src/documents/generated/graphql.ts';
import type { Keep, OpenSide, Side } from '../harness/benchmark.ts';
import { startBareBroadcast } from '../references/bare-broadcast.ts';
import { startUsualSubscriptions } from '../references/usual-subscriptions.ts';
import { startWorld, type World } from './dependencies.ts';
import { type Application, beginForeignRollout, type ForeignRollout } from './foreign-rollout.ts';
import { startProduct } from './product.ts';
import { persistedQuery } from './trusted-document.ts';
import { type Delivered, Subscribers, type Subscription } from './subscribers.ts';

/** Sides whose server, in the side's own process, tells subscribers of one rollout; and what their rounds are. */
type Rollout = Pick<Subscription, 'operationId' | 'channel' | 'sequence'>;
type Server = { url: string; stop: () => Promise<unknown> };

export type LiveRound = (subscribers: Subscribers) => Promise<{ units: number } & Record<string, number>>;
export type LiveAfterwards = (subscribers: Subscribers) => Promise<Record<string, number>>;

type Live = { count: number; round: LiveRound; afterwards?: LiveAfterwards; application?: Application };

const usernames = (count: number): string[] => Array.from({ length: count }, (_, index) => `approver-${index}`);

/** As many people as subscribers. */
export const liveWorld =
  (count: number) =>
  (keep: Keep): Promise<World> =>
    startWorld(keep, { people: usernames(count).map((username) => ({ username, roles: ['APPROVER'] })) });

export const productSide =
  (live: Live): Side<World> =>
  async (world) => {
    const service = await startProduct(world);
    const rollout = await beginForeignRollout(service, world, live.application ?? 'api-gateway');
    const tokens = usernames(live.count).map((username) => world.tokens[username]!);
    const server = { url: service.subscriptionsUrl, stop: service.stop };
    return openLive(
      live,
      server,
      { tokens, payload: namedPayloadOf(rollout), publishes: 'events', beginsWithState: true },
      rollout,
      world,
    );
  };

export const usualSide =
  (live: Live): Side<World> =>
  async (world) => {
    const rollout = madeUp('usual');
    const server = await startUsualSubscriptions(world.redisUrl, rollout.channel);
    const tokens = usernames(live.count).map(() => null);
    return openLive(
      live,
      server,
      { tokens, payload: payloadOf(rollout), publishes: 'events', beginsWithState: false },
      rollout,
      world,
    );
  };

export const bareSide =
  (live: Live): Side<World> =>
  async (world) => {
    const rollout = madeUp('bare');
    const server = await startBareBroadcast(world.redisUrl, rollout.channel);
    const tokens = usernames(live.count).map(() => null);
    return openLive(
      live,
      server,
      { tokens, payload: null, publishes: 'messages', beginsWithState: false },
      rollout,
      world,
    );
  };

const madeUp = (name: string): ForeignRollout => ({ operationId: name, channel: `bench:${name}`, sequence: 0 });

const payloadOf = ({ operationId }: Rollout): Subscription['payload'] => ({
  query: RolloutStatusDocument.toString(),
  variables: { operationId },
});

/** As the service's own clients name the document. */
const namedPayloadOf = ({ operationId }: Rollout): Subscription['payload'] => ({
  query: '',
  extensions: persistedQuery(RolloutStatusDocument),
  variables: { operationId },
});

async function openLive(
  { count, round, afterwards }: Live,
  server: Server,
  how: Pick<Subscription, 'tokens' | 'payload' | 'publishes' | 'beginsWithState'>,
  rollout: Rollout,
  { redisUrl }: World,
): Promise<OpenSide> {
  const subscription = { url: server.url, redisUrl, ...how, ...rollout };
  // What the first ones make the server load and compile counts for none of those that are measured.
  const first = await Subscribers.open({ ...subscription, tokens: how.tokens.slice(0, 500) });
  await first.deliver(20);
  await first.close();
  const before = await heapBytes();
  const subscribers = await Subscribers.open(subscription);
  return {
    round: () => round(subscribers),
    afterwards: async () => ({
      heap: ((await heapBytes()) - before) / count / 1024,
      ...(await afterwards?.(subscribers)),
    }),
    close: async () => {
      await subscribers.close();
      await server.stop();
    },
  };
}

/**
 * What is really held: on V8's heap and, of buffers, beside it. Not compiled code: it comes and goes with the work, by
 * more than one client has.
 */
export async function heapBytes(): Promise<number> {
  for (let time = 0; time < 2; time += 1) {
    await pause(100); // for what only lives until the next turn of the event loop
    globalThis.gc!();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const code = getHeapSpaceStatistics()
    .filter(({ space_name: name }) => /^(code|trusted)_/.test(name))
    .reduce((sum, { space_used_size: size }) => sum + size, 0);
  return heapUsed - code + arrayBuffers;
}

export const deliver =
  (events: number): LiveRound =>
  async (subscribers) => {
    const { deliveries, latency } = (await subscribers.deliver(events)) satisfies Delivered;
    return { units: deliveries, latency };
  };
