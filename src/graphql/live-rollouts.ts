import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { RedeployError } from '../domain/errors.ts';
import { type RolloutEvent, rolloutTransitions } from '../domain/rollout.ts';
import { isFinal } from '../domain/transitions.ts';
import type { Desk } from '../operations/dependencies.ts';
import { eventsAfter, latestEvent, latestSequences } from '../operations/reads.ts';
import { recordPageSize, RolloutStream } from './rollout-stream.ts';

/** The streams of one operation in this process. */
type Topic = {
  operationId: string;
  subscribers: Set<RolloutStream>;
  /** The number up to which all of them have been served; infinite until the record was read: nothing is handed on before. */
  known: number;
  /** The highest number that was heard of. */
  heard: number;
  /** Subscribed to the carrier, and `known` read. */
  opened: Promise<void>;
  filling: Promise<void> | null;
  leave: () => void;
};

/**
 * The one way to subscribe to a rollout. A message on the channel is a hint: events are handed on in the order of
 * their numbers, gaps are read from the record, and a look at the record every few seconds finds what was lost.
 */
export class LiveRollouts {
  private readonly desk: Desk;
  private readonly log: Logger;
  private readonly topics = new Map<string, Topic>();

  constructor(desk: Desk) {
    this.desk = desk;
    this.log = desk.log;
  }

  /**
   * Without `after` the present state first, with it every event behind that number; then each new one, ending
   * after the final one. Subscribed before the record is read, so that nothing falls between the two. Throws
   * INVALID_INPUT for a number that the operation has not reached.
   */
  async subscribe(operationId: string, after: number | null): Promise<RolloutStream> {
    const stream = new RolloutStream(after, (from) => eventsAfter(this.desk, operationId, from, recordPageSize));
    const leave = await this.join(operationId, stream);
    stream.onReturn(leave);
    try {
      const latest = await latestEvent(this.desk, operationId);
      if (after === null) stream.beginWith(latest);
      else if (after < 0 || after > latest.sequence) {
        throw new RedeployError(
          'INVALID_INPUT',
          `after must be between 0 and ${latest.sequence}, the operation's last event`,
        );
      } else if (after === latest.sequence && isFinal(rolloutTransitions, latest.status)) await stream.return();
    } catch (error) {
      leave();
      throw error;
    }
    return stream;
  }

  /** Looks at the record every few seconds (one query for all topics), and whenever the carrier was away. */
  async run(signal: AbortSignal, everyMs = 3_000): Promise<void> {
    const stopResuming = this.desk.rolloutEvents.onResume(() => void this.lookAgain());
    while (!signal.aborted) {
      await pause(everyMs, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await this.lookAgain();
    }
    stopResuming();
  }

  /** Operations that somebody here follows. */
  get topicCount(): number {
    return this.topics.size;
  }

  private async join(operationId: string, subscriber: RolloutStream): Promise<() => void> {
    const topic = this.topics.get(operationId) ?? this.open(operationId);
    // Before anything is waited for: the last one to leave closes the topic, and nobody must join a closed one.
    topic.subscribers.add(subscriber);
    const leave = () => {
      topic.subscribers.delete(subscriber);
      if (topic.subscribers.size > 0 || this.topics.get(operationId) !== topic) return;
      this.topics.delete(operationId);
      topic.leave();
    };
    try {
      await topic.opened;
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }

  private open(operationId: string): Topic {
    const topic: Topic = {
      operationId,
      subscribers: new Set(),
      known: Number.POSITIVE_INFINITY,
      heard: 0,
      opened: Promise.resolve(),
      filling: null,
      leave: () => undefined,
    };
    topic.opened = this.follow(topic);
    this.topics.set(operationId, topic);
    return topic;
  }

  private async follow(topic: Topic): Promise<void> {
    const { operationId } = topic;
    topic.leave = await this.desk.rolloutEvents.subscribe(operationId, (event) => this.hear(topic, event));
    topic.known = (await latestSequences(this.desk, [operationId])).get(operationId) ?? 0;
    if (topic.heard > topic.known) void this.fill(topic);
  }

  private hear(topic: Topic, event: RolloutEvent): void {
    topic.heard = Math.max(topic.heard, event.sequence);
    if (event.sequence <= topic.known) return;
    if (event.sequence > topic.known + 1 || topic.filling) {
      void this.fill(topic);
      return;
    }
    topic.known = event.sequence;
    this.handOn(topic, event);
  }

  private handOn(topic: Topic, event: RolloutEvent): void {
    for (const subscriber of topic.subscribers) subscriber.take(event);
    this.desk.measurements?.eventDelivered(event.at);
  }

  private async lookAgain(): Promise<void> {
    const topics = [...this.topics.values()];
    if (topics.length === 0) return;
    try {
      const latest = await latestSequences(
        this.desk,
        topics.map(({ operationId }) => operationId),
      );
      const behind = topics.filter(({ operationId, known }) => (latest.get(operationId) ?? 0) > known);
      await Promise.all(behind.map((topic) => this.fill(topic)));
    } catch (error) {
      this.log.warn({ err: error }, 'live rollouts not looked at');
    }
  }

  /** Reads what is missing from the record, once at a time for each topic. */
  private fill(topic: Topic): Promise<void> {
    topic.filling ??= this.readMissing(topic)
      .catch((error: unknown) => this.log.warn({ err: error, operationId: topic.operationId }, 'gap not filled yet'))
      .finally(() => (topic.filling = null));
    return topic.filling;
  }

  private async readMissing(topic: Topic): Promise<void> {
    for (;;) {
      const events = await eventsAfter(this.desk, topic.operationId, topic.known, recordPageSize);
      for (const event of events) {
        topic.known = event.sequence;
        this.handOn(topic, event);
      }
      // What was heard of while this read was under way is read as well; nothing read is nothing to wait for.
      if (events.length === 0 || (events.length < recordPageSize && topic.known >= topic.heard)) return;
    }
  }
}
