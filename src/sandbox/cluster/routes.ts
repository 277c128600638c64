import { type Resource, type Subresource, isResourceName, resources } from './objects.ts';
import { noSuchPath } from './refusals.ts';

export type Route = {
  resource: Resource;
  /** Empty for all namespaces and for what has none. */
  namespace: string;
  name: string | undefined;
  subresource: Subresource | undefined;
};

/** Reads `/api/v1/…` and `/apis/apps/v1/…`; throws Kubernetes' 404 for what this cluster does not have. */
export function routeOf(path: string): Route {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const [root, ...rest] = parts;
  const group = root === 'api' ? '' : rest.shift();
  const version = rest.shift();
  if ((root !== 'api' && root !== 'apis') || version !== 'v1') throw noSuchPath();
  // /namespaces/x is the namespace itself, /namespaces/x/pods what is in it.
  const isInNamespace = rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status';
  const namespace = isInNamespace ? (rest.splice(0, 2)[1] ?? '') : '';
  const [resourceName = '', name, subresource, ...more] = rest;
  if (!isResourceName(resourceName) || more.length > 0) throw noSuchPath();
  const resource = resources[resourceName];
  const known = resource.subresources.find((candidate) => candidate === subresource);
  if (resource.group !== group || known !== subresource) throw noSuchPath();
  if (resource.namespaced && name !== undefined && namespace === '') throw noSuchPath();
  return { resource, namespace, name, subresource: known };
}
