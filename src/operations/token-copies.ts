import { RedeployError } from '../domain/errors.ts';
import type { Grant } from '../domain/grant.ts';
import type { Dependencies } from './dependencies.ts';
import { findLiveGrant, tokenCopy } from './issue-tokens.ts';
import { reading } from './transaction.ts';

/**
 * After grants have ended: Redis keeps a copy only where another grant of the same pair is still live. Redis away is
 * no harm: a copy without a live grant opens nothing and is deleted when somebody meets it.
 */
export async function refreshCopies(deps: Dependencies, grants: readonly Grant[]): Promise<void> {
  for (const { username, applicationName } of grants) {
    try {
      const other = await reading(deps, (em) => findLiveGrant(em, { username, applicationName }));
      if (other) await deps.tokens.put(tokenCopy(other));
      else await deps.tokens.remove(username, applicationName);
    } catch (error) {
      if (!(error instanceof RedeployError)) throw error;
      deps.log.warn(
        { user: username, application: applicationName, reason: error.message },
        'token copy not removed yet',
      );
    }
  }
}
