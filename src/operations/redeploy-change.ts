import { canonicalHash } from '../domain/canonical-hash.ts';
import type { DeploymentReading, PodTemplate, ReplicaSetReading } from '../domain/cluster.ts';
import { RedeployError } from '../domain/errors.ts';
import { type ContainerImage, describeImages, repositoryOf } from '../domain/images.ts';
import type { RedeployType } from '../domain/operation.ts';
import { isSameTemplate, withoutHash } from '../domain/rollout-patches.ts';
import type { RedeployRequest } from './inputs.ts';

/** What an operation changes, decided from what was read and stored before it is sent. */
export type RedeployChange = {
  type: RedeployType;
  images: ContainerImage[] | null;
  rollbackTo: number | null;
  podTemplate: PodTemplate | null;
  templateHash: string | null;
  /** There is nothing to change; why. */
  skipped: string | null;
};

const nothing = { images: null, rollbackTo: null, podTemplate: null, templateHash: null, skipped: null };

export const restart: RedeployChange = { ...nothing, type: 'RESTART' };
export const creation: RedeployChange = { ...nothing, type: 'CREATE' };

/** The named containers' images. Throws INVALID_INPUT for an unknown container, FORBIDDEN for another repository. */
export function imageUpdate(
  images: ContainerImage[],
  deployment: DeploymentReading,
  allowedRepositories: readonly string[],
): RedeployChange {
  const problem = imageFault(images, deployment, allowedRepositories);
  if (problem) throw problem;
  return { ...nothing, type: 'IMAGE_UPDATE', images };
}

/** Asked again where somebody changed the Deployment before the patch came through. */
export function imageFault(
  images: readonly ContainerImage[],
  { containers }: Pick<DeploymentReading, 'containers'>,
  allowedRepositories: readonly string[] | null,
): RedeployError | null {
  for (const [index, { container, image }] of images.entries()) {
    const present = containers.find(({ name }) => name === container);
    const fields = [`input.images.${index}.container`];
    const names = containers.map(({ name }) => name).join(', ');
    if (!present) {
      return new RedeployError('INVALID_INPUT', `unable to find container named "${container}"; there are ${names}`, {
        fields,
      });
    }
    const repository = repositoryOf(image);
    const allowed = [repositoryOf(present.image), ...(allowedRepositories ?? [repository])];
    if (!allowed.includes(repository)) {
      return new RedeployError('FORBIDDEN', `container ${container} may only get images of ${allowed.join(', ')}`, {
        advice: 'Change tag or digest only, or have the repository registered with the application.',
      });
    }
  }
  return null;
}

/**
 * The template of the wanted revision, or of the one before the present; the refusals are kubectl rollout undo's, in
 * its order: NOT_FOUND for a revision and for a history that is not there, CONFLICT where the Deployment is paused.
 */
export function rollback(
  revision: number | null,
  deployment: DeploymentReading,
  deploymentName: string,
  replicaSets: readonly ReplicaSetReading[],
): RedeployChange {
  const wanted = findRevision(revision, deployment, replicaSets);
  if (!wanted) {
    const message =
      revision === null
        ? `no rollout history found for deployment "${deploymentName}"`
        : `unable to find specified revision ${revision} in history`;
    throw new RedeployError('NOT_FOUND', message, { advice: 'rolloutHistory lists the revisions that there are.' });
  }
  if (deployment.paused) throw pausedRollback();
  const skipped = isSameTemplate(wanted.template, deployment.template)
    ? `skipped rollback (current template already matches revision ${wanted.revision}): nothing was changed`
    : null;
  return {
    ...nothing,
    type: 'ROLLBACK',
    rollbackTo: wanted.revision,
    podTemplate: withoutHash(wanted.template),
    templateHash: canonicalHash(deployment.template),
    skipped,
  };
}

export const pausedRollback = (): RedeployError =>
  new RedeployError('CONFLICT', 'you cannot rollback a paused deployment; resume it first', {
    advice: 'kubectl rollout resume, then try again.',
  });

function findRevision(
  revision: number | null,
  deployment: DeploymentReading,
  replicaSets: readonly ReplicaSetReading[],
): ReplicaSetReading | undefined {
  if (revision !== null) return replicaSets.find((set) => set.revision === revision);
  // By the template, not by the Deployment's own revision: that one is of the template before, until the controller
  // has seen the change that is to be undone.
  return replicaSets
    .filter((set) => set.revision > 0 && !isSameTemplate(set.template, deployment.template))
    .toSorted((one, other) => other.revision - one.revision)[0];
}

/** For the record: the images of an update, the revision of a rollback. */
export function describeChange({ images, rollbackTo }: Pick<RedeployChange, 'images' | 'rollbackTo'>): string | null {
  if (images) return describeImages(images);
  return rollbackTo === null ? null : `to revision ${rollbackTo}`;
}

/** What was asked for, of a Deployment that is there. */
export function changeOf(
  { images, rollbackTo }: RedeployRequest,
  deployment: DeploymentReading,
  deploymentName: string,
  known: { replicaSets: readonly ReplicaSetReading[]; imageRepositories: readonly string[] },
): RedeployChange {
  if (rollbackTo) return rollback(rollbackTo.revision, deployment, deploymentName, known.replicaSets);
  if (images) return imageUpdate(images, deployment, known.imageRepositories);
  return restart;
}
