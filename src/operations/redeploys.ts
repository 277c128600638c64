import { canonicalHash } from '../domain/canonical-hash.ts';
import { RedeployError } from '../domain/errors.ts';
import type { ContainerImage } from '../domain/images.ts';
import { Operation } from '../domain/operation.ts';
import type { Actor } from '../domain/person.ts';
import type { Dependencies, Desk } from './dependencies.ts';
import { readRedeployInput, type RedeployRequest } from './inputs.ts';
import { decideRedeploy } from './redeploy-decision.ts';
import { storeOperation } from './redeploy-storing.ts';
import { unfinishedConflict } from './redeploy-targets.ts';
import { refreshCopies } from './token-copies.ts';
import { reading, violates } from './transaction.ts';

export type RedeployInput = {
  applicationName: string;
  cluster?: string | null;
  namespace?: string | null;
  deploymentName?: string | null;
  strategy?: string | null;
  reason?: string | null;
  requestId?: string | null;
  images?: readonly ContainerImage[] | null;
  rollbackTo?: { revision?: number | null } | null;
};

/**
 * One redeployment, in the order that the contract gives: known request, role, token, application, frequency,
 * target; then one transaction stores everything that the patch is computed from, and only after it the patch goes
 * out. Answers when Kubernetes has taken or refused the patch; a refusal is the operation's FAILED, no error.
 */
export async function redeploy(desk: Desk, actor: Actor, input: RedeployInput): Promise<Operation> {
  const request = readRedeployInput(input);
  const requestHash = canonicalHash(request);
  const known = await findKnownRequest(desk, actor, request, requestHash);
  if (known) return known;
  try {
    return await redeployAnew(desk, actor, request, requestHash);
  } catch (error) {
    // Of two requests that came together under one requestId the second meets the first one's operation; one whose
    // COMMIT was not answered meets its own.
    const meanwhile = await findKnownRequest(desk, actor, request, requestHash).catch((reason: RedeployError) => {
      throw reason.code === 'UNAVAILABLE' ? error : reason;
    });
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
  const { grant, found } = await decideRedeploy(deps, actor, request);
  try {
    const { operation, events } = await storeOperation(deps, actor, { request, requestHash, grant, found });
    for (const event of events) void deps.rolloutEvents.publish(event);
    const followed = operation.isFinished() ? operation : await follow(operation);
    if (grant.maxUses != null) await refreshCopies(deps, [grant]); // Redis shows no token whose last use is spent
    // It stands and is answered for, whether its present state can be read or not.
    return followed ?? (await reading(deps, (em) => em.findOneOrFail(Operation, operation.id)).catch(() => operation));
  } catch (error) {
    if (violates(error, 'operation_unfinished_unique')) throw await unfinishedConflict(deps, found.target);
    throw error;
  }
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
