import type { KubernetesObject } from './objects.ts';

/**
 * Objects of one resource in the order of etcd's keys, `namespace/name`: those of a namespace stand side by side. Indexed
 * by what the controllers' informers look them up by.
 */
export class OrderedObjects {
  readonly #byKey = new Map<string, KubernetesObject>();
  readonly #keys: string[] = [];
  readonly #keyOfUid = new Map<string, string>();
  readonly #keysOfOwner = new Map<string, Set<string>>();

  get(key: string): KubernetesObject | undefined {
    return this.#byKey.get(key);
  }

  set(key: string, object: KubernetesObject): void {
    const previous = this.#byKey.get(key);
    if (previous) this.#leaveIndexes(key, previous);
    else this.#keys.splice(this.#placeOf(key), 0, key);
    this.#byKey.set(key, object);
    this.#enterIndexes(key, object);
  }

  delete(key: string): void {
    const previous = this.#byKey.get(key);
    if (!previous) return;
    this.#leaveIndexes(key, previous);
    this.#byKey.delete(key);
    this.#keys.splice(this.#placeOf(key), 1);
  }

  withUid(uid: string): KubernetesObject | undefined {
    return this.#byKey.get(this.#keyOfUid.get(uid) ?? '');
  }

  /** All that name the object of this uid as an owner. */
  ownedBy(uid: string): KubernetesObject[] {
    return [...(this.#keysOfOwner.get(uid) ?? [])].toSorted().map((key) => this.#byKey.get(key)!);
  }

  #enterIndexes(key: string, { metadata }: KubernetesObject): void {
    this.#keyOfUid.set(metadata.uid, key);
    for (const { uid } of metadata.ownerReferences ?? []) {
      this.#keysOfOwner.set(uid, (this.#keysOfOwner.get(uid) ?? new Set()).add(key));
    }
  }

  #leaveIndexes(key: string, { metadata }: KubernetesObject): void {
    this.#keyOfUid.delete(metadata.uid);
    for (const { uid } of metadata.ownerReferences ?? []) {
      const keys = this.#keysOfOwner.get(uid);
      keys?.delete(key);
      if (keys?.size === 0) this.#keysOfOwner.delete(uid);
    }
  }

  /** All whose key begins so. */
  values(prefix = ''): KubernetesObject[] {
    const found: KubernetesObject[] = [];
    for (const key of this.#keys.slice(this.#placeOf(prefix))) {
      if (!key.startsWith(prefix)) break;
      found.push(this.#byKey.get(key)!);
    }
    return found;
  }

  /** Of the first key that is not before this one. */
  #placeOf(key: string): number {
    let [from, to] = [0, this.#keys.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#keys[middle]! < key) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
