import { createHash, randomUUIDv7 } from 'node:crypto';
import { type EntityManager, LockMode } from '@mikro-orm/postgresql';
import canonicalize from 'canonicalize';
import { Application } from '../domain/application.ts';
import { RedeployError } from '../domain/errors.ts';
import { Grant } from '../domain/grant.ts';
import { firstState, imagesOf, Operation } from '../domain/operation.ts';
import type { Actor } from '../domain/person.ts';
import { isDeployer, mayRedeployApplication, requirePermission } from '../domain/permissions.ts';
import type { RolloutEvent } from '../domain/rollout.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies, Desk } from './dependencies.ts';
import { readRedeployInput, type RedeployRequest } from './inputs.ts';
import { requireFrequencyAllows } from './redeploy-frequency.ts';
import { findTarget, type FoundTarget, requireNoUnfinished, unfinishedConflict } from './redeploy-targets.ts';
import { leaseSeconds } from './rollout-leases.ts';
import { storeEvent } from './rollout-writes.ts';
import { lockTicket } from './ticket-locks.ts';
import { reconcileToken } from './tokens.ts';
import { databaseNow, inTransaction, reading, violates } from './transaction.ts';

export type RedeployInput = {
  applicationName: string;
  cluster?: string | null;
  namespace?: string | null;
  deploymentName?: string | null;
  strategy?: string | null;
  reason?: string | null;
  requestId?: string | null;
};

/**
 * One redeployment, in the order that the contract gives: known request, role, token, application, frequency,
 * target; then one transaction stores everything that the patch is computed from, and only after it the patch goes
 * out. Answers when Kubernetes has taken or refused the patch; a refusal is the operation's FAILED, no error.
 */
export async function redeploy(desk: Desk, actor: Actor, input: RedeployInput): Promise<Operation> {
  const request = readRedeployInput(input);
  const requestHash = createHash('sha256').update(canonicalize(request)!).digest('hex');
  const known = await findKnownRequest(desk, actor, request, requestHash);
  if (known) return known;
  try {
    return await redeployAnew(desk, actor, request, requestHash);
  } catch (error) {
    // Of two requests that came together under one requestId the second meets the first one's operation.
    const meanwhile = await findKnownRequest(desk, actor, request, requestHash);
    if (meanwhile) return meanwhile;
    throw error;
  }
}

async function redeployAnew(
  { follow, ...deps }: Desk,
  actor: Actor,
  request: RedeployRequest,
  requestHash: string,
): Promise<Operation> {
  requirePermission(isDeployer(actor), 'only an APPLICATION_DEPLOYER redeploys', 'Ask for that role.');
  const { applicationName: name } = request;
  const grant = await requireToken(deps, actor, name);
  await reading(deps, async (em) => {
    requireOwner(actor, name, await em.findOne(Application, { name }));
    await requireFrequencyAllows(em, deps.limits, name, await databaseNow(em));
  });
  const found = await findTarget(deps, request, grant.entry.targets);
  await requireNoUnfinished(deps, found.target);
  try {
    const { operation, event } = await store(deps, actor, { request, requestHash, grant, found });
    await deps.rolloutEvents.publish(event);
    await follow(operation);
    return await reading(deps, (em) => em.findOneOrFail(Operation, operation.id));
  } catch (error) {
    if (violates(error, 'operation_unfinished_unique')) throw await unfinishedConflict(deps, found.target);
    throw error;
  }
}

/** Registered, and the actor's to redeploy. */
function requireOwner(actor: Actor, name: string, application: Application | null): void {
  requirePermission(
    application !== null && mayRedeployApplication(actor, application.owners),
    `${actor.username} may not redeploy ${name}`,
  );
}

async function findKnownRequest(
  deps: Dependencies,
  { issuer, subject }: Actor,
  { requestId }: RedeployRequest,
  requestHash: string,
): Promise<Operation | null> {
  if (requestId === null) return null;
  const known = await reading(deps, (em) => em.findOne(Operation, { issuer, subject, requestId }));
  if (known && known.requestHash !== requestHash) {
    throw new RedeployError('CONFLICT', `requestId ${requestId} was used for another redeploy, operation ${known.id}`, {
      advice: 'Use a new requestId for a new request.',
    });
  }
  return known;
}

