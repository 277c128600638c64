import { isDeepStrictEqual } from 'node:util';
import { desiredReplicasAnnotation, maxReplicasAnnotation, maxSurge } from './deployment-arithmetic.ts';
import type { Deployment, PodTemplate, ReplicaSet } from './objects.ts';
import { safeHash } from './randomness.ts';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
export const templateHashLabel = 'pod-template-hash';

/** The Deployment's annotations that its ReplicaSets do not take over. */
const ownAnnotations = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
]);

export const revisionOf = ({ metadata }: ReplicaSet): number =>
  Number.parseInt(metadata.annotations?.[revisionAnnotation] ?? '0', 10) || 0;

export const byCreation = (a: ReplicaSet, b: ReplicaSet): number =>
  a.metadata.creationTimestamp === b.metadata.creationTimestamp
    ? revisionOf(a) - revisionOf(b)
    : Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp);

function withoutHash(template: PodTemplate): PodTemplate {
  const { [templateHashLabel]: _, ...labels } = template.metadata.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

const isSameTemplate = (a: PodTemplate, b: PodTemplate): boolean => isDeepStrictEqual(withoutHash(a), withoutHash(b));

/** The ReplicaSet that already has the wanted template, the oldest one of several. */
export const findNewReplicaSet = ({ spec }: Deployment, owned: ReplicaSet[]): ReplicaSet | undefined =>
  [...owned].sort(byCreation).find((replicaSet) => isSameTemplate(replicaSet.spec.template, spec.template));

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
};

export const templateHash = ({ spec, status }: Deployment): string =>
  safeHash(JSON.stringify(sorted(spec.template)) + (status.collisionCount ?? ''));

export function withReplicasAnnotations(replicaSet: ReplicaSet, { spec }: Deployment): ReplicaSet {
  const annotations = {
    ...replicaSet.metadata.annotations,
    [desiredReplicasAnnotation]: String(spec.replicas),
    [maxReplicasAnnotation]: String(spec.replicas + maxSurge(spec)),
  };
  return { ...replicaSet, metadata: { ...replicaSet.metadata, annotations } };
}

/** The new ReplicaSet takes over the Deployment's annotations and the highest revision; its former one goes into its history. */
export function withRevision(replicaSet: ReplicaSet, deployment: Deployment, revision: number): ReplicaSet {
  const taken = Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !ownAnnotations.has(key));
  const annotations: Record<string, string> = { ...replicaSet.metadata.annotations, ...Object.fromEntries(taken) };
  const former = annotations[revisionAnnotation];
  if (revisionOf(replicaSet) < revision) {
    annotations[revisionAnnotation] = String(revision);
    if (former !== undefined) {
      const history = annotations[revisionHistoryAnnotation];
      annotations[revisionHistoryAnnotation] = history === undefined ? former : `${history},${former}`;
    }
  }
  return { ...replicaSet, metadata: { ...replicaSet.metadata, annotations } };
}

/** Without the uid and version that the store gives. */
export function newReplicaSet(deployment: Deployment, hash: string): ReplicaSet {
  const { name, namespace, uid } = deployment.metadata;
  const { selector, template, minReadySeconds } = deployment.spec;
  const labels = { ...template.metadata.labels, [templateHashLabel]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace !== undefined && { namespace }),
      uid: '',
      resourceVersion: '',
      creationTimestamp: '',
      labels,
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'Deployment', name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    spec: {
      replicas: 0,
      ...(minReadySeconds !== undefined && { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [templateHashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
    status: { replicas: 0 },
  };
}
