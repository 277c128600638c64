import { isDeepStrictEqual } from 'node:util';
import { withDefaults } from './defaults.ts';
import { type Json, type JsonObject, isJsonObject, textOf } from './json.ts';
import { managedFields } from './managed-fields.ts';
import {
  type KubernetesObject,
  type Metadata,
  type Objects,
  type Resource,
  type ResourceName,
  apiVersionOf,
  instant,
  resources,
} from './objects.ts';
import { patched } from './patches.ts';
import type { Randomness } from './randomness.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  invalid,
  namespaceTerminating,
  notFound,
  preconditionFailed,
} from './refusals.ts';
import { admitPod } from './quota.ts';
import type { Store } from './store.ts';
import { validate } from './validation.ts';

export type DeleteOptions = {
  gracePeriodSeconds?: number;
  propagationPolicy?: string;
  preconditions?: { uid?: string; resourceVersion?: string };
};
export type WriteOptions = {
  subresource?: 'status';
  dryRun?: boolean;
  /** Who writes, for metadata.managedFields; of the controllers of this cluster nothing is kept there. */
  manager?: string;
};

/** `metadata.finalizers` of an object whose dependents go first, or stay without it. */
export const foregroundDeletion = 'foregroundDeletion';
export const orphanDependents = 'orphan';

/** Kubernetes counts a change of a Deployment's annotations as a new generation too. */
function isNewGeneration(kind: string, before: JsonObject, after: JsonObject): boolean {
  const isSame = (a: Json | undefined, b: Json | undefined) =>
    isDeepStrictEqual(a ?? {}, JSON.parse(JSON.stringify(b ?? {})));
  if (!isSame(before['spec'], after['spec'])) return true;
  const annotations = (object: JsonObject) => (object['metadata'] as Partial<Metadata>).annotations;
  return kind === 'Deployment' && !isSame(annotations(before), annotations(after));
}
function withManager(before: JsonObject, object: JsonObject, manager: string | undefined): void {
  const entries = manager === undefined ? [] : managedFields(before, object, manager);
  if (entries.length > 0) Object.assign(object['metadata'] as JsonObject, { managedFields: entries });
}

const asJson = (object: KubernetesObject): JsonObject => structuredClone(object) as unknown as JsonObject;

/** What an API server does with a request once it is read: names, defaults, checks, generation, conflicts. */
export class Registry {
  readonly #store: Store;
  readonly #randomness: Randomness;

  constructor(store: Store, randomness: Randomness) {
    this.#store = store;
    this.#randomness = randomness;
  }

  get<Name extends ResourceName>(resource: Name, namespace: string, name: string): Objects[Name] {
    const object = this.#store.get(resource, namespace, name);
    if (object === undefined) throw notFound(resources[resource], name);
    return object;
  }

