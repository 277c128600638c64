import { defineEntity, p } from '@mikro-orm/core';
import type { AuditFact } from './audit-facts.ts';
import type { DeploymentSnapshot, PodTemplate } from './cluster.ts';
import { Grant } from './grant.ts';
import type { ContainerImage } from './images.ts';
import type { RedeployWarning } from './redeploy-warnings.ts';
import type { PodFailure, RolloutState, RolloutStatus } from './rollout.ts';
import { rolloutTransitions, unfinishedStatuses } from './rollout.ts';
import type { Attempt, Verdict } from './rollout-verdict.ts';
import { Ticket, TicketEntry } from './ticket.ts';
import { followTransition, isFinal } from './transitions.ts';

export const redeployTypes = ['RESTART', 'IMAGE_UPDATE', 'ROLLBACK', 'CREATE'] as const;
export type RedeployType = (typeof redeployTypes)[number];

/** As the partial indexes have it. */
export const isUnfinishedInSql = `rollout_status in (${unfinishedStatuses.map((status) => `'${status}'`).join(', ')})`;

const OperationSchema = defineEntity({
  name: 'Operation',
  uniques: [
    // At most one operation is unfinished on a target; also what makes two simultaneous requests one.
    {
      properties: ['clusterUid', 'namespace', 'deploymentName'],
      name: 'operation_unfinished_unique',
      where: isUnfinishedInSql,
    },
    { properties: ['issuer', 'subject', 'requestId'], name: 'operation_request_unique' },
  ],
  indexes: [
    { properties: ['followedUntil'], name: 'operation_unfollowed_index', where: isUnfinishedInSql },
    { properties: ['applicationName', 'operationStartTime'], name: 'operation_application_index' },
    { properties: ['issuer', 'subject', 'operationStartTime'], name: 'operation_user_index' },
    { properties: ['operationEndTime'], name: 'operation_ended_index' },
    { properties: ['operationStartTime'], name: 'operation_unannounced_index', where: 'announced_at is null' },
    {
      properties: ['operationEndTime'],
      name: 'operation_unsuccessful_index',
      where: 'success = false and succeeded_late_at is null',
    },
  ],
  properties: {
    /** Time-ordered (UUID version 7). */
    id: p.uuid().primary(),
    type: p.text().$type<RedeployType>(),
    ticket: () => p.manyToOne(Ticket).index('operation_ticket_index'),
    entry: () => p.manyToOne(TicketEntry),
    grant: () => p.manyToOne(Grant),
    issuer: p.text(),
    subject: p.text(),
    username: p.text(),
    applicationName: p.text(),
    cluster: p.text(),
    clusterUid: p.text(),
    namespace: p.text(),
    deploymentName: p.text(),
    reason: p.text().nullable(),
    /** The client's own key for this request, and what it asked for under it. */
    requestId: p.text().nullable(),
    requestHash: p.text(),

    // What the change is computed from, stored before it is sent.
    /** Both null where the Deployment is to be created; the uid then comes with it. */
    deploymentUid: p.text().nullable(),
    resourceVersion: p.text().nullable(),
    /** IMAGE_UPDATE: what the named containers get. */
    images: p.json<ContainerImage[]>().nullable(),
    /** ROLLBACK: the revision that was asked for, its template, and the hash of the one that it replaces. */
    rollbackTo: p.integer().nullable(),
    podTemplate: p.json<PodTemplate>().nullable(),
    templateHash: p.text().nullable(),
    progressingBefore: p.text().nullable(),
    previousImage: p.text(),
    previousReplicas: p.integer(),
    rolloutStrategy: p.text(),
    operationStartTime: p.datetime(3),
    /** What was risky about it, as it was known before. */
    warnings: p.json<RedeployWarning[]>().defaultRaw(`'[]'`),

    // What became of it.
    rolloutStatus: p.text().$type<RolloutStatus>(),
    sequence: p.integer().default(1),
    lastUpdateTime: p.datetime(3),
    landedAt: p.datetime(3).nullable(),
    generation: p.integer().nullable(),
    revision: p.integer().nullable(),
    newReplicaSet: p.text().nullable(),
    /** When the first new pod was seen, and when Kubernetes called the rollout done. */
    firstPodAt: p.datetime(3).nullable(),
    availableAt: p.datetime(3).nullable(),
    verifyingSince: p.datetime(3).nullable(),
    currentImage: p.text().nullable(),
    currentReplicas: p.integer().nullable(),
    operationEndTime: p.datetime(3).nullable(),
    durationSeconds: p.integer().nullable(),
    success: p.boolean().nullable(),
    errorMessage: p.text().nullable(),
    newPods: p.json<string[]>(),
    terminatedPods: p.json<string[]>(),
    failures: p.json<PodFailure[]>(),
    /** The rollout came up after all, when the verdict had been given. */
    succeededLateAt: p.datetime(3).nullable(),
    /** When Kubernetes' Events about start and verdict stood on the Deployment, or could not be written for good. */
    announcedAt: p.datetime(3).nullable(),
    /** Of the trace in which it was asked for, in W3C's form; null where none was kept. */
    traceparent: p.text().nullable(),
    /** Old pods seen so far, so that a successor knows which of them are gone. */
    oldPods: p.json<string[]>(),

    // The lease: one process follows an operation; each of its writes carries the fence.
    follower: p.text(),
    followedUntil: p.datetime(3),
    fence: p.integer().default(1),
  },
});

