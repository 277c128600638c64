import { type KubernetesObject, instant } from './objects.ts';
import type { Randomness } from './randomness.ts';
import type { Store } from './store.ts';

/** A real cluster forgets events after an hour; this one by their number. */
const eventsKept = 1_000;

export type Record = (
  object: KubernetesObject,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
  component: string,
) => void;

/** Writes events; the same event again is counted instead of written twice. */
export function eventRecorder(store: Store, randomness: Randomness): Record {
  return (object, type, reason, message, component) => {
    const { name, namespace = 'default', uid, resourceVersion } = object.metadata;
    const at = instant();
    const same = store
      .list('events', namespace)
      .find((event) => event.involvedObject['uid'] === uid && event.reason === reason && event.message === message);
    if (same !== undefined) {
      store.put('events', { ...same, count: same.count + 1, lastTimestamp: at });
      return;
    }
    store.put('events', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: `${name}.${randomness.hex(16)}`,
        namespace,
        uid: randomness.uid(),
        resourceVersion: '',
        creationTimestamp: at,
      },
      involvedObject: { apiVersion: object.apiVersion, kind: object.kind, name, namespace, uid, resourceVersion },
      type,
      reason,
      message,
      count: 1,
      eventTime: null,
      firstTimestamp: at,
      lastTimestamp: at,
      source: { component },
      reportingComponent: '',
      reportingInstance: '',
    });
    const events = store.list('events');
    if (events.length <= eventsKept) return;
    const oldest = events.reduce((a, b) => (a.lastTimestamp <= b.lastTimestamp ? a : b));
    store.remove('events', oldest.metadata.namespace ?? '', oldest.metadata.name);
  };
}
