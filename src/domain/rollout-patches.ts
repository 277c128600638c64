import { isDeepStrictEqual } from 'node:util';
import { type DeploymentPatch, operationAnnotation, type PodTemplate, restartedAtAnnotation } from './cluster.ts';
import type { ContainerImage } from './images.ts';

/** What each patch is conditional on: the object as it was read. Anything else is answered with a conflict. */
type Precondition = { uid: string; resourceVersion: string };

/** What stands in the Deployment's annotations about the operation: who did it and why. */
export type Attribution = { operationId: string; ticketNo: string; username: string; reason: string };

const prefix = operationAnnotation.replace(/[^/]*$/, '');

const attributed = ({ operationId, ticketNo, username, reason }: Attribution): Record<string, string> => ({
  [operationAnnotation]: operationId,
  [`${prefix}ticket`]: ticketNo,
  [`${prefix}user`]: username,
  [`${prefix}reason`]: reason,
  // What kubectl rollout history shows; the controller copies it to the ReplicaSet.
  'kubernetes.io/change-cause': `emergency redeploy by ${username}, ticket ${ticketNo}: ${reason}`,
});

const mark = (operationId: string, restartedAt: string) => ({
  metadata: { annotations: { [restartedAtAnnotation]: restartedAt, [operationAnnotation]: operationId } },
});

/**
 * kubectl rollout restart's change, plus the operation's id: in the Deployment's annotations, and in the template's
 * so that a second restart within the same second is still a change. With `images` the named containers' images too,
 * and nothing else of the template.
 */
export function templatePatch(
  precondition: Precondition,
  by: Attribution,
  restartedAt: string,
  images: readonly ContainerImage[] = [],
): DeploymentPatch {
  const containers = images.map(({ container: name, image }) => ({ name, image }));
  return {
    type: 'application/strategic-merge-patch+json',
    body: {
      metadata: { ...precondition, annotations: attributed(by) },
      spec: {
        template: { ...mark(by.operationId, restartedAt), ...(containers.length > 0 && { spec: { containers } }) },
      },
    },
  };
}

/**
 * kubectl rollout undo's change: the whole template, which a strategic merge would mix with the one that stands
 * there. The operation's id stays out of it: it would make a new ReplicaSet instead of reviving the old one.
 */
export function rollbackPatch(precondition: Precondition, by: Attribution, template: PodTemplate): DeploymentPatch {
  const annotations = Object.entries(attributed(by)).map(([name, value]) => ({
    op: 'add',
    path: `/metadata/annotations/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    value,
  }));
  return {
    type: 'application/json-patch+json',
    body: [
      { op: 'replace', path: '/metadata/uid', value: precondition.uid },
      { op: 'replace', path: '/metadata/resourceVersion', value: precondition.resourceVersion },
      ...annotations,
      { op: 'replace', path: '/spec/template', value: template },
    ],
  };
}

type Manifest = {
  metadata?: { annotations?: Record<string, string> };
  spec?: { template?: { metadata?: { annotations?: Record<string, string> } } };
};

/** The Deployment of the manifest under this name, marked as ours as a restart would. */
export function deploymentToCreate(
  manifest: object,
  name: string,
  namespace: string,
  by: Attribution,
  restartedAt: string,
): object {
  const { metadata, spec, ...rest } = manifest as Manifest;
  const template = spec?.template;
  const { annotations } = mark(by.operationId, restartedAt).metadata;
  return {
    ...rest,
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...metadata, name, namespace, annotations: { ...metadata?.annotations, ...attributed(by) } },
    spec: {
      ...spec,
      template: {
        ...template,
        metadata: {
          ...template?.metadata,
          annotations: { ...template?.metadata?.annotations, ...annotations },
        },
      },
    },
  };
}

/**
 * Changes the object without touching its template, so that a patch of this operation that is still on its way
 * carries a stale resourceVersion and is refused.
 */
export function withdrawalPatch(precondition: Precondition, operationId: string): DeploymentPatch {
  return {
    type: 'application/strategic-merge-patch+json',
    body: { metadata: { ...precondition, annotations: { [`${prefix}withdrawn`]: operationId } } },
  };
}

/** A revision's template as it is sent back: without the label by which the controller tells ReplicaSets apart. */
export function withoutHash(template: PodTemplate): PodTemplate {
  const { 'pod-template-hash': _, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

export const isSameTemplate = (one: PodTemplate, other: PodTemplate): boolean =>
  isDeepStrictEqual(withoutHash(one), withoutHash(other));
