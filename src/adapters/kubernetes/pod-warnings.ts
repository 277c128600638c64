import type { CoreV1Event } from '@kubernetes/client-node';
import { warningReasons } from '../../domain/cluster.ts';
import type { PodWarning } from '../../domain/cluster.ts';
import type { Feed } from './reflector.ts';
import { instant, textOf } from './trim.ts';

type Kept = { eventUid: string; warning: PodWarning };

/** The only Events that are watched. */
export const podWarningSelector = 'involvedObject.kind=Pod,type=Warning';

/** What Events warned of about pods: of each pod and reason the newest. */
export class PodWarnings implements Feed<CoreV1Event> {
  /** By pod uid and reason. */
  #byPod = new Map<string, Map<string, Kept>>();
  readonly #changed: (podUid: string) => void;

  /** `changed` is told the uid of the pod, which may be one that nobody knows. */
  constructor(changed: (podUid: string) => void) {
    this.#changed = changed;
  }

  of(podUid: string): PodWarning[] {
    return Array.from(this.#byPod.get(podUid)?.values() ?? [], ({ warning }) => warning);
  }

  set(event: CoreV1Event): void {
    const kept = trimEvent(event);
    if (kept && this.#keep(kept)) this.#changed(kept.warning.podUid);
  }

  remove(event: CoreV1Event): void {
    const podUid = event.involvedObject.uid ?? '';
    const ofPod = this.#byPod.get(podUid);
    if (ofPod?.get(event.reason ?? '')?.eventUid !== event.metadata.uid) return;
    ofPod!.delete(event.reason!);
    if (ofPod!.size === 0) this.#byPod.delete(podUid);
    this.#changed(podUid);
  }

  forgetPod(podUid: string): void {
    this.#byPod.delete(podUid);
  }

  startList(): { add(page: readonly CoreV1Event[]): void; finish(): void } {
    const list: Kept[] = [];
    return {
      add: (page) => list.push(...page.flatMap((event) => trimEvent(event) ?? [])),
      finish: () => {
        const former = this.#byPod;
        this.#byPod = new Map();
        for (const kept of list) this.#keep(kept);
        for (const podUid of new Set([...former.keys(), ...this.#byPod.keys()])) this.#changed(podUid);
      },
    };
  }

  /** Whether it tells something new: an Event is also counted up while it says the same. */
  #keep(kept: Kept): boolean {
    const { podUid, reason, message, at } = kept.warning;
    const ofPod = this.#byPod.get(podUid) ?? new Map<string, Kept>();
    const former = ofPod.get(reason);
    if (former && former.eventUid !== kept.eventUid && former.warning.at > at) return false;
    this.#byPod.set(podUid, ofPod.set(reason, kept));
    return former?.warning.message !== message;
  }
}

const isKept = (reason: string | undefined): boolean => (warningReasons as readonly string[]).includes(reason ?? '');

/** Null for what no finding is made of. Other clients' selectors may bring more than was asked for. */
function trimEvent(event: CoreV1Event): Kept | null {
  const { involvedObject, metadata, reason, type } = event;
  if (involvedObject.kind !== 'Pod' || !involvedObject.uid || type !== 'Warning' || !isKept(reason)) return null;
  const at = event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? metadata.creationTimestamp;
  const warning = {
    podUid: involvedObject.uid,
    container: /\{(.+)\}$/.exec(involvedObject.fieldPath ?? '')?.[1] ?? null,
    reason: reason!,
    message: textOf(event.message),
    // Null over the wire where it is not set.
    at: instant(at ?? undefined),
  };
  return { eventUid: metadata.uid ?? '', warning };
}