/** One redeployment and its record. It alone changes its rollout status. */
export class Operation extends OperationSchema.class {
  isFinished(): boolean {
    return isFinal(rolloutTransitions, this.rolloutStatus);
  }

  /** What the patch is conditional on, and what stood there before it: the object as it was read last. */
  startFrom(deployment: DeploymentSnapshot): void {
    this.resourceVersion = deployment.resourceVersion;
    this.progressingBefore = progressingUpdate(deployment);
    this.previousImage = imagesOf(deployment);
    this.previousReplicas = deployment.replicas;
  }

  /** The patch stands in the cluster: the object or one of its ReplicaSets carries this operation's id. */
  land(deployment: DeploymentSnapshot, at: Date): AuditFact<'DEPLOYMENT_UPDATE' | 'DEPLOYMENT_CREATE'> {
    if (this.landedAt) throw new Error(`operation ${this.id} has landed already`);
    this.landedAt = at;
    this.deploymentUid = deployment.uid;
    // Found by its ReplicaSet only: the template that stands there now is somebody's newer one, of a later generation.
    const { operationId, templateOperationId } = deployment;
    const isReplaced = (this.type === 'ROLLBACK' ? operationId : templateOperationId) !== this.id;
    this.generation = deployment.generation - Number(isReplaced);
    this.currentImage = imagesOf(deployment);
    this.currentReplicas = deployment.replicas;
    const { generation, resourceVersion } = deployment;
    const fact = { deploymentName: this.deploymentName, generation, resourceVersion };
    if (this.type === 'CREATE') return { kind: 'DEPLOYMENT_CREATE', ...fact };
    const restartedAt = this.type === 'ROLLBACK' ? null : toWholeSeconds(this.operationStartTime);
    const images = { imageBefore: this.previousImage, imageAfter: this.currentImage };
    return { kind: 'DEPLOYMENT_UPDATE', ...fact, restartedAt, resourceVersionBefore: this.resourceVersion, ...images };
  }

  /** There is nothing to change: it is COMPLETED, and no pod is touched. */
  skip(state: RolloutState, at: Date): AuditFact[] {
    this.currentImage = this.previousImage;
    this.currentReplicas = this.previousReplicas;
    return this.record(state, at);
  }

  /** What the verdict is about; to be asked only of a landed operation. */
  attempt(failures: readonly PodFailure[] = this.failures): Attempt {
    return {
      operationId: this.id,
      deploymentName: this.deploymentName,
      deploymentUid: this.deploymentUid!,
      generation: this.generation!,
      progressingBefore: this.progressingBefore ?? null,
      status: this.rolloutStatus,
      oldPods: this.oldPods,
      landedAt: this.landedAt!,
      verifyingSince: this.verifyingSince ?? null,
      verifyingReplicas: this.verifyingSince ? (this.currentReplicas ?? null) : null,
      newReplicaSet: this.newReplicaSet ?? null,
      revision: this.newReplicaSet ? (this.revision ?? null) : null,
      isRollback: this.type === 'ROLLBACK',
      failures,
    };
  }

