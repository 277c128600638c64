import { isJsonObject, textOf } from './json.ts';
import { type KubernetesObject, type Resource, apiVersionOf } from './objects.ts';
import { managerOf } from './managed-fields.ts';
import { logOf } from './pod-logs.ts';
import { methodNotAllowed, noSuchPath } from './refusals.ts';
import type { Registry, WriteOptions } from './registry.ts';
import { type Read, bodyOf, deleteOptions, objectOf } from './requests.ts';
import type { Route } from './routes.ts';
import { patchScale, replaceScale, scaleOf } from './scales.ts';
import { matcherOf } from './selectors.ts';
import type { Store } from './store.ts';

/** Status and body; a string is plain text. */
export type Served = [status: number, body: object | string];

/** Objects in a list carry no apiVersion and kind: Kubernetes leaves them out. */
function listOf(resource: Resource, version: number, objects: KubernetesObject[]): object {
  const items = objects.map((object) => ({ ...object, apiVersion: undefined, kind: undefined }));
  const metadata = { resourceVersion: String(version) };
  return { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata, items };
}

/** What can be done with the objects of the cluster, but for watching them. */
export class Endpoints {
  readonly #store: Store;
  readonly #registry: Registry;

  constructor(store: Store, registry: Registry) {
    this.#store = store;
    this.#registry = registry;
  }

  perform(route: Route, request: Read): Served {
    const { subresource, name } = route;
    if (name === undefined) return this.#performOnAll(route, request);
    if (subresource === 'scale') return this.#performScale(route, name, request);
    if (subresource === 'binding') return this.#bind(route, name, request);
    if (subresource === 'log') return this.#readLog(route, name, request);
    return this.#performOnOne(route, name, request);
  }

  #options({ subresource }: Route, { query, userAgent }: Read): WriteOptions {
    const dryRun = query.get('dryRun') === 'All';
    return { dryRun, manager: managerOf(query, userAgent), ...(subresource === 'status' && { subresource }) };
  }

  #performOnAll(route: Route, request: Read): Served {
    const { resource, namespace } = route;
    const { method, query } = request;
    if (method === 'GET') return [200, listOf(resource, this.#store.version, this.#list(route, query))];
    if (method === 'POST') {
      const options = this.#options(route, request);
      return [201, this.#registry.create(resource.name, namespace, objectOf(request), options)];
    }
    if (method !== 'DELETE') throw methodNotAllowed();
    const objects = this.#list(route, query);
    for (const { metadata } of objects) {
      this.#registry.delete(resource.name, metadata.namespace ?? '', metadata.name, deleteOptions(request));
    }
    return [200, listOf(resource, this.#store.version, objects)];
  }

  #performOnOne(route: Route, name: string, request: Read): Served {
    const { resource, namespace, subresource } = route;
    const { method, contentType } = request;
    const options = this.#options(route, request);
    if (method === 'GET') return [200, this.#registry.get(resource.name, namespace, name)];
    if (method === 'PUT')
      return [200, this.#registry.replace(resource.name, namespace, name, objectOf(request), options)];
    if (method === 'PATCH') {
      return [200, this.#registry.patch(resource.name, namespace, name, contentType, bodyOf(request), options)];
    }
    if (method === 'DELETE' && subresource === undefined) return [200, this.#delete(route, name, request)];
    throw methodNotAllowed();
  }

  #list({ resource, namespace }: Route, query: URLSearchParams): KubernetesObject[] {
    const matches = matcherOf(resource, query);
    return this.#store.list(resource.name, namespace === '' ? undefined : namespace).filter(matches);
  }

  #delete({ resource, namespace }: Route, name: string, request: Read): object {
    const before = this.#registry.get(resource.name, namespace, name);
    const left = this.#registry.delete(resource.name, namespace, name, deleteOptions(request));
    if (left !== undefined || resource.name === 'pods') return left ?? before;
    const { group, name: kind } = resource;
    const details = { name, ...(group !== '' && { group }), kind, uid: before.metadata.uid };
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  }

  #performScale({ resource, namespace }: Route, name: string, request: Read): Served {
    if (resource.name !== 'deployments' && resource.name !== 'replicasets') throw noSuchPath();
    if (request.method === 'GET') return [200, scaleOf(this.#registry.get(resource.name, namespace, name))];
    if (request.method === 'PUT')
      return [200, replaceScale(this.#registry, resource.name, namespace, name, objectOf(request))];
    if (request.method !== 'PATCH') throw methodNotAllowed();
    return [200, patchScale(this.#registry, resource.name, namespace, name, request.contentType, bodyOf(request))];
  }

  #bind({ namespace }: Route, name: string, request: Read): Served {
    if (request.method !== 'POST') throw methodNotAllowed();
    const target = objectOf(request)['target'];
    const pod = this.#registry.get('pods', namespace, name);
    const nodeName = isJsonObject(target) ? textOf(target['name']) : '';
    this.#store.put('pods', { ...pod, spec: { ...pod.spec, nodeName } });
    return [201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }];
  }

  #readLog({ namespace }: Route, name: string, { method, query }: Read): Served {
    if (method !== 'GET') throw methodNotAllowed();
    const text = logOf(this.#registry.get('pods', namespace, name), query);
    return text === undefined ? [204, ''] : [200, text];
  }
}
