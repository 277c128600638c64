import type { V1Deployment, V1ReplicaSet } from '@kubernetes/client-node';
import type { DeploymentReading, PodTemplate, ReplicaSetReading } from '../../domain/cluster.ts';
import { textOf, trimDeployment, trimReplicaSet } from './trim.ts';

/*
 * Of objects as they came over the wire, never of the typed client's: that one drops every field it does not know,
 * and a template is sent back.
 */

export function readingOfDeployment(object: V1Deployment): DeploymentReading {
  const { metadata, spec } = object;
  const rollingUpdate = spec?.strategy?.type === 'Recreate' ? null : (spec?.strategy?.rollingUpdate ?? {});
  return {
    ...trimDeployment(object).snapshot,
    template: templateOf(spec),
    labels: metadata?.labels ?? {},
    annotations: metadata?.annotations ?? {},
    managers: [
      ...new Set(
        (metadata?.managedFields ?? [])
          .filter(({ fieldsV1, subresource }) => !subresource && fieldsV1 && 'f:spec' in fieldsV1)
          .flatMap(({ manager }) => manager ?? []),
      ),
    ],
    progressDeadlineSeconds: spec?.progressDeadlineSeconds ?? 600,
    revisionHistoryLimit: spec?.revisionHistoryLimit ?? 10,
    maxSurge: rollingUpdate && String(rollingUpdate.maxSurge ?? '25%'),
    maxUnavailable: rollingUpdate && String(rollingUpdate.maxUnavailable ?? '25%'),
  };
}

/** Null for a ReplicaSet that no Deployment owns. */
export function readingOfReplicaSet(object: V1ReplicaSet): ReplicaSetReading | null {
  const trimmed = trimReplicaSet(object);
  if (!trimmed) return null;
  const { metadata, spec } = object;
  const changeCause = metadata?.annotations?.['kubernetes.io/change-cause'];
  return {
    ...trimmed.snapshot,
    template: templateOf(spec),
    changeCause: changeCause === undefined ? null : textOf(changeCause),
    createdAt: new Date(metadata?.creationTimestamp ?? 0),
  };
}

const templateOf = (spec: { template?: object } | undefined): PodTemplate =>
  (spec?.template ?? { spec: { containers: [] } }) as PodTemplate;
