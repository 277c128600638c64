import { canonicalHash } from '../domain/canonical-hash.ts';
import { type Cluster, ClusterRefused, type DeploymentReading, PatchConflict } from '../domain/cluster.ts';
import type { DeploymentSnapshot } from '../domain/cluster.ts';
import { type Grant, whyRevoked } from '../domain/grant.ts';
import { type Operation, toWholeSeconds } from '../domain/operation.ts';
import {
  type Attribution,
  deploymentToCreate,
  rollbackPatch,
  templatePatch,
  withdrawalPatch,
} from '../domain/rollout-patches.ts';
import type { Dependencies } from './dependencies.ts';
import { imageFault, pausedRollback } from './redeploy-change.ts';
import { type Lease, recordLanding, type Recorded, recordRefusal, renewPrecondition } from './rollout-writes.ts';
import { execute } from './rows.ts';
import { readingRows } from './transaction.ts';

/**
 * Brings the operation's change into the cluster exactly once, or ends the operation. Every sender, also one that
 * slept, died or was taken over, sends what is stored with the resourceVersion that is stored: at most one of them
 * changes the object, the others get a conflict and find it landed. Throws ClusterAway, to be tried again.
 */
export async function sendPatch(
  deps: Dependencies,
  cluster: Cluster,
  operation: Operation,
  lease: Lease,
): Promise<Recorded> {
  const { by, manifest, withdrawal } = await readSending(deps, operation);
  const { namespace, deploymentName } = operation;
  try {
    if (withdrawal !== null) {
      // Of a Deployment that is not there yet no change can stop a sender that sleeps.
      if (operation.type !== 'CREATE') {
        const withdrawn = withdrawalPatch(preconditionOf(operation), operation.id);
        await cluster.patchDeployment(namespace, deploymentName, withdrawn);
      }
      return await recordRefusal(deps, lease, withdrawal);
    }
    return await recordLanding(deps, lease, await send(cluster, operation, by, manifest));
  } catch (error) {
    if (error instanceof PatchConflict) return afterRefusal(deps, cluster, operation, lease, null);
    if (!(error instanceof ClusterRefused)) throw error;
    return afterRefusal(deps, cluster, operation, lease, withdrawal ?? error.message);
  }
}

function send(
  cluster: Cluster,
  operation: Operation,
  by: Attribution,
  manifest: object | null,
): Promise<DeploymentSnapshot> {
  const { namespace, deploymentName, type, images, podTemplate } = operation;
  const at = toWholeSeconds(operation.operationStartTime);
  if (type === 'CREATE') {
    const deployment = deploymentToCreate(manifest!, deploymentName, namespace, by, at);
    return cluster.createDeployment(namespace, deployment);
  }
  const precondition = preconditionOf(operation);
  const patch =
    type === 'ROLLBACK'
      ? rollbackPatch(precondition, by, podTemplate!)
      : templatePatch(precondition, by, at, images ?? []);
  return cluster.patchDeployment(namespace, deploymentName, patch);
}

/** Of everything but a creation. */
const preconditionOf = ({ deploymentUid, resourceVersion }: Operation) => ({
  uid: deploymentUid!,
  resourceVersion: resourceVersion!,
});

/**
 * This change was not made: somebody else changed the object, or Kubernetes does not want it (then `refused` says
 * why). But one that was sent before may have landed, and only its answer was lost: that must be looked for first.
 */
async function afterRefusal(
  deps: Dependencies,
  cluster: Cluster,
  operation: Operation,
  lease: Lease,
  refused: string | null,
): Promise<Recorded> {
  const { namespace, deploymentName } = operation;
  const deployment = await cluster.readDeployment(namespace, deploymentName);
  const isOurs = operation.deploymentUid == null || deployment?.uid === operation.deploymentUid;
  if (deployment && isOurs && (await hasLanded(cluster, operation, deployment))) {
    return recordLanding(deps, lease, deployment);
  }
  if (operation.type === 'CREATE') return recordRefusal(deps, lease, refused ?? 'the Deployment could not be created');
  if (!deployment || !isOurs) return recordRefusal(deps, lease, 'object has been deleted');
  const why = refused ?? reasonNotToSendAgain(operation, deployment);
  if (why !== null) return recordRefusal(deps, lease, why);
  const renewed = await renewPrecondition(deps, lease, deployment);
  return sendPatch(deps, cluster, renewed.operation, lease);
}

/** Somebody changed the Deployment before our patch came through: nothing of theirs may be lost by sending it again. */
function reasonNotToSendAgain(operation: Operation, deployment: DeploymentReading): string | null {
  const { type, images } = operation;
  if (type === 'ROLLBACK') {
    if (deployment.paused) return pausedRollback().message;
    const isSame = canonicalHash(deployment.template) === operation.templateHash;
    return isSame ? null : 'somebody changed the pod template meanwhile: nothing was rolled back';
  }
  if (deployment.paused) return pausedMessage;
  return images ? (imageFault(images, deployment, null)?.message ?? null) : null;
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

type Sending = {
  by: Attribution;
  /** What was approved for creation. */
  manifest: object | null;
  /** A change that comes too late, or whose grant is gone, must not surprise anyone: why; null where it may be sent. */
  withdrawal: string | null;
};

type SendingRow = Pick<Grant, 'revokedAt' | 'revokedReason'> & {
  ticketNo: string;
  ticketReason: string;
  manifest: object | null;
  age: number;
};

async function readSending(deps: Dependencies, operation: Operation): Promise<Sending> {
  const { id: operationId, username, reason, operationStartTime } = operation;
  const [row] = await readingRows(deps, (em) =>
    execute<SendingRow>(
      em,
      `select g.revoked_at as "revokedAt", g.revoked_reason as "revokedReason", t.ticket_no as "ticketNo",
         t.reason as "ticketReason", e.manifest,
         extract(epoch from clock_timestamp() - ?::timestamptz)::float8 as age
       from redeploy_grant g join ticket t on t.id = g.ticket_id join ticket_entry e on e.id = g.entry_id where g.id = ?`,
      [operationStartTime.toISOString(), operation.grant.id],
    ),
  );
  const { ticketNo, ticketReason, manifest, age, revokedAt, revokedReason } = row!;
  const { patchWithinSeconds } = deps.limits;
  const late = age > patchWithinSeconds ? `not sent within ${patchWithinSeconds} seconds` : null;
  const revoked = revokedAt ? `not sent: the token ${whyRevoked(revokedReason)}` : null;
  const by = { operationId, ticketNo, username, reason: reason ?? ticketReason };
  return { by, manifest, withdrawal: revoked ?? late };
}
