import type { KubernetesObject } from './objects.ts';

/** Objects of one resource in the order of etcd's keys, `namespace/name`: those of a namespace stand side by side. */
export class OrderedObjects {
  readonly #byKey = new Map<string, KubernetesObject>();
  readonly #keys: string[] = [];

  get(key: string): KubernetesObject | undefined {
    return this.#byKey.get(key);
  }

  set(key: string, object: KubernetesObject): void {
    if (!this.#byKey.has(key)) this.#keys.splice(this.#placeOf(key), 0, key);
    this.#byKey.set(key, object);
  }

  delete(key: string): void {
    if (this.#byKey.delete(key)) this.#keys.splice(this.#placeOf(key), 1);
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
