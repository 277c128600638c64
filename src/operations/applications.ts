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
import { clusterFault, readApplicationInput, readUnregisterInput } from './inputs.ts';
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
  const registration = await identified(deps, readApplicationInput(input));
  const [application] = await storeApplications(deps, actor, [registration]);
  return application!;
}

/**
 * Registers what a file names, as the service's own act: all of it or nothing. What stands there already is left
 * alone. CONFLICT and UNAVAILABLE as for one application.
 */
export async function registerApplications(deps: Dependencies, applications: readonly Registration[]): Promise<void> {
  const registrations: Identified[] = [];
  for (const application of applications) registrations.push(await identified(deps, application));
  await storeApplications(deps, null, registrations, true);
}

export type Registration = ReturnType<typeof readApplicationInput>;
type Identified = Omit<Registration, 'targets'> & { targets: Target[] };

async function storeApplications(
  deps: Dependencies,
  by: Actor | null,
  registrations: readonly Identified[],
  onlyIfChanged = false,
): Promise<Application[]> {
  let name = registrations.map((registration) => registration.name).join(', ');
  try {
    return await inTransaction(deps, async (em, now) => {
      const changed: { application: Application; targets: Target[]; isNew: boolean }[] = [];
      for (const { targets, ...registration } of registrations) {
        const before = await em.findOne(Application, { name: registration.name }, { populate: ['targets'] });
        const { businessTags, owners } = registration;
        if (before && onlyIfChanged && isDeepStrictEqual(registrationOf(before), { businessTags, owners, targets }))
          continue;
        const application = before ?? em.create(Application, { ...registration, createdAt: now, updatedAt: now });
        em.assign(application, { businessTags, owners, updatedAt: now });
        application.targets.removeAll();
        changed.push({ application, targets, isNew: before === null });
      }
      await em.flush(); // the old targets go before the new ones come: one may stay, or go to another application
      for (const { application, targets, isNew } of changed) {
        ({ name } = application);
        const { businessTags, owners } = application;
        em.assign(application, { targets: targets.map((target, position) => ({ ...target, position })) });
        recordFacts(em, null, by, now, { applicationName: name }, [
          { kind: 'APPLICATION_REGISTER', businessTags, owners, targets, isNew },
        ]);
        await em.flush();
      }
      return changed.map(({ application }) => application);
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
async function identified(deps: Dependencies, { targets, ...registration }: Registration): Promise<Identified> {
  const withIdentity: Target[] = [];
  for (const { namespace, deploymentName, ...target } of targets) {
    const { names } = deps.clusters;
    const fault = clusterFault(target.cluster, names);
    if (fault !== null) throw new RedeployError('INVALID_INPUT', fault, { fields: ['input.targets.cluster'] });
    const cluster = target.cluster ?? names[0]!;
    withIdentity.push({ cluster, clusterUid: await identityOf(deps, cluster), namespace, deploymentName });
  }
  return { ...registration, targets: withIdentity };
}

async function identityOf(deps: Dependencies, cluster: string): Promise<string> {
  try {
    return await deps.clusters.get(cluster)!.identity();
  } catch (error) {
    if (error instanceof ClusterAway || error instanceof ClusterRefused) {
      throw new RedeployError('UNAVAILABLE', `cluster ${cluster} cannot be identified: ${error.message}`, {}, error);
    }
    throw error;
  }
}
