import type { RedeployError } from '../domain/errors.ts';

/**
 * What one subscriber reads. Not an async generator: one that waits in `yield` is never told that its socket is gone.
 * A subclass hands out what is due in `next`, and sleeps there until it is woken.
 */
export abstract class LiveStream<Event> implements AsyncIterableIterator<Event> {
  protected isDone = false;
  private failure: RedeployError | null = null;
  private waiting: PromiseWithResolvers<void> | null = null;
  private readonly leaves: (() => void)[] = [];

  abstract next(): Promise<IteratorResult<Event>>;

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

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** What `next` answers with once it is done. Throws what the stream ended with, once. */
  protected end(): IteratorResult<Event> {
    const { failure } = this;
    this.failure = null;
    if (failure) throw failure;
    return { done: true, value: undefined };
  }

  protected async sleep(): Promise<void> {
    this.waiting ??= Promise.withResolvers<void>();
    await this.waiting.promise;
  }

  protected wake(): void {
    this.waiting?.resolve();
    this.waiting = null;
  }
}