  create<Name extends ResourceName>(
    resourceName: Name,
    namespace: string,
    given: JsonObject,
    options: WriteOptions = {},
  ): Objects[Name] {
    const resource = resources[resourceName];
    const metadata = this.#metadataOf(resource, namespace, given);
    const generated = metadata.name === undefined && metadata.generateName !== undefined;
    const name = generated ? `${metadata.generateName}${this.#randomness.suffix()}` : metadata.name;
    if (resource.namespaced) this.#checkNamespace(resource, namespace, name ?? '');
    const { status: _, ...wanted } = given;
    const object = withDefaults(resource, { ...wanted, apiVersion: apiVersionOf(resource), kind: resource.kind });
    object['metadata'] = {
      ...(metadata as JsonObject),
      ...(name !== undefined && { name }),
      ...(resource.namespaced && { namespace }),
      uid: this.#randomness.uid(),
      resourceVersion: '',
      creationTimestamp: instant(),
      ...((resource.name === 'deployments' || resource.name === 'replicasets') && { generation: 1 }),
    };
    if (resource.name === 'deployments') object['status'] = {};
    validate(resource, object);
    if (this.#store.get(resourceName, namespace, name ?? '') !== undefined) throw alreadyExists(resource, name ?? '');
    if (resource.name === 'pods') admitPod(this.#store, namespace, name ?? '');
    withManager({}, object, options.manager);
    const stored = object as unknown as Objects[Name];
    return options.dryRun === true ? stored : this.#store.put(resourceName, stored);
  }

  #metadataOf(resource: Resource, namespace: string, given: JsonObject): Partial<Metadata> {
    const metadata = isJsonObject(given['metadata']) ? (given['metadata'] as Partial<Metadata>) : {};
    const { kind = resource.kind, apiVersion = apiVersionOf(resource) } = given;
    if (kind !== resource.kind || apiVersion !== apiVersionOf(resource)) {
      const what = `${textOf(kind)} in version "${textOf(apiVersion).split('/').at(-1)}"`;
      throw badRequest(
        `${what} cannot be handled as a ${resource.kind}: no kind "${textOf(kind)}" is registered for it`,
      );
    }
    if (resource.namespaced && (metadata.namespace ?? namespace) !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    return metadata;
  }

  #checkNamespace(resource: Resource, namespace: string, name: string): void {
    const found = this.#store.get('namespaces', '', namespace);
    if (found === undefined) throw notFound(resources.namespaces, namespace);
    if (found.metadata.deletionTimestamp !== undefined) throw namespaceTerminating(resource, name, namespace);
  }

  replace<Name extends ResourceName>(
    resourceName: Name,
    namespace: string,
    name: string,
    given: JsonObject,
    options: WriteOptions = {},
  ): Objects[Name] {
    const resource = resources[resourceName];
    const metadata = this.#metadataOf(resource, namespace, given);
    const isNew = resource.name === 'events' && this.#store.get('events', namespace, name) === undefined;
    if (isNew) return this.create(resourceName, namespace, given, options);
    const current = this.get(resourceName, namespace, name);
    if ((metadata.name ?? name) !== name) {
      throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
    }
    if ((metadata.uid ?? '') !== '' && metadata.uid !== current.metadata.uid) {
      const key = `/registry/${resource.name}${resource.namespaced ? `/${namespace}` : ''}/${name}`;
      throw conflict(
        resource,
        name,
        `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${current.metadata.uid}`,
      );
    }
    return this.#update(resource, current, given, options) as Objects[Name];
  }

  patch<Name extends ResourceName>(
    resourceName: Name,
    namespace: string,
    name: string,
    contentType: string,
    patch: Json,
    options: WriteOptions = {},
  ): Objects[Name] {
    const resource = resources[resourceName];
    const current = this.get(resourceName, namespace, name);
    const wanted = patched(asJson(current), contentType, patch);
    const metadata = this.#metadataOf(resource, namespace, wanted);
    if (metadata.name !== name) {
      throw badRequest(`the name of the object (${metadata.name ?? ''}) does not match the name on the URL (${name})`);
    }
    if (metadata.uid !== undefined && metadata.uid !== current.metadata.uid) {
      const message = `Invalid value: ${JSON.stringify(metadata.uid)}: field is immutable`;
      const cause = { reason: 'FieldValueInvalid', message, field: 'metadata.uid' } as const;
      throw invalid(resource, name, [cause]);
    }
    return this.#update(resource, current, wanted, options) as Objects[Name];
  }

  #update(resource: Resource, current: KubernetesObject, wanted: JsonObject, options: WriteOptions): KubernetesObject {
    const metadata = { ...(wanted['metadata'] as Partial<Metadata> | undefined) };
    const version = metadata.resourceVersion ?? '';
    if (version !== '' && version !== current.metadata.resourceVersion) {
      throw conflict(resource, current.metadata.name);
    }
    const before = asJson(current);
    // A write to an object changes everything but its status; a write to its status changes nothing else.
    let object: JsonObject = { ...before, ...(wanted['status'] !== undefined && { status: wanted['status'] }) };
    if (options.subresource === undefined) {
      object = withDefaults(resource, { ...wanted, apiVersion: current.apiVersion, kind: current.kind });
      if (before['status'] !== undefined) object['status'] = before['status'];
      const { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation, namespace, name } =
        current.metadata;
      object['metadata'] = {
        ...(metadata as JsonObject),
        name,
        ...(namespace !== undefined && { namespace }),
        uid,
        creationTimestamp,
        ...(deletionTimestamp !== undefined && { deletionTimestamp }),
        ...(deletionGracePeriodSeconds !== undefined && { deletionGracePeriodSeconds }),
        ...(generation !== undefined && {
          generation: generation + (isNewGeneration(current.kind, before, object) ? 1 : 0),
        }),
      };
      validate(resource, object, current.kind === 'Deployment' ? current : undefined);
      withManager(before, object, options.manager);
    }
    if (options.dryRun === true) return object as unknown as KubernetesObject;
    const stored = this.#store.put(resource.name, object as unknown as KubernetesObject);
    if (stored.metadata.deletionTimestamp !== undefined && (stored.metadata.finalizers ?? []).length === 0) {
      if (resource.name !== 'pods')
        this.#store.remove(resource.name, stored.metadata.namespace ?? '', stored.metadata.name);
    }
    return stored;
  }

