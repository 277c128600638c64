import { type Cluster, ClusterRefused, type DeploymentSnapshot, PatchConflict } from '../domain/cluster.ts';
import { Grant } from '../domain/grant.ts';
import { type Operation, toWholeSeconds } from '../domain/operation.ts';
import { restartPatch, withdrawalPatch } from '../domain/rollout-patches.ts';
import type { Dependencies } from './dependencies.ts';
import { type Lease, recordLanding, recordRefusal, renewPrecondition } from './rollout-writes.ts';
import { databaseNow, reading } from './transaction.ts';

/**
 * Brings the operation's patch into the cluster exactly once, or ends the operation. Every sender, also one that
 * slept, died or was taken over, sends what is stored with the resourceVersion that is stored: at most one of them
 * changes the object, the others get a conflict and find it landed. Throws ClusterAway, to be tried again.
 */
export async function sendPatch(
  deps: Dependencies,
  cluster: Cluster,
  operation: Operation,
  lease: Lease,
): Promise<Operation> {
  const { namespace, deploymentName } = operation;
  const withdrawal = await reasonToWithdraw(deps, operation);
  const patch = withdrawal
    ? withdrawalPatch({ uid: operation.deploymentUid, resourceVersion: operation.resourceVersion }, operation.id)
    : restartPatch(
        { uid: operation.deploymentUid, resourceVersion: operation.resourceVersion },
        operation.id,
        toWholeSeconds(operation.operationStartTime),
      );
  try {
    const patched = await cluster.patchDeployment(namespace, deploymentName, patch);
    return withdrawal ? recordRefusal(deps, lease, withdrawal) : recordLanding(deps, lease, patched);
  } catch (error) {
    if (error instanceof PatchConflict) return afterRefusal(deps, cluster, operation, lease, null);
    if (!(error instanceof ClusterRefused)) throw error;
    return afterRefusal(deps, cluster, operation, lease, withdrawal ?? error.message);
  }
}

/**
 * This patch changed nothing: somebody else changed the object, or Kubernetes does not want it (then `refused` says
 * why). But one that was sent before may have landed, and only its answer was lost: that must be looked for first.
 */
async function afterRefusal(
  deps: Dependencies,
  cluster: Cluster,
  operation: Operation,
  lease: Lease,
  refused: string | null,
): Promise<Operation> {
  const { namespace, deploymentName } = operation;
  const deployment = await cluster.readDeployment(namespace, deploymentName);
  if (!deployment || deployment.uid !== operation.deploymentUid) {
    return recordRefusal(deps, lease, 'object has been deleted');
  }
  if (await hasLanded(cluster, operation, deployment)) return recordLanding(deps, lease, deployment);
  if (refused !== null) return recordRefusal(deps, lease, refused);
  if (deployment.paused) return recordRefusal(deps, lease, pausedMessage);
  return sendPatch(deps, cluster, await renewPrecondition(deps, lease, deployment), lease);
}

export const pausedMessage = "can't restart paused deployment (run rollout resume first)";

/**
 * Somebody's `rollout undo` takes our annotation out of Deployment and template; the ReplicaSet keeps it.
 */
async function hasLanded(cluster: Cluster, operation: Operation, deployment: DeploymentSnapshot): Promise<boolean> {
  if (deployment.operationId === operation.id || deployment.templateOperationId === operation.id) return true;
  const replicaSets = await cluster.readReplicaSets(operation.namespace, deployment.uid);
  return replicaSets.some((set) => set.operationId === operation.id || set.templateOperationId === operation.id);
}

/** A patch that comes too late, or whose grant is gone, must not surprise anyone: why, or null where it may be sent. */
async function reasonToWithdraw(deps: Dependencies, operation: Operation): Promise<string | null> {
  return reading(deps, async (em) => {
    const grant = await em.findOneOrFail(Grant, operation.grant.id);
    const age = ((await databaseNow(em)).getTime() - operation.operationStartTime.getTime()) / 1000;
    if (grant.revokedAt) return `not sent: the token ${grant.whyNotLive(grant.revokedAt)}`;
    const { patchWithinSeconds } = deps.limits;
    return age > patchWithinSeconds ? `not sent within ${patchWithinSeconds} seconds` : null;
  });
}