  /** Takes over what the verdict says; answers with the facts for the record. */
  advance(verdict: Verdict, at: Date): AuditFact[] {
    const facts: AuditFact[] = [];
    if (verdict.newReplicaSet && !this.newReplicaSet && verdict.newReplicaSet.revision > 0) {
      this.newReplicaSet = verdict.newReplicaSet.name;
      this.revision = verdict.newReplicaSet.revision;
      facts.push({
        kind: 'REPLICASET_CREATE',
        replicaSet: verdict.newReplicaSet.name,
        revision: verdict.newReplicaSet.revision,
      });
    }
    if (verdict.newPodCount > 0) this.firstPodAt ??= at;
    if (verdict.status === 'VERIFYING' || verdict.status === 'COMPLETED') this.availableAt ??= at;
    this.oldPods = verdict.oldPods;
    // Frozen once Kubernetes has said done: a later scale-up must not reopen the verification.
    if (!this.verifyingSince) this.currentReplicas = verdict.replicas.desired;
    return [...facts, ...this.record(verdict, at)];
  }

  /** The verdict stays; that the rollout came up after all is one more fact. */
  succeedLate(at: Date): AuditFact<'REDEPLOY_LATE_SUCCESS'> {
    this.succeededLateAt = at;
    return { kind: 'REDEPLOY_LATE_SUCCESS', verdict: this.rolloutStatus };
  }

  /** One more event: the next number, and where the status changes the facts of that. */
  record(state: RolloutState, at: Date): AuditFact[] {
    const before = this.rolloutStatus;
    this.sequence += 1;
    this.lastUpdateTime = at;
    this.newPods = state.newPods;
    this.terminatedPods = state.terminatedPods;
    this.failures = state.failures;
    if (state.status === before) return [];
    this.rolloutStatus = followTransition(rolloutTransitions, before, state.status);
    const { status, message } = state;
    if (status === 'VERIFYING') this.verifyingSince = at;
    if (!this.isFinished()) return [{ kind: 'REDEPLOY_PROGRESS', status, message }, rolloutStatusFact(state)];
    return this.end(state, at);
  }

  private end(state: RolloutState, at: Date): AuditFact[] {
    const { status, message, newPods, terminatedPods, newPodCount, terminatedPodCount } = state;
    this.operationEndTime = at;
    const durationSeconds = secondsFromStart(this, at)!;
    this.durationSeconds = durationSeconds;
    this.success = status === 'COMPLETED';
    this.errorMessage = this.success ? null : message;
    const seen: AuditFact[] = this.landedAt
      ? [{ kind: 'POD_CHANGES', newPods, terminatedPods, newPodCount, terminatedPodCount }, rolloutStatusFact(state)]
      : [];
    if (!this.success) return [...seen, { kind: 'REDEPLOY_FAILED', status, errorMessage: message, durationSeconds }];
    const { currentImage, currentReplicas } = this;
    return [
      ...seen,
      {
        kind: 'REDEPLOY_SUCCESS',
        durationSeconds,
        currentImage: currentImage ?? '',
        currentReplicas: currentReplicas ?? 0,
      },
    ];
  }
}
OperationSchema.setClass(Operation);

const OperationEventSchema = defineEntity({
  name: 'OperationEvent',
  properties: {
    operationId: p.uuid().primary(),
    sequence: p.integer().primary(),
    status: p.text().$type<RolloutStatus>(),
    at: p.datetime(3),
    /** The whole state, as subscribers get it. */
    state: p.json<RolloutState>(),
  },
});

/** One numbered state of an operation, as it was published. */
export class OperationEvent extends OperationEventSchema.class {}
OperationEventSchema.setClass(OperationEvent);

/** The containers' images in order, comma-separated. */
export const imagesOf = (deployment: DeploymentSnapshot): string =>
  deployment.containers.map(({ image }) => image).join(',');

/** When the condition Progressing was last updated, as Kubernetes wrote it; null where it has none. */
export const progressingUpdate = ({ conditions }: DeploymentSnapshot): string | null =>
  conditions.find(({ type }) => type === 'Progressing')?.lastUpdateTime ?? null;

/** Seconds from the start of the operation, rounded; null where it has not come to that. */
export const secondsFromStart = (
  { operationStartTime }: Pick<Operation, 'operationStartTime'>,
  at: Date | null | undefined,
): number | null => (at ? Math.round((at.getTime() - operationStartTime.getTime()) / 1000) : null);

/** RFC 3339 in whole seconds, as kubectl writes restartedAt. */
export const toWholeSeconds = (at: Date): string => at.toISOString().replace(/\.\d+Z$/, 'Z');

const rolloutStatusFact = ({ status, message, replicas }: RolloutState): AuditFact => ({
  kind: 'ROLLOUT_STATUS',
  status,
  message,
  ...replicas,
});
