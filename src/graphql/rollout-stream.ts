import { type RolloutEvent, rolloutTransitions } from '../domain/rollout.ts';
import { isFinal } from '../domain/transitions.ts';

/**
 * One subscriber's events. Not an async generator: one that waits in `yield` is never told that its socket is gone.
 * What a slow client has not taken is replaced by a newer state of the same status, so that it holds a handful of
 * events at most; the final one is never replaced.
 */
export class RolloutStream implements AsyncIterableIterator<RolloutEvent> {
  private readonly readAfter: (after: number) => Promise<RolloutEvent[]>;
  private pending: RolloutEvent[] = [];
  private replayed: RolloutEvent[] = [];
  /** The number up to which the client has everything it is due; null until the first event when none was asked for. */
  private sent: number | null;
  private replaying: boolean;
  private waiting: PromiseWithResolvers<void> | null = null;
  private isDone = false;
  private leave: () => void = () => undefined;

  constructor(after: number | null, readAfter: (after: number) => Promise<RolloutEvent[]>) {
    this.readAfter = readAfter;
    this.sent = after;
    this.replaying = after !== null;
  }

  onReturn(leave: () => void): void {
    this.leave = leave;
  }

  take(event: RolloutEvent): void {
    const last = this.pending.at(-1);
    if (last && event.sequence <= last.sequence) return;
    if (last?.status === event.status) this.pending.pop();
    this.pending.push(event);
    this.wake();
  }

  async next(): Promise<IteratorResult<RolloutEvent>> {
    for (;;) {
      if (this.isDone) return { done: true, value: undefined };
      const event = this.replaying ? await this.nextOfRecord() : this.pending.shift();
      if (event && (this.sent === null || event.sequence > this.sent)) {
        this.sent = event.sequence;
        if (isFinal(rolloutTransitions, event.status)) await this.return();
        return { done: false, value: event };
      }
      if (event || this.replaying || this.pending.length > 0) continue;
      this.waiting = Promise.withResolvers<void>();
      await this.waiting.promise;
    }
  }

  async return(): Promise<IteratorResult<RolloutEvent>> {
    if (!this.isDone) {
      this.isDone = true;
      this.pending = [];
      this.replayed = [];
      this.leave();
      this.wake();
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Page by page from the record; what came meanwhile waits in `pending` and goes on from there. */
  private async nextOfRecord(): Promise<RolloutEvent | undefined> {
    if (this.replayed.length === 0) {
      try {
        this.replayed = await this.readAfter(this.sent ?? 0);
      } catch (error) {
        await this.return(); // nobody calls it for an iterator that has thrown
        throw error;
      }
    }
    if (this.replayed.length === 0) this.replaying = false;
    return this.replayed.shift();
  }

  private wake(): void {
    this.waiting?.resolve();
    this.waiting = null;
  }
}
