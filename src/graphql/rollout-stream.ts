import { type RolloutEvent, rolloutTransitions } from '../domain/rollout.ts';
import { isFinal } from '../domain/transitions.ts';
import { LiveStream } from './live-stream.ts';

/** How many events are read from the record at once. Less than may wait, so that a filled gap reaches a quick client whole. */
export const recordPageSize = 32;

/** More than this and a client counts as too slow. A client that is only busy, or comes back, must not fall behind so far. */
export const longestPending = 64;

/** The same for a receiver, for which nothing waits before its socket is full: that takes hundreds. */
export const longestPendingForReceiver = 12;

/**
 * One subscriber's events. Of what a slow client has not taken only the newest state of each status is kept; the final
 * one is never replaced.
 */
export class RolloutStream extends LiveStream<RolloutEvent> {
  private readonly readAfter: (after: number) => Promise<RolloutEvent[]>;
  private pending: RolloutEvent[] = [];
  private replayed: RolloutEvent[] = [];
  /** The number up to which the client has everything it is due; null until the first event when none was asked for. */
  private sent: number | null;
  /** The record may hold more than what was read of it. */
  private replaying: boolean;
  /** More came while the record was read than may wait. */
  private hasMissed = false;
  private reading: Promise<void> | null = null;

  constructor(after: number | null, readAfter: (after: number) => Promise<RolloutEvent[]>) {
    super();
    this.readAfter = readAfter;
    this.sent = after;
    this.replaying = after !== null;
  }

  /** The present state comes first; what was taken of older ones falls away. */
  beginWith(latest: RolloutEvent): void {
    this.pending = [latest, ...this.pending.filter(({ sequence }) => sequence > latest.sequence)];
    this.wake();
  }

  take(event: RolloutEvent): void {
    if (this.isDone) return;
    if (this.isReady && !this.replaying) {
      // Nothing waits, so it need not wait either: of many clients most are where this one is.
      if (!this.isDue(event)) return;
      this.hand(event);
      return this.endAfter(event);
    }
    const last = this.pending.at(-1);
    if (last && event.sequence <= last.sequence) return;
    if (this.pending.length >= (this.receiver ? longestPendingForReceiver : longestPending)) this.makeRoom();
    this.pending.push(event);
    this.wake();
  }

  /** Events that wait for the client. */
  get pendingCount(): number {
    return this.pending.length + this.replayed.length;
  }

  poll(): RolloutEvent | null {
    while (!this.isDone) {
      if (this.replaying && this.replayed.length === 0) {
        void (this.reading ??= this.readPage());
        return null;
      }
      const event = this.replayed.shift() ?? this.pending.shift();
      if (!event) return null;
      if (!this.isDue(event)) continue;
      this.endAfter(event);
      return event;
    }
    return this.end();
  }

  protected clear(): void {
    this.pending = [];
    this.replayed = [];
  }

  /** False where the client has it already; true is said once. */
  private isDue({ sequence }: RolloutEvent): boolean {
    if (this.sent !== null && sequence <= this.sent) return false;
    this.sent = sequence;
    return true;
  }

  private endAfter({ status }: RolloutEvent): void {
    if (isFinal(rolloutTransitions, status)) void this.return();
  }

  private makeRoom(): void {
    this.hasMissed = this.replaying; // who reads the record finds there what falls away here
    this.pending = this.replaying ? [] : newestOfEachStatus(this.pending);
  }

  private async readPage(): Promise<void> {
    this.pending = []; // stands in the record by now; what comes from here on follows the page without a gap
    this.hasMissed = false;
    try {
      const page = await this.readAfter(this.sent ?? 0);
      this.replaying = page.length === recordPageSize || this.hasMissed;
      this.reading = null;
      if (!this.isDone) this.replayed = page;
      this.wake();
    } catch (error) {
      this.fail(error);
    }
  }
}

const newestOfEachStatus = (events: readonly RolloutEvent[]): RolloutEvent[] =>
  [...new Map(events.map((event) => [event.status, event])).values()].sort((a, b) => a.sequence - b.sequence);
