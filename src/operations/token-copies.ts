import { RedeployError } from '../domain/errors.ts';
import { type Grant, isLiveInSql } from '../domain/grant.ts';
import type { Dependencies } from './dependencies.ts';
import { tokenCopy } from './issue-tokens.ts';
import { findLiveGrants } from './live-grants.ts';
import { isSameCopy, reconcileToken } from './tokens.ts';
import { reading } from './transaction.ts';

/**
 * After grants have ended: Redis keeps a copy only where another grant of the same pair is still live. Redis away is
 * no harm: a copy without a live grant opens nothing and is deleted when somebody meets it.
 */
export async function refreshCopies(
  deps: Dependencies,
  grants: readonly Pick<Grant, 'username' | 'applicationName'>[],
): Promise<void> {
  for (const { username, applicationName } of grants) {
    try {
      const [other] = await reading(deps, (em) => findLiveGrants(em, { username, applicationName }));
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

/**
 * What Redis has lost, as after it was emptied, comes back from the grants though nobody asks for it, and that is
 * recorded. Every replica looks; of those that miss the same copy one records it.
 */
export function lostCopiesSweep(seconds = 10): (deps: Dependencies) => Promise<void> {
  let dueAt = performance.now();
  return async function restoreLostCopies(deps) {
    if (performance.now() < dueAt) return;
    dueAt = performance.now() + seconds * 1_000;
    for (const { username, applicationName, ...wanted } of await issuedCopies(deps)) {
      const copy = await deps.tokens.get(username, applicationName);
      if (!isSameCopy(copy, wanted)) await reconcileToken(deps, { applicationName, username }, username);
    }
  };
}

type Issued = { username: string; applicationName: string; ticketId: number; expires: string };

async function issuedCopies(deps: Dependencies): Promise<Issued[]> {
  const live = await reading(deps, (em) =>
    em.execute<Issued[]>(
      `select distinct on (username, application_name)
         username, application_name as "applicationName", ticket_id as "ticketId", expires
       from redeploy_grant g where ended_at is null and ${isLiveInSql}
         and exists (select from ticket t where t.id = ticket_id and t.status <> 'APPROVED')
       order by username, application_name, expires desc, id desc`,
    ),
  );
  return live.map((one) => ({ ...one, expires: new Date(one.expires).toISOString() }));
}
