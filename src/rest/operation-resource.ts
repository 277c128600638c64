import { adviceOn } from '../domain/failure-advice.ts';
import { secondsFromStart } from '../domain/operation.ts';
import type { OperationRow } from '../operations/reads.ts';

/** An operation over REST: the guide's 19 names, and what tells more. */
export const operationResource = (operation: OperationRow, globalId: string) => ({
  id: operation.id,
  globalId,
  ticketId: operation.ticketId,
  ticketEntryId: operation.entryId,
  username: operation.username,
  applicationName: operation.applicationName,
  cluster: operation.cluster,
  namespace: operation.namespace,
  deploymentName: operation.deploymentName,
  reason: operation.reason,
  type: operation.type,
  images: operation.images,
  rollbackTo: operation.rollbackTo,
  warnings: operation.warnings,
  previousImage: operation.previousImage,
  currentImage: operation.currentImage,
  previousReplicas: operation.previousReplicas,
  currentReplicas: operation.currentReplicas,
  rolloutStrategy: operation.rolloutStrategy,
  revision: operation.revision,
  operationStartTime: operation.operationStartTime,
  operationEndTime: operation.operationEndTime,
  durationSeconds: operation.durationSeconds,
  firstPodSeconds: secondsFromStart(operation, operation.firstPodAt),
  availableSeconds: secondsFromStart(operation, operation.availableAt),
  succeededLateAt: operation.succeededLateAt,
  lastUpdateTime: operation.lastUpdateTime,
  success: operation.success,
  errorMessage: operation.errorMessage,
  rolloutStatus: operation.rolloutStatus,
  newPods: operation.newPods,
  terminatedPods: operation.terminatedPods,
  failures: operation.failures.map((failure) => {
    const { isDoomed, since = null, log = null, ...rest } = failure;
    return { ...rest, doomed: isDoomed, since, log, advice: adviceOn(failure) };
  }),
});
