import { type Cluster, ClusterAway, ClusterRefused, type DeploymentSnapshot, type Target } from '../domain/cluster.ts';
import { RedeployError } from '../domain/errors.ts';
import { Operation, progressingUpdate } from '../domain/operation.ts';
import { unfinishedStatuses } from '../domain/rollout.ts';
import type { Dependencies } from './dependencies.ts';
import type { RedeployRequest } from './inputs.ts';
import { pausedMessage } from './patch-sending.ts';
import { reading } from './transaction.ts';

/** The target with what the patch and its verdict depend on, as read before anything is stored. */
export type FoundTarget = {
  target: Target;
  deployment: DeploymentSnapshot;
  progressingBefore: string | null;
  oldPods: string[];
};

/** The one approved target that the request means, read live. */
export async function findTarget(
  deps: Dependencies,
  request: RedeployRequest,
  approved: readonly Target[],
): Promise<FoundTarget> {
  const target = chooseTarget(request, approved);
  const cluster = deps.clusters.get(target.cluster);
  if (!cluster)
    throw new RedeployError('UNAVAILABLE', `cluster ${target.cluster} is not among this service's contexts`);
  try {
    if ((await cluster.identity()) !== target.clusterUid) {
      throw new RedeployError(
        'CONFLICT',
        `${target.cluster} names another cluster now than when ${name(target)} was registered`,
        {
          advice: 'Register the application again.',
        },
      );
    }
    const deployment = await cluster.readDeployment(target.namespace, target.deploymentName);
    return readTarget(target, requireRestartable(request, target, deployment), cluster);
  } catch (error) {
    if (error instanceof ClusterAway || error instanceof ClusterRefused) {
      throw new RedeployError(
        'UNAVAILABLE',
        `${name(target)} cannot be read: ${error.message}`,
        {
          advice: error instanceof ClusterAway ? 'Try again.' : "Check the service's permissions in this namespace.",
        },
        error,
      );
    }
    throw error;
  }
}

function chooseTarget({ cluster, namespace, deploymentName }: RedeployRequest, approved: readonly Target[]): Target {
  const meant = approved.filter(
    (target) =>
      (cluster === null || target.cluster === cluster) &&
      (namespace === null || target.namespace === namespace) &&
      (deploymentName === null || target.deploymentName === deploymentName),
  );
  const choices = approved.map(name).join(', ');
  if (meant.length === 0) {
    throw new RedeployError('FORBIDDEN', `the token does not cover this target; approved are ${choices}`);
  }
  if (meant.length > 1) {
    throw new RedeployError('INVALID_INPUT', `name the target more exactly; approved are ${choices}`, {
      fields: ['input.cluster', 'input.namespace', 'input.deploymentName'],
    });
  }
  return meant[0]!;
}

function requireRestartable(
  { applicationName, strategy }: RedeployRequest,
  target: Target,
  deployment: DeploymentSnapshot | null,
): DeploymentSnapshot {
  if (!deployment) {
    throw new RedeployError('NOT_FOUND', `${applicationName} is not deployed: there is no Deployment ${name(target)}`, {
      advice: 'Check where the application is deployed.',
    });
  }
  if (deployment.paused) {
    throw new RedeployError('CONFLICT', pausedMessage, { advice: `Resume ${name(target)} first.` });
  }
  if (strategy !== null && strategy !== deployment.strategy) {
    throw new RedeployError(
      'CONFLICT',
      `asked for ${strategy}, but ${name(target)} has the strategy ${deployment.strategy}`,
    );
  }
  return deployment;
}

function readTarget(target: Target, deployment: DeploymentSnapshot, cluster: Cluster): FoundTarget {
  const { pods } = cluster.snapshot(target.namespace, target.deploymentName);
  return {
    target,
    deployment,
    progressingBefore: progressingUpdate(deployment),
    oldPods: pods.filter((pod) => !pod.terminating).map((pod) => pod.name),
  };
}

export async function requireNoUnfinished(deps: Dependencies, target: Target): Promise<void> {
  const unfinished = await findUnfinished(deps, target);
  if (unfinished) throw conflictWith(unfinished, target);
}

/** What the unique index refused: the operation that stands in the way. */
export async function unfinishedConflict(deps: Dependencies, target: Target): Promise<RedeployError> {
  return conflictWith(await findUnfinished(deps, target), target);
}

const findUnfinished = (deps: Dependencies, { clusterUid, namespace, deploymentName }: Target) =>
  reading(deps, (em) =>
    em.findOne(Operation, { clusterUid, namespace, deploymentName, rolloutStatus: { $in: [...unfinishedStatuses] } }),
  );

function conflictWith(operation: Operation | null, target: Target): RedeployError {
  const which = operation ? `operation ${operation.id} of ${operation.username}` : 'another operation';
  return new RedeployError('CONFLICT', `${which} is unfinished on ${name(target)}`, { advice: 'Wait for its end.' });
}

const name = ({ cluster, namespace, deploymentName }: Target): string => `${cluster}/${namespace}/${deploymentName}`;
