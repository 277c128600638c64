/**
 * What one subscriber reads. Not an async generator: one that waits in `yield` is never told that its socket is gone.
 */
export abstract class LiveStream<Event> implements AsyncIterableIterator<Event> {
  protected isDone = false;
  private failure: unknown = null;
  private waiting: (() => void)[] = [];
  private readonly leaves: (() => void)[] = [];

  /** What is due, or null; at the end it throws once what the stream ended with, where that is a refusal. */
  abstract poll(): Event | null;

  /** Forgets what the client has not taken. */
  protected abstract clear(): void;

  /** Calls back once, when nothing follows any more. */
  onReturn(leave: () => void): void {
    if (this.isDone) leave();
    else this.leaves.push(leave);
  }

  /** Calls back once, as soon as it is worth looking again: at once, in the midst of what brings something. */
  whenDue(look: () => void): void {
    this.waiting.push(look);
  }

  /** Whether nothing follows any more. */
  get hasEnded(): boolean {
    return this.isDone;
  }

  /** Nothing follows but this refusal. */
  fail(why: unknown): void {
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
      const value = this.poll();
      if (value !== null) return { done: false, value };
      if (this.isDone) return { done: true, value: undefined };
      await new Promise<void>((resolve) => this.whenDue(resolve));
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** What `poll` answers with once it is done. */
  protected end(): null {
    const { failure } = this;
    this.failure = null;
    if (failure !== null) throw failure;
    return null;
  }

  protected wake(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const look of waiting) look();
  }
}
