import type { CoreV1Event, V1SelfSubjectAccessReview } from '@kubernetes/client-node';
import type { Access, KubernetesEvent } from '../../domain/cluster.ts';

export const fieldManager = 'cratos-redeploy';

export const accessReviewPath = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
export const appsPath = (namespace: string) => `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}`;
export const corePath = (namespace: string) => `/api/v1/namespaces/${encodeURIComponent(namespace)}`;

/** Instants are strings over the wire. */
type Wire<T> = T extends Date ? string : T extends object ? { [Key in keyof T]: Wire<T[Key]> } : T;

export function eventAbout(namespace: string, event: KubernetesEvent): Wire<CoreV1Event> {
  const { name, type, reason, message, deploymentName, deploymentUid } = event;
  const at = event.at.toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace, name },
    involvedObject: { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: deploymentName, uid: deploymentUid },
    type,
    reason,
    message,
    source: { component: fieldManager },
    reportingComponent: fieldManager,
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  };
}

export function accessReview(namespace: string, { verb, group, resource }: Access): Wire<V1SelfSubjectAccessReview> {
  // RBAC writes pods/log; a review wants the two apart.
  const [name, subresource] = resource.split('/');
  return {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { namespace, verb, group, resource: name, subresource } },
  };
}
