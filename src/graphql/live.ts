import type { Desk } from '../operations/dependencies.ts';
import { LiveRollouts } from './live-rollouts.ts';
import { LiveTickets } from './live-tickets.ts';

/** What this replica's subscribers live on. */
export class Live {
  readonly rollouts: LiveRollouts;
  readonly tickets: LiveTickets;

  constructor(desk: Desk) {
    this.rollouts = new LiveRollouts(desk);
    this.tickets = new LiveTickets(desk);
  }

  /** Looks at the record every few seconds for what Redis lost, until aborted. */
  async run(signal: AbortSignal, everyMs?: number): Promise<void> {
    await Promise.all([this.rollouts.run(signal, everyMs), this.tickets.run(signal, everyMs)]);
  }
}
