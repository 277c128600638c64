import { type KubernetesObject, type ResourceName, resources } from './objects.ts';
import { type Registry, foregroundDeletion, orphanDependents } from './registry.ts';
import type { Change, Store } from './store.ts';
import { WorkQueue } from './work-queue.ts';

const owned = ['replicasets', 'pods'] as const;

/** Ends what belonged to objects that are gone or going: by owner's uid, and by namespace. */
export class GarbageCollector {
  readonly queue: WorkQueue;
  readonly #store: Store;
  readonly #registry: Registry;

  constructor(store: Store, registry: Registry, latencyMilliseconds: number) {
    this.#store = store;
    this.#registry = registry;
    this.queue = new WorkQueue((key) => this.#collect(key), latencyMilliseconds);
  }

  onChange({ type, object }: Change): void {
    const { ownerReferences, uid, deletionTimestamp, namespace } = object.metadata;
    if (type === 'DELETED' || deletionTimestamp !== undefined) this.queue.add(uid);
    if (type !== 'DELETED') return;
    for (const owner of ownerReferences ?? []) this.queue.add(owner.uid);
    const home = namespace === undefined ? undefined : this.#store.get('namespaces', '', namespace);
    if (home?.metadata.deletionTimestamp !== undefined) this.queue.add(home.metadata.uid);
  }

  /** What was unfinished when the last process ended. */
  takeOver(): void {
    for (const name of ['namespaces', 'deployments', 'replicasets', 'pods'] as const) {
      for (const { metadata } of this.#store.list(name)) {
        if (metadata.deletionTimestamp !== undefined) this.queue.add(metadata.uid);
        for (const owner of metadata.ownerReferences ?? []) this.queue.add(owner.uid);
      }
    }
  }

  #collect(uid: string): void {
    const owner = this.#find(uid);
    if (owner?.kind === 'Namespace') this.#emptyNamespace(owner);
    if (owner !== undefined && owner.metadata.deletionTimestamp === undefined) return;
    const finalizers = owner?.metadata.finalizers ?? [];
    const dependents = owned.flatMap((name) => this.#store.ownedBy(name, uid).map((object) => ({ name, object })));
    for (const { name, object } of dependents) {
      if (finalizers.includes(orphanDependents)) this.#orphan(name, object, uid);
      else if (object.metadata.deletionTimestamp === undefined) {
        const propagationPolicy = finalizers.includes(foregroundDeletion) ? 'Foreground' : 'Background';
        this.#registry.delete(name, object.metadata.namespace ?? '', object.metadata.name, { propagationPolicy });
      }
    }
    const isDone = dependents.length === 0 || finalizers.includes(orphanDependents);
    if (owner === undefined || owner.kind === 'Namespace' || !isDone) return;
    const left = finalizers.filter((finalizer) => finalizer !== foregroundDeletion && finalizer !== orphanDependents);
    const { namespace = '', name } = owner.metadata;
    if (owner.kind !== 'Pod' && left.length === 0) this.#store.remove(this.#resourceOf(owner), namespace, name);
  }

  #resourceOf(object: KubernetesObject): ResourceName {
    const found = Object.values(resources).find(({ kind }) => kind === object.kind);
    return found?.name ?? 'pods';
  }

  #find(uid: string): KubernetesObject | undefined {
    for (const name of ['deployments', 'replicasets', 'pods', 'namespaces'] as const) {
      const found = this.#store.withUid(name, uid);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #orphan(name: 'replicasets' | 'pods', object: KubernetesObject, uid: string): void {
    const { ownerReferences = [], ...metadata } = object.metadata;
    const others = ownerReferences.filter((reference) => reference.uid !== uid);
    const orphaned = { ...object, metadata: { ...metadata, ...(others.length > 0 && { ownerReferences: others }) } };
    if (orphaned.kind === 'ReplicaSet' || orphaned.kind === 'Pod') this.#store.put<typeof name>(name, orphaned);
  }

  #emptyNamespace({ metadata }: KubernetesObject): void {
    if (metadata.deletionTimestamp === undefined) return;
    const names = ['deployments', 'replicasets', 'pods', 'events', 'resourcequotas'] as const;
    for (const name of names) {
      for (const object of this.#store.list(name, metadata.name)) {
        if (object.metadata.deletionTimestamp === undefined) {
          this.#registry.delete(name, metadata.name, object.metadata.name, {});
        }
      }
    }
    if (names.every((name) => this.#store.list(name, metadata.name).length === 0)) {
      this.#store.remove('namespaces', '', metadata.name);
    }
  }
}
