import type { Checkpoint, Checkpoints } from '../domain/audit-seal.ts';
import { sealPage } from './audit-seals.ts';
import type { Dependencies } from './dependencies.ts';
import { reading } from './transaction.ts';

const atOnce = 1_000;

/**
 * Keeps every checkpoint outside of the database: what is missing there is appended, whoever sealed it. Where the
 * newest one that is kept is not in the database any more, somebody has rewritten the record or it was restored to an
 * earlier state: that is told, and nothing is appended.
 */
export function checkpointKeeper(checkpoints: Checkpoints): (deps: Dependencies) => Promise<void> {
  let newest: Checkpoint | null | undefined;
  let isTold = false;
  return async function keepCheckpoints(deps) {
    newest ??= await checkpoints.newest();
    const after = newest?.sequence ?? 0;
    const page = await reading(deps, (em) => sealPage(em, after - 1, Number.MAX_SAFE_INTEGER, atOnce));
    if (newest && page[0]?.hash !== newest.hash) {
      if (!isTold)
        deps.log.error({ checkpoint: newest }, 'the audit record is not the one that its checkpoints tell of');
      isTold = true;
      return;
    }
    isTold = false;
    const missing = page.filter(({ sequence }) => sequence > after);
    if (missing.length === 0) return;
    await checkpoints.append(missing);
    newest = missing.at(-1)!;
  };
}