  /** Answers with the object as it stands now; undefined where it is gone at once. */
  delete(
    resourceName: ResourceName,
    namespace: string,
    name: string,
    options: DeleteOptions,
  ): KubernetesObject | undefined {
    const resource = resources[resourceName];
    const current = this.get(resourceName, namespace, name);
    const { uid, resourceVersion } = current.metadata;
    const { uid: wantedUid = uid, resourceVersion: wantedVersion = resourceVersion } = options.preconditions ?? {};
    if (wantedUid !== uid) {
      const why = `the UID in the precondition (${wantedUid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`;
      throw preconditionFailed(resource, name, why);
    }
    if (wantedVersion !== resourceVersion) {
      const why = `the ResourceVersion in the precondition (${wantedVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`;
      throw preconditionFailed(resource, name, why);
    }
    if (current.kind === 'Pod') return this.#deletePod(current, options.gracePeriodSeconds);
    const finalizer = { Foreground: foregroundDeletion, Orphan: orphanDependents }[options.propagationPolicy ?? ''];
    const hasDependents = current.kind === 'Deployment' || current.kind === 'ReplicaSet';
    const finalizers = [
      ...(current.metadata.finalizers ?? []),
      ...(hasDependents && finalizer !== undefined ? [finalizer] : []),
      ...(current.kind === 'Namespace' ? ['kubernetes'] : []),
    ];
    if (finalizers.length === 0) {
      this.#store.remove(resourceName, namespace, name);
      return undefined;
    }
    const marked = asJson(current);
    Object.assign(marked['metadata'] as JsonObject, {
      deletionTimestamp: current.metadata.deletionTimestamp ?? instant(),
      deletionGracePeriodSeconds: 0,
      // A namespace's finalizer stands in its spec.
      ...(current.kind !== 'Namespace' && { finalizers: [...new Set(finalizers)] }),
    });
    if (current.kind === 'Namespace') marked['status'] = { phase: 'Terminating' };
    return this.#store.put(resourceName, marked as unknown as KubernetesObject);
  }

  /** A pod that no node has taken goes at once; any other is only marked, its kubelet ends it. */
  #deletePod(pod: Objects['pods'], gracePeriodSeconds?: number): KubernetesObject | undefined {
    const { name, namespace = '', deletionTimestamp } = pod.metadata;
    const isOver = pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
    const seconds = gracePeriodSeconds ?? Number(pod.spec['terminationGracePeriodSeconds'] ?? 30);
    if (seconds === 0 || pod.spec.nodeName === undefined || isOver) {
      this.#store.remove('pods', namespace, name);
      return undefined;
    }
    if (deletionTimestamp !== undefined) return pod;
    const metadata = {
      ...pod.metadata,
      deletionTimestamp: instant(Date.now() + seconds * 1000),
      deletionGracePeriodSeconds: seconds,
    };
    return this.#store.put('pods', { ...pod, metadata });
  }
}
