const windowMs = 1_000;

/** At most two progress events a second: each at once, as long as fewer than two were told within the last one. */
export class ProgressPace {
  private last = -Infinity;
  private lastButOne = -Infinity;

  /** Any event counts. */
  told(at: number): void {
    this.lastButOne = this.last;
    this.last = at;
  }

  /** How many ms are left until the next one is due. */
  pauseAt(now: number): number {
    return this.lastButOne + windowMs - now;
  }
}
