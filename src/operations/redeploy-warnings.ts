import { isForCreation, neededAccess } from '../domain/cluster-access.ts';
import { type Cluster, ClusterAway, ClusterRefused } from '../domain/cluster.ts';
import type { Grant } from '../domain/grant.ts';
import {
  deploymentWarnings,
  permissionWarning,
  type RedeployWarning,
  tokenWarning,
} from '../domain/redeploy-warnings.ts';
import type { Limits } from './dependencies.ts';
import type { FoundTarget } from './redeploy-targets.ts';

/** Everything risky about this redeploy, as far as it can be known before. */
export async function findWarnings(
  cluster: Cluster,
  found: Omit<FoundTarget, 'warnings'>,
  { expires }: Pick<Grant, 'expires'>,
  limits: Pick<Limits, 'rolloutTimeoutSeconds' | 'verifyTimeoutSeconds'>,
  now: Date,
): Promise<RedeployWarning[]> {
  const { deployment, target, change } = found;
  return [
    ...(deployment ? deploymentWarnings(deployment) : []),
    ...tokenWarning(expires, now, limits.rolloutTimeoutSeconds + limits.verifyTimeoutSeconds),
    ...(await permissionWarnings(cluster, target.namespace, change.type === 'CREATE')),
  ];
}

async function permissionWarnings(cluster: Cluster, namespace: string, creates: boolean): Promise<RedeployWarning[]> {
  const asked = neededAccess.filter((access) => creates || !isForCreation(access));
  try {
    const allowed = await Promise.all(asked.map((access) => cluster.isAllowed(namespace, access)));
    const missing = asked.filter((_, index) => !allowed[index]).map(({ verb, resource }) => `${verb} ${resource}`);
    return missing.length === 0 ? [] : [permissionWarning(namespace, missing)];
  } catch (error) {
    // It could not be asked, which is no reason against the redeploy: the act itself will tell.
    if (error instanceof ClusterAway || error instanceof ClusterRefused) return [];
    throw error;
  }
}
