import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { type RolloutEvent, type RolloutEvents, rolloutStatuses } from '../../domain/rollout.ts';

const channelOf = (operationId: string): string => `APPLICATION:REDEPLOY:ROLLOUT:${operationId}`;

type Listener = (event: RolloutEvent) => void;

/** Events over Redis pub/sub: one channel per operation, subscribed to while somebody here listens. */
export class RedisRolloutEvents implements RolloutEvents {
  private readonly publisher: Redis;
  private readonly subscriber: Redis;
  private readonly log: Logger;
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor(publisher: Redis, subscriber: Redis, log: Logger) {
    this.publisher = publisher;
    this.subscriber = subscriber;
    this.log = log;
    subscriber.on('message', (channel: string, message: string) => this.deliver(channel, message));
  }

  async publish(event: RolloutEvent): Promise<void> {
    try {
      await this.publisher.publish(channelOf(event.operationId), JSON.stringify(event));
    } catch (error) {
      this.log.warn({ operationId: event.operationId, reason: (error as Error).message }, 'event not published');
    }
  }

  async subscribe(operationId: string, listener: Listener): Promise<() => void> {
    const channel = channelOf(operationId);
    const listening = this.listeners.get(channel) ?? new Set();
    this.listeners.set(channel, listening.add(listener));
    if (listening.size === 1) await this.tell('subscribe', channel);
    return () => {
      if (!listening.delete(listener) || listening.size > 0) return;
      this.listeners.delete(channel);
      void this.tell('unsubscribe', channel);
    };
  }

  onResume(listener: () => void): () => void {
    this.subscriber.on('ready', listener);
    return () => void this.subscriber.off('ready', listener);
  }

  /** Channels that somebody here listens on. */
  get channelCount(): number {
    return this.listeners.size;
  }

  /** While Redis is away the request waits in the connection's queue; nobody has to wait with it. */
  private async tell(what: 'subscribe' | 'unsubscribe', channel: string): Promise<void> {
    const patience = new AbortController();
    const told = this.subscriber[what](channel).catch((error: unknown) =>
      this.log.warn({ channel, reason: (error as Error).message }, `${what} failed`),
    );
    await Promise.race([told, pause(1_000, undefined, { signal: patience.signal }).catch(() => undefined)]);
    patience.abort();
  }

  private deliver(channel: string, message: string): void {
    const listening = this.listeners.get(channel);
    if (!listening) return;
    try {
      const event = readEvent(channel, message);
      for (const listener of listening) listener(event);
    } catch (error) {
      this.log.warn({ channel, reason: (error as Error).message }, 'event not understood');
    }
  }
}

/** What somebody else published must not get into a subscriber's order. */
function readEvent(channel: string, message: string): RolloutEvent {
  const event = JSON.parse(message) as RolloutEvent;
  const at = new Date(event.at);
  const isOne =
    channelOf(event.operationId) === channel &&
    Number.isSafeInteger(event.sequence) &&
    rolloutStatuses.includes(event.status) &&
    !Number.isNaN(at.getTime());
  if (!isOne) throw new Error('not an event of this operation');
  return { ...event, at };
}
