import { ProcessApart } from './process-apart.ts';

/** Who subscribes, to what, and what is published to them. */
export type Subscription = {
  url: string;
  /** One for each subscriber; null where a server asks for none. */
  tokens: readonly (string | null)[];
  /** With which a subscription begins; null where whoever connects is sent everything. */
  payload: { query: string; extensions?: object; variables: Record<string, unknown> } | null;
  redisUrl: string;
  channel: string;
  /** Events as replicas tell each other, or the messages that clients get, ready to be sent. */
  publishes: 'events' | 'messages';
  /** Whether a subscription begins with the present state. */
  beginsWithState: boolean;
  operationId: string;
  /** The number of the last event that there is. */
  sequence: number;
};

/** How long it took from PUBLISH to each subscriber that reads, in ms, as the median of all. */
export type Delivered = { deliveries: number; latency: number };

export type SubscriberOrder =
  | { open: Subscription }
  | { deliver: number }
  /** Whether the first subscriber reads from its socket; once it reads again, until it has the newest event. */
  | { read: boolean };

/** Subscribers in a process of their own, and what publishes to them. */
export class Subscribers extends ProcessApart<SubscriberOrder> {
  private constructor() {
    super('subscriber-process.ts');
  }

  /** All of them have had an event. */
  static async open(subscription: Subscription): Promise<Subscribers> {
    const subscribers = new Subscribers();
    await subscribers.tell({ open: subscription });
    return subscribers;
  }

  /** Publishes so many events, each once everyone who reads has the one before. */
  deliver(events: number): Promise<Delivered> {
    return this.tell({ deliver: events }) as Promise<Delivered>;
  }

  /** Answers, once it reads again, how many events the first one was never sent. */
  async read(isReading: boolean): Promise<number> {
    const { skipped } = (await this.tell({ read: isReading })) as { skipped: number };
    return skipped;
  }
}
