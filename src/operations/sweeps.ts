import type { Dependencies } from './dependencies.ts';
import { databaseNow, reading } from './transaction.ts';

/**
 * Works on one after the other. What fails is logged and keeps none of the others waiting; the next sweep finds it
 * again. Throws where it is the database that is away, and not this one thing that cannot be done.
 */
export async function sweepEach<Due extends { id: number }>(
  deps: Dependencies,
  due: readonly Due[],
  work: (one: Due) => Promise<void>,
): Promise<void> {
  for (const one of due) {
    try {
      await work(one);
    } catch (error) {
      deps.log.error({ due: one, err: error }, 'left to the next sweep');
      await reading(deps, databaseNow);
    }
  }
}
