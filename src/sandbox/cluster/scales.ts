import { type Json, type JsonObject, isJsonObject } from './json.ts';
import type { Deployment, ReplicaSet } from './objects.ts';
import { patched } from './patches.ts';
import { badRequest } from './refusals.ts';
import type { Registry } from './registry.ts';
import { selectorText } from './selectors.ts';

type Scalable = 'deployments' | 'replicasets';

/** The scale subresource: a Deployment's or ReplicaSet's size alone. */
export function scaleOf({ metadata, spec, status }: Deployment | ReplicaSet): JsonObject {
  const { name, namespace = '', uid, resourceVersion, creationTimestamp } = metadata;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec.replicas },
    status: { replicas: status.replicas ?? 0, selector: selectorText(spec.selector) },
  };
}

export function replaceScale(
  registry: Registry,
  resource: Scalable,
  namespace: string,
  name: string,
  scale: JsonObject,
): JsonObject {
  const spec = isJsonObject(scale['spec']) ? scale['spec'] : {};
  const metadata = isJsonObject(scale['metadata']) ? scale['metadata'] : {};
  const replicas = spec['replicas'] ?? 0;
  if (typeof replicas !== 'number') throw badRequest('spec.replicas must be a number');
  const version = metadata['resourceVersion'] ?? '';
  const patch = { metadata: { ...(version !== '' && { resourceVersion: version }) }, spec: { replicas } };
  return scaleOf(registry.patch(resource, namespace, name, 'application/merge-patch+json', patch));
}

export function patchScale(
  registry: Registry,
  resource: Scalable,
  namespace: string,
  name: string,
  contentType: string,
  patch: Json,
): JsonObject {
  const current = scaleOf(registry.get(resource, namespace, name));
  return replaceScale(registry, resource, namespace, name, patched(current, contentType, patch));
}