async function requireToken(deps: Dependencies, actor: Actor, applicationName: string): Promise<Grant> {
  const { issuer, subject, username } = actor;
  const { grant } = await reconcileToken(deps, { applicationName, issuer, subject }, username);
  if (!grant) throw await tokenInvalid(deps, actor, applicationName);
  return grant;
}

/** Says which it is: none, expired, revoked or used up. */
async function tokenInvalid(deps: Dependencies, actor: Actor, applicationName: string): Promise<RedeployError> {
  const { issuer, subject, username } = actor;
  const why = await reading(deps, async (em) => {
    const last = await em.findOne(
      Grant,
      { issuer, subject, applicationName },
      { orderBy: { expires: 'desc', id: 'desc' }, populate: ['ticket'] },
    );
    return last ? `the token of ticket ${last.ticketNo} ${last.whyNotLive(await databaseNow(em)) ?? 'ended'}` : null;
  });
  return new RedeployError('TOKEN_INVALID', why ?? `${username} has no token for ${applicationName}`, {
    advice: 'Create a ticket and have it approved.',
  });
}

type Stored = { request: RedeployRequest; requestHash: string; grant: Grant; found: FoundTarget };

async function store(
  deps: Dependencies,
  actor: Actor,
  { request, requestHash, grant, found }: Stored,
): Promise<{ operation: Operation; event: RolloutEvent }> {
  const { target, deployment, progressingBefore, oldPods } = found;
  const { applicationName } = request;
  return inTransaction(deps, async (em, now) => {
    // Asked and counted again under the application's lock, so that the limit is exact however many ask at once.
    const lockMode = LockMode.PESSIMISTIC_WRITE;
    requireOwner(actor, applicationName, await em.findOne(Application, { name: applicationName }, { lockMode }));
    await requireFrequencyAllows(em, deps.limits, applicationName, now);
    const ticket = await lockTicket(em, { id: grant.ticket.id });
    if (ticket.status === 'APPROVED') throw new RedeployError('UNAVAILABLE', 'the token is being issued; try again');
    await spend(deps, em, actor, applicationName, grant);
    ticket.startRedeploying();
    const operation = em.create(Operation, {
      id: randomUUIDv7(),
      type: 'RESTART',
      ticket,
      entry: grant.entry.id,
      grant: grant.id,
      applicationName,
      ...target,
      issuer: actor.issuer,
      subject: actor.subject,
      username: actor.username,
      reason: request.reason,
      requestId: request.requestId,
      requestHash,
      deploymentUid: deployment.uid,
      resourceVersion: deployment.resourceVersion,
      progressingBefore,
      previousImage: imagesOf(deployment),
      previousReplicas: deployment.replicas,
      rolloutStrategy: deployment.strategy,
      operationStartTime: now,
      lastUpdateTime: now,
      rolloutStatus: 'STARTED',
      newPods: [],
      terminatedPods: [],
      failures: [],
      oldPods,
      follower: deps.processId,
      followedUntil: new Date(now.getTime() + leaseSeconds * 1e3),
      fence: 1,
      sequence: 1,
    });
    const { id: operationId, cluster, namespace, deploymentName, previousImage, previousReplicas } = operation;
    const { rolloutStrategy: strategy, type, reason = null } = operation;
    recordFacts(em, ticket, actor, now, { operationId, applicationName, cluster, namespace }, [
      { kind: 'TOKEN_USE', expires: grant.expires.toISOString() },
      { kind: 'REDEPLOY_START', type, reason, deploymentName, strategy, previousImage, previousReplicas },
    ]);
    const event = storeEvent(
      em,
      operation,
      firstState(deployment, oldPods, `redeploy of ${applicationName} started`),
      now,
    );
    return { operation, event };
  });
}

/** Atomically: of two requests for a last use one gets it. */
async function spend(deps: Dependencies, em: EntityManager, actor: Actor, applicationName: string, grant: Grant) {
  const [spent] = await em.execute<{ id: number }[]>(
    `update redeploy_grant set uses = uses + 1 where id = ? and revoked_at is null
       and expires > clock_timestamp() and (max_uses is null or uses < max_uses) returning id`,
    [grant.id],
  );
  if (!spent) throw await tokenInvalid(deps, actor, applicationName);
}
