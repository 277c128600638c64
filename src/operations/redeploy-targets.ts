import { canonicalHash } from '../domain/canonical-hash.ts';
import { type Cluster, ClusterAway, ClusterRefused, type DeploymentReading, type Target } from '../domain/cluster.ts';
import { RedeployError } from '../domain/errors.ts';
import { isUnfinishedInSql, progressingUpdate } from '../domain/operation.ts';
import type { RedeployWarning } from '../domain/redeploy-warnings.ts';
import type { Registered, Unfinished } from './application-reads.ts';
import type { Dependencies } from './dependencies.ts';
import type { RedeployRequest } from './inputs.ts';
import type { LiveGrant } from './live-grants.ts';
import { pausedMessage } from './patch-sending.ts';
import { changeOf, creation, type RedeployChange } from './redeploy-change.ts';
import { execute } from './rows.ts';
import { reading } from './transaction.ts';

/** The target with what the change and its verdict depend on, as read before anything is stored. */
export type FoundTarget = {
  target: Target;
  change: RedeployChange;
  /** What stands there; null where it is to be created. */
  deployment: DeploymentReading | null;
  rolloutStrategy: string;
  progressingBefore: string | null;
  oldPods: string[];
  warnings: RedeployWarning[];
};

/**
 * The one approved target that the request means, read live, and what shall become of it. Throws CONFLICT where it is
 * registered differently by now.
 */
export async function findTarget(
  deps: Dependencies,
  request: RedeployRequest,
  approved: Pick<LiveGrant, 'targets' | 'manifest'>,
  registered: Registered,
): Promise<Omit<FoundTarget, 'warnings'>> {
  const target = chooseTarget(
    request,
    approved.targets,
    (choices) => new RedeployError('FORBIDDEN', `the token does not cover this target; approved are ${choices}`),
  );
  requireTargetAsApproved(target, registered);
  return askCluster(deps, target, async (cluster) => {
    const deployment = await cluster.readDeployment(target.namespace, target.deploymentName);
    if (!deployment) return findMissing(request, target, approved, registered);
    const replicaSets = request.rollbackTo ? await cluster.readReplicaSets(target.namespace, deployment.uid) : [];
    const { imageRepositories } = registered;
    const change = changeOf(request, deployment, target.deploymentName, { replicaSets, imageRepositories });
    if (deployment.paused) {
      throw new RedeployError('CONFLICT', pausedMessage, { advice: `Resume ${targetName(target)} first.` });
    }
    requireStrategy(request, target, deployment.strategy);
    const { pods } = cluster.snapshot(target.namespace, target.deploymentName);
    return {
      target,
      change,
      deployment,
      rolloutStrategy: deployment.strategy,
      progressingBefore: progressingUpdate(deployment),
      oldPods: pods.filter((pod) => !pod.terminating).map((pod) => pod.name),
    };
  });
}

/** Asks a target's cluster. Throws UNAVAILABLE where it does not answer, CONFLICT where it is another one by now. */
export async function askCluster<T>(
  deps: Dependencies,
  target: Target,
  ask: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = deps.clusters.get(target.cluster);
  if (!cluster)
    throw new RedeployError('UNAVAILABLE', `cluster ${target.cluster} is not among this service's contexts`);
  const name = targetName(target);
  try {
    if ((await cluster.identity()) === target.clusterUid) return await ask(cluster);
    throw new RedeployError(
      'CONFLICT',
      `${target.cluster} names another cluster now than when ${name} was registered`,
      {
        advice: 'Register the application again.',
      },
    );
  } catch (error) {
    if (!(error instanceof ClusterAway || error instanceof ClusterRefused)) throw error;
    const advice = error instanceof ClusterAway ? 'Try again.' : "Check the service's permissions in this namespace.";
    throw new RedeployError('UNAVAILABLE', `${name} cannot be read: ${error.message}`, { advice }, error);
  }
}

/** A plain redeploy of what is missing creates it, from the manifest that was approved. */
function findMissing(
  request: RedeployRequest,
  target: Target,
  { manifest }: Pick<LiveGrant, 'manifest'>,
  registered: Pick<Registered, 'manifest'>,
): Omit<FoundTarget, 'warnings'> {
  if (!request.images && !request.rollbackTo) requireManifestAsApproved(manifest, registered.manifest);
  if (manifest === null || request.images || request.rollbackTo) {
    throw notDeployed(
      request.applicationName,
      target,
      manifest ? 'Redeploy without images and rollbackTo creates it.' : undefined,
    );
  }
  const { strategy } = (manifest as { spec?: { strategy?: { type?: string } } }).spec ?? {};
  const rolloutStrategy = strategy?.type ?? 'RollingUpdate';
  requireStrategy(request, target, rolloutStrategy);
  return { target, change: creation, deployment: null, rolloutStrategy, progressingBefore: null, oldPods: [] };
}

