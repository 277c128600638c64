import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';

type Listener = (message: string) => void;

/** Redis pub/sub: a channel is subscribed to while somebody here listens on it. */
export class RedisChannels {
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

  /** Never throws: what a message tells stands in the record as well. */
  async publish(channel: string, message: string): Promise<void> {
    try {
      await this.publisher.publish(channel, message);
    } catch (error) {
      this.log.warn({ channel, reason: (error as Error).message }, 'message not published');
    }
  }

  async subscribe(channel: string, listener: Listener): Promise<() => void> {
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

  /** Tells who listens here. What somebody else published must not get into a listener's order: a listener throws at it. */
  deliver(channel: string, message: string): void {
    for (const listener of this.listeners.get(channel) ?? []) {
      try {
        listener(message);
      } catch (error) {
        this.log.warn({ channel, reason: (error as Error).message }, 'message not understood');
      }
    }
  }
}
