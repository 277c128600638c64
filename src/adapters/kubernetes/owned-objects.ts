/** Objects by uid, and by their owner. */
export class OwnedObjects<T> {
  readonly #ownerOf = new Map<string, string>();
  readonly #byOwner = new Map<string, Map<string, T>>();

  get(uid: string): T | undefined {
    const owner = this.#ownerOf.get(uid);
    return owner === undefined ? undefined : this.#byOwner.get(owner)?.get(uid);
  }

  of(owner: string): Iterable<T> {
    return this.#byOwner.get(owner)?.values() ?? [];
  }

  has(owner: string): boolean {
    return this.#byOwner.has(owner);
  }

  set(uid: string, owner: string, object: T): void {
    if (this.#ownerOf.get(uid) !== owner) this.delete(uid);
    let owned = this.#byOwner.get(owner);
    if (!owned) this.#byOwner.set(owner, (owned = new Map()));
    this.#ownerOf.set(uid, owner);
    owned.set(uid, object);
  }

  delete(uid: string): T | undefined {
    const owner = this.#ownerOf.get(uid);
    const owned = owner === undefined ? undefined : this.#byOwner.get(owner);
    if (owner === undefined || !owned) return undefined;
    const object = owned.get(uid);
    this.#ownerOf.delete(uid);
    owned.delete(uid);
    if (owned.size === 0) this.#byOwner.delete(owner);
    return object;
  }

  /** Answers with those that were there and are no more. */
  replace(entries: readonly { uid: string; owner: string; object: T }[]): T[] {
    const stay = new Set(entries.map(({ uid }) => uid));
    const gone = [...this.#ownerOf.keys()].filter((uid) => !stay.has(uid));
    for (const { uid, owner, object } of entries) this.set(uid, owner, object);
    return gone.flatMap((uid) => this.delete(uid) ?? []);
  }
}
