import { isDeepStrictEqual } from 'node:util';
import { LockMode } from '@mikro-orm/postgresql';
import { Application, type BusinessTag } from '../domain/application.ts';
import { ClusterAway, ClusterRefused, type Target } from '../domain/cluster.ts';
import { RedeployError } from '../domain/errors.ts';
import type { Actor } from '../domain/person.ts';
import { mayRegisterApplications, requirePermission } from '../domain/permissions.ts';
import type { ApplicationRow } from './application-reads.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { readApplicationInput, readUnregisterInput } from './inputs.ts';
import { applicationNotFound } from './tickets.ts';
import { inTransaction, violates } from './transaction.ts';

export type RegisterApplicationInput = {
  name: string;
  businessTags?: readonly BusinessTag[] | null;
  owners: { users?: readonly string[] | null; groups?: readonly string[] | null };
  targets: readonly { cluster?: string | null; namespace: string; deploymentName: string }[];
};

/**
 * Registers what can be redeployed, or replaces a registration. Only ADMIN. Tickets that are under way keep the
 * tags and targets that they were created with. CONFLICT where a target belongs to another application.
 */
export async function registerApplication(
  deps: Dependencies,
  actor: Actor,
  input: RegisterApplicationInput,
): Promise<Application> {
  requirePermission(mayRegisterApplications(actor), 'only ADMIN registers applications');
  return storeApplication(deps, actor, readApplicationInput(input));
}

/** Registers what a file names, as the service's own act. What stands there already is left alone. */
export async function registerApplications(deps: Dependencies, applications: readonly Registration[]): Promise<void> {
  for (const application of applications) await storeApplication(deps, null, application, true);
}

export type Registration = ReturnType<typeof readApplicationInput>;

async function storeApplication(
  deps: Dependencies,
  by: Actor | null,
  { name, businessTags, owners, targets: wanted }: Registration,
  onlyIfChanged = false,
): Promise<Application> {
  const targets: Target[] = [];
  for (const target of wanted) targets.push(await withClusterIdentity(deps, target));
  try {
    return await inTransaction(deps, async (em, now) => {
      const before = await em.findOne(Application, { name }, { populate: ['targets'] });
      if (before && onlyIfChanged && isDeepStrictEqual(registrationOf(before), { businessTags, owners, targets }))
        return before;
      const application =
        before ?? em.create(Application, { name, businessTags, owners, createdAt: now, updatedAt: now });
      em.assign(application, { businessTags, owners, updatedAt: now });
      application.targets.removeAll();
      await em.flush(); // the old targets go before the new ones come: the same target may stand in both
      em.assign(application, { targets: targets.map((target, position) => ({ ...target, position })) });
      recordFacts(em, null, by, now, { applicationName: name }, [
        { kind: 'APPLICATION_REGISTER', businessTags, owners, targets, isNew: before === null },
      ]);
      return application;
    });
  } catch (error) {
    if (violates(error, 'application_target_unique')) {
      throw new RedeployError('CONFLICT', `a target of ${name} belongs to another application`, {}, error);
    }
    if (violates(error, 'application_name_unique')) {
      throw new RedeployError('CONFLICT', `${name} is being registered by somebody else at this moment`, {}, error);
    }
    throw error;
  }
}

const registrationOf = ({ businessTags, owners, targets }: Application) => ({
  businessTags,
  owners,
  targets: targets.map((target) => target.toTarget()),
});

/**
 * Takes an application out of the registry. Only ADMIN. Its tickets and operations stay in the record; nobody can
 * redeploy it any more, live tokens notwithstanding. Answers with what was registered.
 */
export async function unregisterApplication(
  deps: Dependencies,
  actor: Actor,
  input: { name: string; reason?: string | null },
): Promise<ApplicationRow> {
  requirePermission(mayRegisterApplications(actor), 'only ADMIN unregisters applications');
  const { name, reason } = readUnregisterInput(input);
  return inTransaction(deps, async (em, now) => {
    const application = await em.findOne(Application, { name }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (!application) throw applicationNotFound(name);
    await em.populate(application, ['targets']);
    await em.execute('delete from application where id = ?', [application.id]);
    recordFacts(em, null, actor, now, { applicationName: name }, [{ kind: 'APPLICATION_UNREGISTER', reason }]);
    const { id, businessTags, owners, createdAt, updatedAt } = application;
    const lastTargets = application.targets.map((target) => target.toTarget());
    return { id, name, businessTags, owners, createdAt, updatedAt, lastTargets };
  });
}

/** A target is stored with the cluster's identity: a context's name can be given to another cluster. */
async function withClusterIdentity(
  deps: Dependencies,
  target: { cluster: string | null; namespace: string; deploymentName: string },
): Promise<Target> {
  const { names } = deps.clusters;
  const cluster = target.cluster ?? (names.length === 1 ? names[0]! : null);
  const found = cluster === null ? undefined : deps.clusters.get(cluster);
  if (cluster === null || !found) {
    const which = cluster === null ? 'a target must name its cluster' : `there is no cluster ${cluster}`;
    throw new RedeployError('INVALID_INPUT', `${which}; the clusters are ${names.join(', ')}`, {
      fields: ['input.targets.cluster'],
    });
  }
  try {
    return {
      cluster,
      clusterUid: await found.identity(),
      namespace: target.namespace,
      deploymentName: target.deploymentName,
    };
  } catch (error) {
    if (error instanceof ClusterAway || error instanceof ClusterRefused) {
      throw new RedeployError('UNAVAILABLE', `cluster ${cluster} cannot be identified: ${error.message}`, {}, error);
    }
    throw error;
  }
}
