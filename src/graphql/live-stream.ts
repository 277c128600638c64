import type { RedeployError } from '../domain/errors.ts';

/**
 * What one subscriber reads. Not an async generator: one that waits in `yield` is never told that its socket is gone.
 */
export abstract class LiveStream<Event> implements AsyncIterableIterator<Event> {
  protected isDone = false;
  private failure: RedeployError | null = null;
  private waiting: PromiseWithResolvers<void> | null = null;
  private readonly leaves: (() => void)[] = [];

  /** What is due, else a promise of when to look again, and null at the end. Throws what the stream ended with, once. */
  abstract poll(): Event | Promise<void> | null;

  /** Forgets what the client has not taken. */
  protected abstract clear(): void;

  /** Calls back once, when nothing follows any more. */
  onReturn(leave: () => void): void {
    if (this.isDone) leave();
    else this.leaves.push(leave);
  }

  /** Nothing follows but this refusal. */
  fail(why: RedeployError): void {
    if (this.isDone) return;
    this.failure = why;
    void this.return();
  }

  async return(): Promise<IteratorResult<Event>> {
    if (!this.isDone) {
      this.isDone = true;
      this.clear();
      for (const leave of this.leaves) leave();
      this.wake();
    }
    return { done: true, value: undefined };
  }

  async next(): Promise<IteratorResult<Event>> {
    for (;;) {
      const due = this.poll();
      if (due === null) return { done: true, value: undefined };
      if (!(due instanceof Promise)) return { done: false, value: due };
      await due;
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** What `poll` answers with once it is done. */
  protected end(): null {
    const { failure } = this;
    this.failure = null;
    if (failure) throw failure;
    return null;
  }

  protected sleep(): Promise<void> {
    this.waiting ??= Promise.withResolvers<void>();
    return this.waiting.promise;
  }

  protected wake(): void {
    this.waiting?.resolve();
    this.waiting = null;
  }
}
