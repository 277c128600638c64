/** setTimeout fires at once beyond this. */
const longestTimer = 2 ** 31 - 1;

/** Keys to look at, each once, one after the other and never within the write that put it there. */
export class WorkQueue {
  readonly #work: (key: string) => void;
  readonly #latencyMilliseconds: number;
  readonly #keys = new Set<string>();
  readonly #later = new Map<string, NodeJS.Timeout>();
  #timer: NodeJS.Timeout | undefined;
  #isRunning = true;

  constructor(work: (key: string) => void, latencyMilliseconds: number) {
    this.#work = work;
    this.#latencyMilliseconds = latencyMilliseconds;
  }

  add(key: string): void {
    this.#keys.add(key);
    if (this.#isRunning) this.#timer ??= setTimeout(() => this.#drain(), this.#latencyMilliseconds);
  }

  /** The latest call for a key counts. */
  addAfter(key: string, milliseconds: number): void {
    clearTimeout(this.#later.get(key));
    const timer = setTimeout(
      () => {
        this.#later.delete(key);
        this.add(key);
      },
      Math.min(milliseconds, longestTimer),
    );
    this.#later.set(key, timer);
  }

  #drain(): void {
    this.#timer = undefined;
    const keys = [...this.#keys];
    this.#keys.clear();
    for (const key of keys) this.#work(key);
  }

  pause(): void {
    this.#isRunning = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  resume(): void {
    this.#isRunning = true;
    for (const key of this.#keys) this.add(key);
  }

  stop(): void {
    this.pause();
    this.#keys.clear();
    for (const timer of this.#later.values()) clearTimeout(timer);
    this.#later.clear();
  }
}
