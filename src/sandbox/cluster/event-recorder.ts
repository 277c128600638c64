import { type ClusterEvent, type KubernetesObject, instant } from './objects.ts';
import type { Randomness } from './randomness.ts';
import type { Change, Store } from './store.ts';

/** A real cluster forgets events after an hour; this one by their number. */
const eventsKept = 1_000;
/** So many of one object and reason are told one by one; what differs in its words only is then told as one. */
const toldApart = 10;
const combined = '(combined from similar events): ';

export type Report = {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  component: string;
  /** The part of the object, such as `spec.containers{web}`. */
  fieldPath?: string;
};
export type Record = (object: KubernetesObject, report: Report) => void;

const similar = ({ involvedObject, reason }: ClusterEvent): string => `${involvedObject['uid']} ${reason}`;

/** Writes events; the same event again is counted instead of written twice. */
export class EventRecorder {
  readonly #store: Store;
  readonly #randomness: Randomness;
  /** In the order of their last change, by namespace and name. */
  readonly #events = new Map<string, ClusterEvent>();
  readonly #similar = new Map<string, Map<string, ClusterEvent>>();

  constructor(store: Store, randomness: Randomness) {
    this.#store = store;
    this.#randomness = randomness;
    for (const event of store.list('events')) this.#keep(event);
    store.subscribe((change) => this.#onChange(change));
  }

  #onChange({ type, object }: Change): void {
    if (object.kind !== 'Event') return;
    this.#forget(object);
    if (type !== 'DELETED') this.#keep(object);
  }

  #keep(event: ClusterEvent): void {
    const { namespace, name } = event.metadata;
    const group = this.#similar.get(similar(event)) ?? new Map<string, ClusterEvent>();
    this.#events.set(`${namespace}/${name}`, event);
    this.#similar.set(similar(event), group.set(name, event));
  }

  #forget(event: ClusterEvent): void {
    const { namespace, name } = event.metadata;
    const known = this.#events.get(`${namespace}/${name}`);
    this.#events.delete(`${namespace}/${name}`);
    if (known === undefined) return;
    const group = this.#similar.get(similar(known));
    group?.delete(name);
    if (group?.size === 0) this.#similar.delete(similar(known));
  }

  readonly record: Record = (object, { type, reason, message, component, fieldPath }) => {
    const { name, namespace = 'default', uid, resourceVersion } = object.metadata;
    const at = instant();
    const group = [...(this.#similar.get(`${uid} ${reason}`)?.values() ?? [])];
    const known = group.find((event) => event.message === message && event.involvedObject['fieldPath'] === fieldPath);
    const common = group.find((event) => event.message?.startsWith(combined));
    const isCombined = known === undefined && group.length >= toldApart;
    const same = isCombined ? common : known;
    const words = isCombined ? `${combined}${message}` : message;
    if (same !== undefined) {
      const count = (same.count ?? 0) + 1;
      this.#store.put('events', { ...same, message: words, count, lastTimestamp: at });
      return;
    }
    const { apiVersion, kind } = object;
    this.#store.put('events', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: `${name}.${this.#randomness.hex(16)}`,
        namespace,
        uid: this.#randomness.uid(),
        resourceVersion: '',
        creationTimestamp: at,
      },
      involvedObject: { apiVersion, kind, name, namespace, uid, resourceVersion, ...(fieldPath && { fieldPath }) },
      type,
      reason,
      message: words,
      count: 1,
      eventTime: null,
      firstTimestamp: at,
      lastTimestamp: at,
      source: { component, ...(component === 'kubelet' && { host: 'node-1' }) },
      reportingComponent: '',
      reportingInstance: '',
    });
    for (const oldest of this.#events.values()) {
      if (this.#events.size <= eventsKept) break;
      this.#store.remove('events', oldest.metadata.namespace ?? '', oldest.metadata.name);
    }
  };
}
