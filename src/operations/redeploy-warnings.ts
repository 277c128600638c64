import { type Access, type Cluster, ClusterAway, ClusterRefused } from '../domain/cluster.ts';
import type { Grant } from '../domain/grant.ts';
import {
  deploymentWarnings,
  permissionWarning,
  type RedeployWarning,
  tokenWarning,
} from '../domain/redeploy-warnings.ts';
import type { Limits } from './dependencies.ts';
import type { FoundTarget } from './redeploy-targets.ts';

/** What the service does in a target's namespace, beside the watches. */
const needed: readonly (Access & { does: string; onlyFor?: 'CREATE' })[] = [
  { does: 'patch deployments', verb: 'patch', group: 'apps', resource: 'deployments' },
  { does: 'create deployments', verb: 'create', group: 'apps', resource: 'deployments', onlyFor: 'CREATE' },
  { does: 'list replicasets', verb: 'list', group: 'apps', resource: 'replicasets' },
  { does: 'list pods', verb: 'list', group: '', resource: 'pods' },
  { does: 'list events', verb: 'list', group: '', resource: 'events' },
  { does: 'create events', verb: 'create', group: '', resource: 'events' },
];

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
  const asked = needed.filter(({ onlyFor }) => onlyFor === undefined || creates);
  try {
    const allowed = await Promise.all(asked.map((access) => cluster.isAllowed(namespace, access)));
    const missing = asked.filter((_, index) => !allowed[index]).map(({ does }) => does);
    return missing.length === 0 ? [] : [permissionWarning(namespace, missing)];
  } catch (error) {
    // It could not be asked, which is no reason against the redeploy: the act itself will tell.
    if (error instanceof ClusterAway || error instanceof ClusterRefused) return [];
    throw error;
  }
}
