import { isDeepStrictEqual } from 'node:util';
import { type EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Application, type BusinessTag } from '../domain/application.ts';
import type { RegistrationFact } from '../domain/audit-facts.ts';
import { canonicalHash } from '../domain/canonical-hash.ts';
import { ClusterAway, ClusterRefused, type Target } from '../domain/cluster.ts';
import { RedeployError } from '../domain/errors.ts';
import type { Actor } from '../domain/person.ts';
import type { ApplicationRow } from './application-reads.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { clusterFault, readApplicationInput, readUnregisterInput } from './inputs.ts';
import { applicationNotFound } from './tickets.ts';
import { databaseNow, inTransaction, violates } from './transaction.ts';

export type RegisterApplicationInput = {
  name: string;
  businessTags?: readonly BusinessTag[] | null;
  owners: { users?: readonly string[] | null; groups?: readonly string[] | null };
  targets: readonly { cluster?: string | null; namespace: string; deploymentName: string }[];
  manifest?: object | null;
  imageRepositories?: readonly string[] | null;
};

/**
 * Registers what can be redeployed, or replaces a registration. Tickets that are under way keep the
 * tags and targets that they were created with. CONFLICT where a target belongs to another application.
 */
export async function registerApplication(
  deps: Dependencies,
  actor: Actor,
  input: RegisterApplicationInput,
): Promise<Application> {
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
  const store = () =>
    inTransaction(deps, async (em) => {
      const now = await databaseNow(em);
      await requireFree(em, registrations);
      const changed: { application: Application; targets: Target[]; registrationBefore: RegistrationFact | null }[] =
        [];
      for (const { targets, ...registration } of registrations) {
        const before = await em.findOne(Application, { name: registration.name }, { populate: ['targets'] });
        const { name: _, ...wanted } = registration;
        if (before && onlyIfChanged && isDeepStrictEqual(registrationOf(before), { ...wanted, targets })) continue;
        const registrationBefore = before && registrationFact(registrationOf(before));
        const application = before ?? em.create(Application, { ...registration, createdAt: now, updatedAt: now });
        // Not em.assign, which would merge a manifest with the one before.
        Object.assign(application, wanted, { updatedAt: now });
        application.targets.removeAll();
        changed.push({ application, targets, registrationBefore });
      }
      await em.flush(); // the old targets go before the new ones come: one may stay, or go to another application
      for (const { application, targets, registrationBefore } of changed) {
        const { name: applicationName } = application;
        const registration = registrationFact({ ...registrationOf(application), targets });
        const isNew = registrationBefore === null;
        em.assign(application, { targets: targets.map((target, position) => ({ ...target, position })) });
        recordFacts(em, null, by, now, { applicationName }, [
          { kind: 'APPLICATION_REGISTER', ...registration, isNew, registrationBefore },
        ]);
      }
      return changed.map(({ application }) => application);
    });
  const stored = await store().catch((error: unknown) => {
    // Somebody else registered the same at this moment: the second look sees it.
    if (isTaken(error)) return store();
    throw error;
  });
  for (const { name } of stored) void deps.registryChanges.publish(name);
  return stored;
}

const isTaken = (error: unknown): boolean =>
  violates(error, 'application_name_unique') || violates(error, 'application_target_unique');

/** Throws CONFLICT naming every target that belongs to another application, whatever name its cluster has there. */
async function requireFree(em: EntityManager, registrations: readonly Identified[]): Promise<void> {
  const taken = await em.execute<(Omit<Target, 'cluster'> & { name: string })[]>(
    `select a.name, t.cluster_uid as "clusterUid", t.namespace, t.deployment_name as "deploymentName"
     from application_target t join application a on a.id = t.application_id
     where (t.cluster_uid, t.namespace, t.deployment_name) in (
         select "clusterUid", namespace, "deploymentName"
         from jsonb_to_recordset(?::jsonb) as it ("clusterUid" text, namespace text, "deploymentName" text))
       and a.name not in (select jsonb_array_elements_text(?::jsonb))`,
    [
      JSON.stringify(registrations.flatMap(({ targets }) => targets)),
      JSON.stringify(registrations.map(({ name }) => name)),
    ],
  );
  const identity = ({ clusterUid, namespace, deploymentName }: Omit<Target, 'cluster'>): string =>
    [clusterUid, namespace, deploymentName].join('/');
  const owners = new Map(taken.map((target) => [identity(target), target.name]));
  const faults: string[] = [];
  for (const { name, targets } of registrations) {
    for (const target of targets) {
      const owner = owners.get(identity(target));
      owners.set(identity(target), owner ?? name);
      const { cluster, namespace, deploymentName } = target;
      if (owner !== undefined) {
        faults.push(`target ${cluster}/${namespace}/${deploymentName} of ${name} belongs to ${owner}`);
      }
    }
  }
  if (faults.length > 0) throw new RedeployError('CONFLICT', faults.join('; '));
}

const registrationOf = ({ businessTags, owners, manifest, imageRepositories, targets }: Application) => ({
  businessTags,
  owners,
  manifest: manifest ?? null,
  imageRepositories,
  targets: targets.map((target) => target.toTarget()),
});

const registrationFact = ({ manifest, ...registration }: ReturnType<typeof registrationOf>): RegistrationFact => ({
  ...registration,
  manifestHash: manifest ? canonicalHash(manifest) : null,
});

/**
 * Takes an application out of the registry. Its tickets and operations stay in the record; nobody can
 * redeploy it any more, live tokens notwithstanding. Answers with what was registered.
 */
export async function unregisterApplication(
  deps: Dependencies,
  actor: Actor,
  input: { name: string; reason?: string | null },
): Promise<ApplicationRow> {
  const { name, reason } = readUnregisterInput(input);
  const stood = await inTransaction(deps, async (em) => {
    const now = await databaseNow(em);
    const application = await em.findOne(Application, { name }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (!application) throw applicationNotFound(name);
    await em.populate(application, ['targets']);
    await em.execute('delete from application where id = ?', [application.id]);
    const registrationBefore = registrationFact(registrationOf(application));
    recordFacts(em, null, actor, now, { applicationName: name }, [
      { kind: 'APPLICATION_UNREGISTER', reason, registrationBefore },
    ]);
    const { id, businessTags, owners, manifest, imageRepositories, createdAt, updatedAt } = application;
    const lastTargets = application.targets.map((target) => target.toTarget());
    return { id, name, businessTags, owners, manifest, imageRepositories, createdAt, updatedAt, lastTargets };
  });
  void deps.registryChanges.publish(name);
  return stood;
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
