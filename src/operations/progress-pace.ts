const windowMs = 1_000;
/** What Kubernetes' controllers make of one change comes within less, as a rule. */
const gatherMs = 100;

/**
 * At most two progress events a second. The first tells at once that something moves: a pod is ready, say. The second
 * one waits a moment for all that follows from it, so that it need not wait for the next second.
 */
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
    return Math.max(this.last + gatherMs, this.lastButOne + windowMs) - now;
  }
}
