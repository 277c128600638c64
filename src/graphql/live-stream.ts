/** Who is handed what is due instead of asking for it. */
export type Receiver<Event> = {
  /** A promise of when it takes the next one, where it does not do so at once. */
  receive(event: Event): Promise<void> | null;
};

/**
 * What one subscriber reads. Not an async generator: one that waits in `yield` is never told that its socket is gone.
 */
export abstract class LiveStream<Event> implements AsyncIterableIterator<Event> {
  protected isDone = false;
  /** Whether the receiver has taken all that was due. */
  protected isReady = false;
  private failure: unknown = null;
  protected receiver: Receiver<Event> | null = null;
  private readonly ended = Promise.withResolvers<void>();
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

  /** Everything is handed to the receiver in the midst of its coming. Resolves at the end, or throws what it ended with. */
  handTo(receiver: Receiver<Event>): Promise<void> {
    this.receiver = receiver;
    this.handDue();
    return this.ended.promise;
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
      await new Promise<void>((resolve) => this.waiting.push(resolve));
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
    if (this.isReady) this.handDue();
    const { waiting } = this;
    this.waiting = [];
    for (const look of waiting) look();
  }

  /** To a receiver that is ready. What it throws ends this stream, and no other that is told of the same. */
  protected hand(event: Event): void {
    try {
      const taken = this.receiver!.receive(event);
      if (!taken) return;
      this.isReady = false;
      void taken.then(() => this.handDue());
    } catch (error) {
      this.isReady = false;
      this.ended.reject(error);
      void this.return();
    }
  }

  private handDue(): void {
    try {
      do {
        this.isReady = false; // what `poll` ends must not come back here
        const event = this.poll();
        if (event === null && this.isDone) return this.ended.resolve();
        this.isReady = true;
        if (event === null) return;
        this.hand(event);
      } while (this.isReady);
    } catch (error) {
      this.ended.reject(error);
    }
  }
}