export const notDeployed = (
  applicationName: string,
  target: Target,
  advice = 'Check where the application is deployed.',
): RedeployError =>
  new RedeployError('NOT_FOUND', `${applicationName} is not deployed: there is no Deployment ${targetName(target)}`, {
    advice,
  });

/** The approval is for the application's target as it was then: another application may have it now. */
export function requireTargetAsApproved(target: Target, { targets }: Pick<Registered, 'targets'>): void {
  const isStill = targets.some((it) => isSameTarget(it, target));
  if (!isStill) throw registeredDifferently(`${targetName(target)} is no target of the application any more`);
}

/** And for creating what was in the manifest then. */
export function requireManifestAsApproved(
  approved: object | null | undefined,
  registered: object | null | undefined,
): void {
  const [one, other] = [approved, registered].map((manifest) => (manifest ? canonicalHash(manifest) : null));
  if (one !== other) throw registeredDifferently('the manifest was changed');
}

const registeredDifferently = (what: string): RedeployError =>
  new RedeployError('CONFLICT', `registered differently since the approval: ${what}`, {
    advice: 'Create a new ticket.',
  });

type Choice = Pick<RedeployRequest, 'cluster' | 'namespace' | 'deploymentName'>;

/** Throws INVALID_INPUT where several could be meant, and what `none` makes of the choices where there is none such. */
export function chooseTarget(
  { cluster, namespace, deploymentName }: Choice,
  approved: readonly Target[],
  none: (choices: string) => RedeployError,
): Target {
  const meant = approved.filter(
    (target) =>
      (cluster === null || target.cluster === cluster) &&
      (namespace === null || target.namespace === namespace) &&
      (deploymentName === null || target.deploymentName === deploymentName),
  );
  const choices = approved.map(targetName).join(', ');
  if (meant.length === 0) {
    throw none(choices);
  }
  if (meant.length > 1) {
    throw new RedeployError('INVALID_INPUT', `name the target more exactly; there are ${choices}`, {
      fields: ['input.cluster', 'input.namespace', 'input.deploymentName'],
    });
  }
  return meant[0]!;
}

function requireStrategy({ strategy }: RedeployRequest, target: Target, present: string): void {
  if (strategy === null || strategy === present) return;
  throw new RedeployError('CONFLICT', `asked for ${strategy}, but ${targetName(target)} has the strategy ${present}`, {
    advice: 'The strategy is never changed here: leave it out, or ask for the one that it has.',
  });
}

/** `except`: a rollback under the same grant ends what that has set going. */
export function requireNoUnfinished(
  { unfinished }: Pick<Registered, 'unfinished'>,
  target: Target,
  except: LiveGrant | null,
): void {
  const one = unfinished.find((operation) => isSameTarget(operation, target));
  if (one && one.grantId !== except?.id) throw conflictWith(one, target);
}

type OfTarget = Pick<Target, 'clusterUid' | 'namespace' | 'deploymentName'>;

const isSameTarget = (one: OfTarget, other: OfTarget): boolean =>
  one.clusterUid === other.clusterUid &&
  one.namespace === other.namespace &&
  one.deploymentName === other.deploymentName;

/** What the unique index refused: the operation that stands in the way. */
export async function unfinishedConflict(deps: Dependencies, target: Target): Promise<RedeployError> {
  const { clusterUid, namespace, deploymentName } = target;
  const [operation] = await reading(deps, (em) =>
    execute<{ id: string; username: string }>(
      em,
      `select id, username from operation
       where cluster_uid = ? and namespace = ? and deployment_name = ? and ${isUnfinishedInSql}`,
      [clusterUid, namespace, deploymentName],
    ),
  );
  return conflictWith(operation, target);
}

function conflictWith(operation: Pick<Unfinished, 'id' | 'username'> | undefined, target: Target): RedeployError {
  const which = operation ? `operation ${operation.id} of ${operation.username}` : 'another operation';
  return new RedeployError('CONFLICT', `${which} is unfinished on ${targetName(target)}`, {
    advice: 'Wait for its end.',
  });
}

export const targetName = ({ cluster, namespace, deploymentName }: Target): string =>
  `${cluster}/${namespace}/${deploymentName}`;
