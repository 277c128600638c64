import type { Asked } from './asking.ts';
import { ProcessApart } from './process-apart.ts';

/** How many rollouts were under way at most. */
export type RolledOut = { most: number };

export type AskerOrder = { ask: Asked } | { rollOut: Asked; redisUrl: string };

/** Somebody who asks over HTTP, in a process of its own. */
export class Asker extends ProcessApart<AskerOrder> {
  constructor() {
    super('asker-process.ts');
  }

  async ask(asked: Asked): Promise<void> {
    await this.tell({ ask: asked });
  }

  /** Redeploys; until every rollout is COMPLETED. */
  rollOut(asked: Asked, redisUrl: string): Promise<RolledOut> {
    return this.tell({ rollOut: asked, redisUrl }) as Promise<RolledOut>;
  }
}
