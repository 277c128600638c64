import type { Actor } from '../domain/person.ts';
import type { Desk } from '../operations/dependencies.ts';
import type { OperationRow } from '../operations/reads.ts';
import { LiveAccess } from './live-access.ts';
import { LiveRollouts } from './live-rollouts.ts';
import { LiveTickets } from './live-tickets.ts';
import type { RolloutStream } from './rollout-stream.ts';

/** What this replica's subscribers live on. */
export class Live {
  readonly access: LiveAccess;
  readonly rollouts: LiveRollouts;
  readonly tickets: LiveTickets;

  constructor(desk: Desk) {
    this.access = new LiveAccess(desk);
    this.rollouts = new LiveRollouts(desk);
    this.tickets = new LiveTickets(desk, this.access);
  }

  /** The rollout of an operation that the person may read. Throws FORBIDDEN where they may not follow it, and so does the stream once that is so. */
  followRollout(
    actor: Actor,
    { id, applicationName }: Pick<OperationRow, 'id' | 'applicationName'>,
    after: number | null,
  ): Promise<RolloutStream> {
    return this.access.follow(actor, [applicationName], () => this.rollouts.subscribe(id, after));
  }

  /** Looks at the record every few seconds for what Redis lost, until aborted. */
  async run(signal: AbortSignal, everyMs?: number): Promise<void> {
    await Promise.all([this.access, this.rollouts, this.tickets].map((part) => part.run(signal, everyMs)));
  }
}
