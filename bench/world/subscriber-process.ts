import { once } from 'node:events';
import { Redis } from 'ioredis';
import { WebSocket } from 'ws';
import { spreadOf } from '../harness/statistics.ts';
import { rolloutEvent, rolloutMessage } from './rollout-event.ts';
import type { Delivered, SubscriberOrder, Subscription } from './subscribers.ts';

/** Opens subscriptions, publishes to them, and counts what arrives; carries out one order after the other. */
type Subscriber = { socket: WebSocket; last: number };

/** At once, so that a server is not asked for everything in one moment. */
const opensAtOnce = 50;
const patienceMs = 20_000;

const subscribers: Subscriber[] = [];
let stalled: Subscriber | null = null;
/** Of the one that stalls, how many events newer ones have replaced. */
let skipped = 0;
let subscription: Subscription;
let redis: Redis;
let sequence = 0;
/** Those who still lack the newest event, and what is called when nobody does. */
let missing = 0;
let complete: () => void = () => undefined;
let publishedAt = 0;
let latencies: number[] = [];

const sequenceMark = Buffer.from('"sequence":');

/** The number of the event that a message holds; nothing else of it is looked at. */
function sequenceIn(message: Buffer): number {
  const at = message.indexOf(sequenceMark);
  return at < 0 ? 0 : Number.parseInt(message.toString('latin1', at + sequenceMark.length, at + 24), 10);
}

function take(subscriber: Subscriber, message: Buffer): void {
  const number = sequenceIn(message);
  if (number <= subscriber.last) return;
  if (subscriber === stalled) skipped += number - subscriber.last - 1;
  subscriber.last = number;
  if (number !== sequence || subscriber === stalled) return;
  latencies.push(performance.now() - publishedAt);
  missing -= 1;
  if (missing === 0) complete();
}

async function open(token: string | null): Promise<void> {
  const { url, payload } = subscription;
  const socket = new WebSocket(url, payload === null ? [] : ['graphql-transport-ws'], { perMessageDeflate: false });
  const subscriber: Subscriber = { socket, last: 0 };
  await once(socket, 'open');
  if (payload !== null) {
    const authorization = token === null ? null : `Bearer ${token}`;
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }));
    await once(socket, 'message');
    socket.send(JSON.stringify({ id: crypto.randomUUID(), type: 'subscribe', payload }));
  }
  socket.on('message', (message: Buffer) => take(subscriber, message));
  subscribers.push(subscriber);
}

async function publishNext(): Promise<void> {
  const { channel, publishes, operationId } = subscription;
  sequence += 1;
  const text =
    publishes === 'events'
      ? JSON.stringify(rolloutEvent(operationId, sequence))
      : rolloutMessage('6b0fe4a5-1f0f-4d4c-8f0a-0f7f6d1f8f0e', operationId, sequence);
  missing = subscribers.filter((one) => one !== stalled).length;
  const arrived = new Promise<void>((resolve) => (complete = resolve));
  publishedAt = performance.now();
  await redis.publish(channel, text);
  await withPatience(arrived, () => `${missing} subscribers lack event ${sequence}`);
}

async function withPatience(done: Promise<unknown>, what: () => string): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(what())), patienceMs);
  await Promise.race([done, late.promise]).finally(() => clearTimeout(timer));
}

async function carryOut(order: SubscriberOrder): Promise<Delivered | { skipped: number } | null> {
  if ('open' in order) {
    subscription = order.open;
    sequence = subscription.sequence;
    redis = new Redis(subscription.redisUrl);
    const waiting = [...subscription.tokens];
    await Promise.all(
      Array.from({ length: opensAtOnce }, async () => {
        while (waiting.length > 0) await open(waiting.pop()!);
      }),
    );
    await untilSubscribed();
    return null;
  }
  if ('read' in order) {
    const [first] = subscribers;
    if (order.read) {
      first!.socket.resume();
      await withPatience(untilNewest(first!), () => `the stalled one is at ${first!.last} of ${sequence}`);
      stalled = null;
    } else {
      stalled = first!;
      skipped = 0;
      first!.socket.pause();
    }
    return { skipped };
  }
  latencies = [];
  for (let count = 0; count < order.deliver; count += 1) await publishNext();
  return { deliveries: latencies.length, latency: spreadOf(latencies).median };
}

/** Servers do not tell when a subscription stands: it does once an event comes. */
async function untilSubscribed(): Promise<void> {
  if (subscription.beginsWithState) {
    await withPatience(Promise.all(subscribers.map(untilNewest)), () => 'not everybody has the present state');
  }
  for (;;) {
    const published = publishNext();
    const soon = new Promise((resolve) => setTimeout(resolve, 500));
    const isWhole = await Promise.race([published.then(() => true), soon.then(() => false)]);
    if (isWhole) return;
    void published.catch(() => undefined);
  }
}

async function untilNewest(subscriber: Subscriber): Promise<void> {
  while (subscriber.last < sequence) await once(subscriber.socket, 'message');
}

process.on('message', (order: SubscriberOrder) => {
  carryOut(order).then(
    (done) => process.send!({ done }),
    (error: unknown) => process.send!({ failed: String(error) }),
  );
});
process.once('disconnect', () => process.exit());
