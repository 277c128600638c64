import { RedeployError } from '../domain/errors.ts';
import type { ContainerImage } from '../domain/images.ts';
import type { Actor } from '../domain/person.ts';
import { findApplication, targetsOfApplications } from './application-reads.ts';
import type { Dependencies } from './dependencies.ts';
import { readHistoryInput } from './inputs.ts';
import { askCluster, chooseTarget, notDeployed } from './redeploy-targets.ts';

/** A revision that a rollback can go back to, or the present one. */
export type RolloutRevision = {
  revision: number;
  replicaSet: string;
  isCurrent: boolean;
  images: ContainerImage[];
  createdAt: Date;
  changeCause: string | null;
};

export type RolloutHistoryInput = {
  applicationName: string;
  cluster?: string | null;
  namespace?: string | null;
  deploymentName?: string | null;
};

/**
 * What kubectl rollout history lists, newest first. Whoever may read the application. NOT_FOUND where it is not
 * deployed, UNAVAILABLE where its cluster is away.
 */
export async function rolloutHistory(
  deps: Dependencies,
  actor: Actor,
  input: RolloutHistoryInput,
): Promise<RolloutRevision[]> {
  const choice = readHistoryInput(input);
  const application = await findApplication(deps, actor, choice.applicationName);
  const [targets] = await targetsOfApplications(deps, [application.id]);
  const target = chooseTarget(
    choice,
    targets!,
    (choices) => new RedeployError('NOT_FOUND', `no such target of ${application.name}; there are ${choices}`),
  );
  return askCluster(deps, target, async (cluster) => {
    const deployment = await cluster.readDeployment(target.namespace, target.deploymentName);
    if (!deployment) throw notDeployed(choice.applicationName, target);
    const replicaSets = await cluster.readReplicaSets(target.namespace, deployment.uid);
    return replicaSets
      .filter(({ revision }) => revision > 0)
      .toSorted((one, other) => other.revision - one.revision)
      .map(({ revision, name, template, createdAt, changeCause }) => ({
        revision,
        replicaSet: name,
        isCurrent: revision === deployment.revision,
        images: template.spec.containers.map(({ name: container, image = '' }) => ({ container, image })),
        createdAt,
        changeCause,
      }));
  });
}
