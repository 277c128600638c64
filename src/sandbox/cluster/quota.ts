import type { Amounts, ResourceQuota } from './objects.ts';
import { Refusal } from './refusals.ts';
import type { Change, Store } from './store.ts';
import { WorkQueue } from './work-queue.ts';

/** The amounts that this cluster keeps within a ResourceQuota; others are stored and not looked at. */
const counted = ['pods', 'count/pods'];

const isOver = (phase: string): boolean => phase === 'Failed' || phase === 'Succeeded';

function usedIn(store: Store, { metadata, spec }: ResourceQuota): Amounts {
  const pods = store.list('pods', metadata.namespace).filter(({ status }) => !isOver(status.phase));
  const names = Object.keys(spec.hard ?? {}).filter((name) => counted.includes(name));
  return Object.fromEntries(names.map((name) => [name, String(pods.length)]));
}

/** Throws what Kubernetes answers where one more pod is more than a ResourceQuota of the namespace allows. */
export function admitPod(store: Store, namespace: string, name: string): void {
  for (const quota of store.list('resourcequotas', namespace)) {
    const used = usedIn(store, quota);
    const exceeded = Object.keys(used).filter((what) => Number(used[what]) + 1 > Number(quota.spec.hard?.[what]));
    if (exceeded.length === 0) continue;
    const list = (amount: (what: string) => string | undefined) =>
      exceeded.map((what) => `${what}=${amount(what)}`).join(',');
    const limits = `requested: ${list(() => '1')}, used: ${list((what) => used[what])}, limited: ${list((what) => quota.spec.hard?.[what])}`;
    const message = `pods "${name}" is forbidden: exceeded quota: ${quota.metadata.name}, ${limits}`;
    throw new Refusal(403, 'Forbidden', message, { name, kind: 'pods' });
  }
}

/** kube-controller-manager's resource quota controller: keeps the status of every ResourceQuota. */
export class QuotaController {
  readonly queue: WorkQueue;
  readonly #store: Store;

  constructor(store: Store, latencyMilliseconds: number) {
    this.#store = store;
    this.queue = new WorkQueue((namespace) => this.#sync(namespace), latencyMilliseconds);
  }

  onChange({ object }: Change): void {
    if (object.kind === 'Pod' || object.kind === 'ResourceQuota') this.queue.add(object.metadata.namespace ?? '');
  }

  #sync(namespace: string): void {
    for (const quota of this.#store.list('resourcequotas', namespace)) {
      const status = { ...(quota.spec.hard && { hard: quota.spec.hard }), used: usedIn(this.#store, quota) };
      this.#store.put('resourcequotas', { ...quota, status });
    }
  }
}
