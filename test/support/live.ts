import type { AddressInfo } from 'node:net';
import { createApp } from '../../src/http/app.ts';
import type { RedisChannels } from '../../src/adapters/redis/redis-channels.ts';
import type { RolloutEvent, RolloutEvents, RolloutState, RolloutStatus } from '../../src/domain/rollout.ts';
import { RedeployError } from '../../src/domain/errors.ts';
import type { VerifySignIn } from '../../src/domain/sign-in.ts';
import { Live } from '../../src/graphql/live.ts';
import type { LiveRollouts } from '../../src/graphql/live-rollouts.ts';
import type { LiveTickets } from '../../src/graphql/live-tickets.ts';
import type { EdgeSettings } from '../../src/http/edge-settings.ts';
import { Health } from '../../src/http/health.ts';
import type { Limits } from '../../src/operations/dependencies.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { alice, authorizedTicket, deployApplication, type Replica, type TestWorld } from './desk.ts';
import * as people from './people.ts';
import { person } from './people.ts';
import type { RolloutWatch } from './rollout-watch.ts';
import { until } from './wait.ts';

/**
 * A replica that serves clients; in its sight, so that a test can count what is left. Tokens are usernames, good for
 * an hour; `alice@1795416282000` is good until then.
 */
export type LiveReplica = {
  replica: Replica;
  live: LiveRollouts;
  tickets: LiveTickets;
  events: RolloutEvents;
  channels: RedisChannels;
  url: string;
  subscriptionsUrl: string;
  stop: () => Promise<void>;
};

export async function openLiveReplica(
  world: Pick<TestWorld, 'redisUrl' | 'openReplica'>,
  options: {
    redisUrl?: string;
    follows?: boolean;
    lookMs?: number;
    limits?: Partial<Limits>;
    verifySignIn?: VerifySignIn;
    edge?: EdgeSettings;
  } = {},
): Promise<LiveReplica> {
  const { lookMs, follows = false, redisUrl = world.redisUrl, limits = {}, verifySignIn = signInByName } = options;
  const replica = await world.openReplica({ follows, redisUrl, limits });
  const live = new Live(replica.desk);
  const health = new Health([], replica.desk.log);
  health.begin();
  const { server, close } = createApp(replica.desk, live, verifySignIn, health, null, options.edge);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const running = new AbortController();
  const looking = live.run(running.signal, lookMs);
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    replica,
    live: live.rollouts,
    tickets: live.tickets,
    events: replica.desk.rolloutEvents,
    channels: replica.channels,
    url: `http://${address}/graphql`,
    subscriptionsUrl: `ws://${address}/graphql`,
    stop: async () => {
      await close(5_000);
      running.abort();
      await looking;
      await replica.stop();
    },
  };
}

const signInByName: VerifySignIn = async (authorization) => {
  const [name, until] = authorization?.replace('Bearer ', '').split('@') ?? [];
  const known = Object.values(people).find((one) => typeof one === 'object' && one.username === name);
  if (!name) throw new RedeployError('UNAUTHENTICATED', 'sign in');
  const actor = typeof known === 'object' ? known : person(name, 'APPLICATION_DEPLOYER');
  return { actor, expiresAt: new Date(until === undefined ? Date.now() + 3_600_000 : Number(until)) };
};

const emptyState: Omit<RolloutState, 'status' | 'message'> = {
  newPods: [],
  newPodCount: 0,
  terminatedPods: [],
  terminatedPodCount: 0,
  failures: [],
  replicas: { desired: 0, updated: 0, ready: 0, available: 0, old: 0 },
};

/** An operation whose events the test itself writes, as a follower elsewhere would; nothing is sent to the cluster. */
export class WrittenRollout {
  readonly operationId: string;
  readonly events: RolloutEvent[] = [];
  private readonly world: TestWorld;

  private constructor(world: TestWorld, operationId: string) {
    this.world = world;
    this.operationId = operationId;
  }

  static async begin(world: TestWorld, { replica: { desk } }: Pick<LiveReplica, 'replica'>): Promise<WrittenRollout> {
    const { name } = await deployApplication(world, desk, { replicas: 0 });
    await authorizedTicket(desk, name);
    const { id } = await redeploy(desk, alice, { applicationName: name });
    return new WrittenRollout(world, id);
  }

  /** Stores the next event; nobody is told. */
  async record(status: RolloutStatus = 'PROGRESSING', message = 'it goes on'): Promise<RolloutEvent> {
    const [event] = await this.recordAll([message], status);
    return event!;
  }

  /** Stores the next events, one for each message, in one statement; nobody is told. */
  async recordAll(messages: string[], status: RolloutStatus = 'PROGRESSING'): Promise<RolloutEvent[]> {
    const states = messages.map((message) => ({ ...emptyState, status, message }));
    const success = { COMPLETED: true, FAILED: false }[status as string] ?? null;
    const [row] = await this.world.sql<{ last: number; at: string }>(
      `with counted as (
         update operation set sequence = sequence + ?, rollout_status = ?, success = ?, last_update_time = now()
         where id = ? returning id, sequence, last_update_time),
       stored as (
         insert into operation_event (operation_id, sequence, status, at, state)
           select id, sequence - ? + place, ?, last_update_time, state
           from counted, jsonb_array_elements(?::jsonb) with ordinality as states (state, place))
       select sequence as last, last_update_time as at from counted`,
      [states.length, status, success, this.operationId, states.length, status, JSON.stringify(states)],
    );
    const { operationId } = this;
    const first = row!.last - states.length + 1;
    const events = states.map((state, place) => ({
      ...state,
      operationId,
      sequence: first + place,
      at: new Date(row!.at),
    }));
    this.events.push(...events);
    return events;
  }

  get last(): number {
    return this.events.at(-1)?.sequence ?? 1;
  }
}

export const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);
export const seen = (watch: RolloutWatch, last: number): Promise<unknown> =>
  until(`event ${last} is seen`, () => watch.last() >= last);
export const untilNothingIsLeft = (...replicas: LiveReplica[]): Promise<unknown> =>
  until('no topic and no channel is left', () =>
    replicas.every(({ live, channels }) => live.topicCount === 0 && channels.channelCount === 0),
  );
