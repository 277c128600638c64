import type { Actor } from '../domain/person.ts';
import { isDeployer, requireMayRedeploy, requirePermission } from '../domain/permissions.ts';
import { registeredApplication } from './application-reads.ts';
import type { Dependencies } from './dependencies.ts';
import type { RedeployRequest } from './inputs.ts';
import { type LiveGrant, liveGrants } from './live-grants.ts';
import { requireFrequencyAllows } from './redeploy-frequency.ts';
import { askCluster, findTarget, type FoundTarget, requireNoUnfinished } from './redeploy-targets.ts';
import { findWarnings } from './redeploy-warnings.ts';
import { askTogether } from './rows.ts';
import { requireToken } from './token-spending.ts';
import { readingRows } from './transaction.ts';

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
  const [live, application] = await readingRows(deps, (em) =>
    askTogether(
      em,
      liveGrants({ ...actor, applicationName: name }),
      registeredApplication(deps.limits, actor, request),
    ),
  );
  const grant = await requireToken(deps, actor, name, live);
  const registered = requireMayRedeploy(actor, name, application);
  requireFrequencyAllows(deps.limits, actor, request, registered, registered.now);
  const found = await findTarget(deps, request, grant, registered);
  requireNoUnfinished(registered, found.target, request.rollbackTo ? grant : null);
  const warnings = await askCluster(deps, found.target, (cluster) =>
    findWarnings(cluster, found, grant, deps.limits, registered.now),
  );
  return { grant, found: { ...found, warnings } };
}
