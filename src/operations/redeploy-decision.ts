import type { Actor } from '../domain/person.ts';
import { isDeployer, requireMayRedeploy, requirePermission } from '../domain/permissions.ts';
import { findRegistered } from './application-reads.ts';
import type { Dependencies } from './dependencies.ts';
import type { RedeployRequest } from './inputs.ts';
import type { LiveGrant } from './live-grants.ts';
import { requireFrequencyAllows } from './redeploy-frequency.ts';
import { askCluster, findTarget, type FoundTarget, requireNoUnfinished } from './redeploy-targets.ts';
import { findWarnings } from './redeploy-warnings.ts';
import { requireToken } from './token-spending.ts';
import { reading } from './transaction.ts';

/**
 * What a redeploy would do, or the first of the refusals that stand in its way, in the order that the contract
 * gives: role, token, application, frequency, target. Changes nothing.
 */
export async function decideRedeploy(
  deps: Dependencies,
  actor: Actor,
  request: RedeployRequest,
): Promise<{ grant: LiveGrant; found: FoundTarget }> {
  requirePermission(isDeployer(actor), 'only an APPLICATION_DEPLOYER redeploys', 'Ask for that role.');
  const { applicationName: name } = request;
  const grant = await requireToken(deps, actor, name);
  const registered = await reading(deps, async (em) => {
    const registered = requireMayRedeploy(actor, name, await findRegistered(em, deps.limits, actor, request));
    requireFrequencyAllows(deps.limits, actor, request, registered, registered.now);
    return registered;
  });
  const found = await findTarget(deps, request, grant, registered);
  await requireNoUnfinished(deps, found.target, request.rollbackTo ? grant : null);
  const warnings = await askCluster(deps, found.target, (cluster) =>
    findWarnings(cluster, found, grant, deps.limits, registered.now),
  );
  return { grant, found: { ...found, warnings } };
}
