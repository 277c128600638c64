import { isDeepStrictEqual } from 'node:util';
import { controllerOf, type KubernetesObject, type Objects, type ResourceName } from './objects.ts';
import { OrderedObjects } from './ordered-objects.ts';

export type Change = {
  version: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  resource: ResourceName;
  object: KubernetesObject;
  previous: KubernetesObject | undefined;
};
export type SavedObjects = { version: number; objects: { [Name in ResourceName]?: Objects[Name][] } };

/** How many changes a watch can be behind before it gets 410 Gone. */
const historyLength = 5_000;
/**
 * A start leaves this many numbers out: a crash may have lost the last writes, and a resourceVersion that was handed
 * out once must never come to mean something else.
 */
const versionsLostAtMost = 100_000;

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
}

/** What etcd is to Kubernetes: the objects, one counter of versions, and the changes in order. Objects in it never change. */
export class Store {
  #version: number;
  #oldest: number;
  readonly #objects = new Map<ResourceName, OrderedObjects>();
  #history: Change[] = [];
  readonly #listeners = new Set<(change: Change) => void>();

  constructor(saved?: SavedObjects) {
    this.#version = saved === undefined ? 1 : saved.version + versionsLostAtMost;
    this.#oldest = this.#version;
    for (const [resource, objects] of Object.entries(saved?.objects ?? {})) {
      for (const object of objects) {
        freeze(object);
        this.#of(resource as ResourceName).set(this.#key(object), object);
      }
    }
  }

  get version(): number {
    return this.#version;
  }

  /** The oldest resourceVersion from which a watch can still start. */
  get oldestVersion(): number {
    return this.#oldest;
  }

  #of(resource: ResourceName): OrderedObjects {
    let objects = this.#objects.get(resource);
    if (objects === undefined) this.#objects.set(resource, (objects = new OrderedObjects()));
    return objects;
  }

  #key(object: KubernetesObject): string {
    return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
  }

  get<Name extends ResourceName>(resource: Name, namespace: string, name: string): Objects[Name] | undefined {
    return this.#of(resource).get(`${namespace}/${name}`) as Objects[Name] | undefined;
  }

  /** In the order of etcd's keys. */
  list<Name extends ResourceName>(resource: Name, namespace?: string): Objects[Name][] {
    return this.#of(resource).values(namespace === undefined ? '' : `${namespace}/`) as Objects[Name][];
  }

  withUid<Name extends ResourceName>(resource: Name, uid: string): Objects[Name] | undefined {
    return this.#of(resource).withUid(uid) as Objects[Name] | undefined;
  }

  /** Those that name the object of this uid as an owner, in the order of etcd's keys. */
  ownedBy<Name extends ResourceName>(resource: Name, uid: string): Objects[Name][] {
    return this.#of(resource).ownedBy(uid) as Objects[Name][];
  }

  /** Those of them whose controller it is. */
  controlledBy<Name extends ResourceName>(resource: Name, uid: string): Objects[Name][] {
    return this.ownedBy(resource, uid).filter((object) => controllerOf(object)?.uid === uid);
  }

  /** Adds or replaces, and answers with what is stored now. Nothing happens, no version is used, where nothing differs. */
  put<Name extends ResourceName>(resource: Name, object: Objects[Name]): Objects[Name] {
    const key = this.#key(object);
    const previous = this.#of(resource).get(key);
    const written = JSON.parse(JSON.stringify(object)) as Objects[Name];
    if (previous !== undefined) {
      written.metadata.resourceVersion = previous.metadata.resourceVersion;
      if (isDeepStrictEqual(written, previous)) return previous as Objects[Name];
    }
    written.metadata.resourceVersion = String(this.#version + 1);
    freeze(written);
    this.#of(resource).set(key, written);
    this.#record({ type: previous === undefined ? 'ADDED' : 'MODIFIED', resource, object: written, previous });
    return written;
  }

  remove(resource: ResourceName, namespace: string, name: string): void {
    const previous = this.#of(resource).get(`${namespace}/${name}`);
    if (previous === undefined) return;
    this.#of(resource).delete(`${namespace}/${name}`);
    const object = structuredClone(previous);
    object.metadata.resourceVersion = String(this.#version + 1);
    freeze(object);
    this.#record({ type: 'DELETED', resource, object, previous });
  }

  #record(change: Omit<Change, 'version'>): void {
    const recorded = { version: ++this.#version, ...change };
    this.#history.push(recorded);
    if (this.#history.length > historyLength * 1.2) {
      const forgotten = this.#history.splice(0, this.#history.length - historyLength);
      this.#oldest = forgotten.at(-1)?.version ?? this.#oldest;
    }
    for (const listener of this.#listeners) listener(recorded);
  }

  changesAfter(version: number): Change[] {
    return this.#history.filter((change) => change.version > version);
  }

  /** Forgets the history; watches that are open go on. */
  compact(): void {
    this.#history = [];
    this.#oldest = this.#version;
  }

  /** The listener is called within the write and must not write itself. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  saved(): SavedObjects {
    const objects = Object.fromEntries([...this.#objects].map(([resource, all]) => [resource, all.values()]));
    return { version: this.#version, objects };
  }
}
