import { Application } from '../domain/application.ts';
import type { Grant } from '../domain/grant.ts';
import type { Actor } from '../domain/person.ts';
import { isDeployer, requireMayRedeploy, requirePermission } from '../domain/permissions.ts';
import type { Dependencies } from './dependencies.ts';
import type { RedeployRequest } from './inputs.ts';
import { requireFrequencyAllows } from './redeploy-frequency.ts';
import { askCluster, findTarget, type FoundTarget, requireNoUnfinished } from './redeploy-targets.ts';
import { findWarnings } from './redeploy-warnings.ts';
import { requireToken } from './token-spending.ts';
import { databaseNow, reading } from './transaction.ts';

/**
 * What a redeploy would do, or the first of the refusals that stand in its way, in the order that the contract
 * gives: role, token, application, frequency, target. Changes nothing.
 */
export async function decideRedeploy(
  deps: Dependencies,
  actor: Actor,
  request: RedeployRequest,
): Promise<{ grant: Grant; found: FoundTarget }> {
  requirePermission(isDeployer(actor), 'only an APPLICATION_DEPLOYER redeploys', 'Ask for that role.');
  const { applicationName: name } = request;
  const grant = await requireToken(deps, actor, name);
  const { registered, now } = await reading(deps, async (em) => {
    const found = await em.findOne(Application, { name }, { populate: ['targets'] });
    const registered = requireMayRedeploy(actor, name, found);
    const now = await databaseNow(em);
    await requireFrequencyAllows(em, deps.limits, actor, request, now);
    return { registered, now };
  });
  const found = await findTarget(deps, request, grant.entry, registered);
  await requireNoUnfinished(deps, found.target, request.rollbackTo ? grant : null);
  const warnings = await askCluster(deps, found.target, (cluster) =>
    findWarnings(cluster, found, grant, deps.limits, now),
  );
  return { grant, found: { ...found, warnings } };
}
