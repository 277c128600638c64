import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Who subscribes, to what, and what is published to them. */
export type Subscription = {
  url: string;
  /** One for each subscriber; null where a server asks for none. */
  tokens: readonly (string | null)[];
  /** With which a subscription begins; null where whoever connects is sent everything. */
  payload: { query: string; variables: Record<string, unknown> } | null;
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

const program = fileURLToPath(new URL('subscriber-process.ts', import.meta.url));

/** Subscribers in a process of their own, and what publishes to them. */
export class Subscribers {
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** All of them have had an event. */
  static async open(subscription: Subscription): Promise<Subscribers> {
    const subscribers = new Subscribers(fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }));
    await subscribers.tell({ open: subscription });
    return subscribers;
  }

  /** Publishes so many events, each once everyone who reads has the one before. */
  deliver(events: number): Promise<Delivered> {
    return this.tell({ deliver: events }) as Promise<Delivered>;
  }

  async read(isReading: boolean): Promise<void> {
    await this.tell({ read: isReading });
  }

  async close(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }

  private async tell(order: SubscriberOrder): Promise<unknown> {
    this.child.send(order);
    const [answer] = (await once(this.child, 'message')) as [{ done: unknown } | { failed: string }];
    if ('failed' in answer) throw new Error(`subscribers: ${answer.failed}`);
    return answer.done;
  }
}
