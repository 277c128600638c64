export type WorkQueueOptions = {
  concurrency: number;
  /** Told once per failure; the key comes back after a pause that doubles up to `longestPauseMs`. */
  onFailure: (key: string, error: unknown) => void;
  longestPauseMs?: number;
};

/**
 * Keys to look at, after client-go's workqueue: a key that is added many times is worked on once, a key is never
 * worked on twice at the same moment, and one that changes meanwhile is worked on again.
 */
export class WorkQueue {
  private readonly ready = new Set<string>();
  private readonly busy = new Map<string, Promise<void>>();
  private readonly again = new Set<string>();
  private readonly later = new Map<string, NodeJS.Timeout>();
  private readonly failures = new Map<string, number>();
  private readonly work: (key: string) => Promise<void>;
  private readonly options: WorkQueueOptions;
  private isStopped = false;

  constructor(work: (key: string) => Promise<void>, options: WorkQueueOptions) {
    this.work = work;
    this.options = options;
  }

  add(key: string): void {
    if (this.isStopped) return;
    if (this.busy.has(key)) this.again.add(key);
    else this.ready.add(key);
    this.startWork();
  }

  addAfter(key: string, milliseconds: number): void {
    if (this.isStopped || this.later.has(key)) return;
    const timer = setTimeout(() => {
      this.later.delete(key);
      this.add(key);
    }, milliseconds);
    this.later.set(key, timer);
  }

  /** Forgets the key's failures and its pending looks. */
  forget(key: string): void {
    clearTimeout(this.later.get(key));
    this.later.delete(key);
    this.ready.delete(key);
    this.again.delete(key);
    this.failures.delete(key);
  }

  /** Takes no more keys and waits for the work under way. */
  async stop(): Promise<void> {
    this.isStopped = true;
    for (const timer of this.later.values()) clearTimeout(timer);
    this.later.clear();
    this.ready.clear();
    this.again.clear();
    await Promise.all(this.busy.values());
  }

  private startWork(): void {
    for (const key of this.ready) {
      if (this.busy.size >= this.options.concurrency) return;
      this.ready.delete(key);
      this.busy.set(key, this.workOn(key));
    }
  }

  private async workOn(key: string): Promise<void> {
    try {
      await this.work(key);
      this.failures.delete(key);
    } catch (error) {
      this.options.onFailure(key, error);
      const failures = this.failures.get(key) ?? 0;
      this.failures.set(key, failures + 1);
      this.addAfter(key, Math.min(100 * 2 ** failures, this.options.longestPauseMs ?? 2_000));
    }
    this.busy.delete(key);
    if (this.again.delete(key)) this.add(key);
    else this.startWork();
  }
}
