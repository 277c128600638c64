import type { Asked } from './asking.ts';
import { ProcessApart } from './process-apart.ts';

/** How long each answer took, in milliseconds. */
export type Answered = { latencies: number[] };
/** How many rollouts were under way at most. */
export type RolledOut = { most: number };

export type AskerOrder = { redeploy: Asked; redisUrl: string | null } | { untilRolledOut: true };

/** Somebody who redeploys over HTTP, in a process of its own. */
export class Asker extends ProcessApart<AskerOrder> {
  constructor() {
    super('asker-process.ts');
  }

  /** Until each is answered; without Redis, for servers that tell nobody of rollouts, their end cannot be waited for. */
  redeploy(asked: Asked, redisUrl: string | null): Promise<Answered> {
    return this.tell({ redeploy: asked, redisUrl }) as Promise<Answered>;
  }

  /** Until every rollout of those redeploys is COMPLETED. */
  untilRolledOut(): Promise<RolledOut> {
    return this.tell({ untilRolledOut: true }) as Promise<RolledOut>;
  }
}
