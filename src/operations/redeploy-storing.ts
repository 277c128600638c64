import { randomUUIDv7 } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { RedeployError } from '../domain/errors.ts';
import { Grant, isLiveInSql } from '../domain/grant.ts';
import { imagesOf, isUnfinishedInSql, Operation } from '../domain/operation.ts';
import type { Actor } from '../domain/person.ts';
import { requireMayRedeploy } from '../domain/permissions.ts';
import { firstState, type RolloutEvent, type RolloutState } from '../domain/rollout.ts';
import { Ticket, type TicketEntry } from '../domain/ticket.ts';
import { registeredApplication } from './application-reads.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import type { RedeployRequest } from './inputs.ts';
import type { LiveGrant } from './live-grants.ts';
import { describeChange } from './redeploy-change.ts';
import { requireFrequencyAllows } from './redeploy-frequency.ts';
import { type FoundTarget, requireManifestAsApproved, requireTargetAsApproved } from './redeploy-targets.ts';
import { leaseSeconds } from './rollout-leases.ts';
import { lastState, storeEvent } from './rollout-writes.ts';
import { askTogether } from './rows.ts';
import { addRow, lockRow, rowLock, storeRows } from './stored-rows.ts';
import { applicationLock, personLock } from './ticket-locks.ts';
import { settleTicket } from './ticket-settlement.ts';
import { tokenInvalid } from './token-spending.ts';
import { inTransaction } from './transaction.ts';

type Decided = { request: RedeployRequest; requestHash: string; grant: LiveGrant; found: FoundTarget };

/**
 * One transaction stores the operation with everything that its change is computed from, spends the token and writes
 * the record; nothing has been sent to Kubernetes yet. Answers with the events to be published after it.
 */
export async function storeOperation(
  deps: Dependencies,
  actor: Actor,
  { request, requestHash, grant, found }: Decided,
): Promise<{ operation: Operation; events: RolloutEvent[] }> {
  const { applicationName: name } = request;
  return inTransaction(deps, async (em) => {
    // Asked and counted again under these locks, so that the limits are exact however many ask at once.
    const [, , registered, ofTicket, ofToken] = await askTogether(
      em,
      personLock(actor),
      applicationLock(name),
      registeredApplication(deps.limits, actor, request),
      rowLock(em, Ticket, 'id = ?', [grant.ticketId]),
      rowLock(em, Grant, `id = ? and ${isLiveInSql}`, [grant.id]),
    );
    const application = requireMayRedeploy(actor, name, registered);
    requireTargetAsApproved(found.target, application);
    if (!found.deployment) requireManifestAsApproved(grant.manifest, application.manifest);
    requireFrequencyAllows(deps.limits, actor, request, application, application.now);
    if (!ofTicket || !ofToken) throw await tokenInvalid(em, actor, name);
    const { entity: ticket } = ofTicket;
    const { entity: token, now } = ofToken;
    if (ticket.status === 'APPROVED') throw new RedeployError('UNAVAILABLE', 'the token is being issued; try again');
    // What does nothing keeps its use.
    if (found.change.skipped === null) token.spend();
    ticket.startRedeploying();
    const id = randomUUIDv7();
    const superseded = request.rollbackTo ? await supersede(em, ticket, grant, found, id, now) : [];
    const { operation, event } = create(em, deps, actor, { request, requestHash, grant, found }, { id, ticket, now });
    const { skipped } = found.change;
    if (skipped === null) return { operation, events: [...superseded, event] };
    const end = await skip(em, ticket, operation, { ...event, status: 'COMPLETED', message: skipped }, now);
    return { operation, events: [...superseded, event, end] };
  });
}

type New = { id: string; ticket: Ticket; now: Date };

function create(
  em: EntityManager,
  deps: Dependencies,
  actor: Actor,
  { request, requestHash, grant, found }: Decided,
  { id, ticket, now }: New,
): { operation: Operation; event: RolloutEvent } {
  const { target, deployment, change, progressingBefore, oldPods, rolloutStrategy, warnings } = found;
  const { skipped: _, ...changed } = change;
  const operation = addRow(em, Operation, {
    ...target,
    ...changed,
    id,
    ticket,
    entry: { id: grant.entryId } as TicketEntry,
    grant: { id: grant.id } as Grant,
    applicationName: request.applicationName,
    issuer: actor.issuer,
    subject: actor.subject,
    username: actor.username,
    reason: request.reason,
    requestId: request.requestId,
    requestHash,
    deploymentUid: deployment?.uid ?? null,
    resourceVersion: deployment?.resourceVersion ?? null,
    progressingBefore,
    previousImage: deployment ? imagesOf(deployment) : '',
    previousReplicas: deployment?.replicas ?? 0,
    rolloutStrategy,
    warnings,
    operationStartTime: now,
    lastUpdateTime: now,
    rolloutStatus: 'STARTED',
    newPods: [],
    terminatedPods: [],
    failures: [],
    oldPods,
    traceparent: deps.tracing?.traceparent ?? null,
    follower: deps.processId,
    followedUntil: new Date(now.getTime() + leaseSeconds * 1e3),
    fence: 1,
    sequence: 1,
  });
  const { type, reason = null, deploymentName, previousImage, previousReplicas } = operation;
  const start = { type, change: describeChange(change), reason, deploymentName, strategy: rolloutStrategy };
  recordFacts(em, ticket, actor, now, about(operation), [
    { kind: 'TOKEN_USE', expires: grant.expires.toISOString() },
    { kind: 'REDEPLOY_START', ...start, previousImage, previousReplicas },
  ]);
  const state = firstState(deployment, oldPods, `redeploy of ${request.applicationName} started`);
  return { operation, event: storeEvent(em, operation, state, now) };
}

/** A rollback ends what its own token has set going on this target, and takes it from its follower. */
async function supersede(
  em: EntityManager,
  ticket: Ticket,
  grant: LiveGrant,
  { target: { clusterUid, namespace, deploymentName } }: FoundTarget,
  by: string,
  now: Date,
): Promise<RolloutEvent[]> {
  const found = await lockRow(
    em,
    Operation,
    `grant_id = ? and cluster_uid = ? and namespace = ? and deployment_name = ? and ${isUnfinishedInSql}`,
    [grant.id, clusterUid, namespace, deploymentName],
  );
  if (!found) return [];
  const running = found.entity;
  const message = `superseded by the rollback of operation ${by}`;
  const state = { ...(await lastState(em, running)), status: 'SUPERSEDED', message } as const;
  running.fence += 1;
  recordFacts(em, ticket, running, now, about(running), running.record(state, now));
  const event = storeEvent(em, running, state, now);
  await storeRows(em); // only one may be unfinished on a target
  return [event];
}

/** Nothing is sent: the operation ends with its beginning. */
async function skip(
  em: EntityManager,
  ticket: Ticket,
  operation: Operation,
  state: RolloutState,
  now: Date,
): Promise<RolloutEvent> {
  recordFacts(em, ticket, operation, now, about(operation), operation.skip(state, now));
  const event = storeEvent(em, operation, state, now);
  await settleTicket(em, ticket, now);
  return event;
}

const about = ({ id: operationId, applicationName, cluster, namespace }: Operation) => ({
  operationId,
  applicationName,
  cluster,
  namespace,
});
