import { condition, conditionOf, withCondition } from './deployment-status.ts';
import type { Record } from './event-recorder.ts';
import type { JsonObject } from './json.ts';
import type { Pod, ReplicaSet, ReplicaSetStatus } from './objects.ts';
import { Refusal } from './refusals.ts';
import type { Registry } from './registry.ts';
import { selects } from './selectors.ts';
import type { Store } from './store.ts';
import { WorkQueue } from './work-queue.ts';

const component = 'replicaset-controller';
const retryMilliseconds = 1_000;
const isReady = (pod: Pod): boolean => conditionOf(pod.status, 'Ready')?.status === 'True';
const restarts = ({ status }: Pod): number =>
  Math.max(0, ...(status.containerStatuses ?? []).map(({ restartCount }) => restartCount));

/** Kubernetes' order of those to go first: not placed, pending, not ready, more restarts, newer. */
const byWorth = (a: Pod, b: Pod): number => {
  const rank = (pod: Pod): number[] => [
    pod.spec.nodeName === undefined ? 0 : 1,
    ['Pending', 'Unknown', 'Running'].indexOf(pod.status.phase),
    isReady(pod) ? 1 : 0,
    -restarts(pod),
    -Date.parse(pod.metadata.creationTimestamp),
  ];
  const [left, right] = [rank(a), rank(b)];
  const index = left.findIndex((value, at) => value !== right[at]);
  return index < 0 ? 0 : (left[index] ?? 0) - (right[index] ?? 0);
};

/** kube-controller-manager's replica set controller. */
export class ReplicaSetController {
  readonly queue: WorkQueue;
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #record: Record;

  constructor(store: Store, registry: Registry, record: Record, latencyMilliseconds: number) {
    this.#store = store;
    this.#registry = registry;
    this.#record = record;
    this.queue = new WorkQueue((key) => this.#sync(key), latencyMilliseconds);
  }

  #sync(key: string): void {
    const [namespace = '', name = ''] = key.split('/');
    const replicaSet = this.#store.get('replicasets', namespace, name);
    if (replicaSet === undefined) return;
    const pods = this.#store.controlledBy('pods', replicaSet.metadata.uid).filter(({ status, metadata }) => {
      const isOver = status.phase === 'Succeeded' || status.phase === 'Failed';
      return !isOver && metadata.deletionTimestamp === undefined;
    });
    const isLeaving = replicaSet.metadata.deletionTimestamp !== undefined;
    const refusal = isLeaving ? undefined : this.#adjust(replicaSet, pods);
    // The pods just created or ended are counted when their own events come back, as in Kubernetes.
    this.#store.put('replicasets', { ...replicaSet, status: this.#statusOf(replicaSet, pods, refusal) });
    if (refusal !== undefined) this.queue.addAfter(key, retryMilliseconds);
  }

  /** Answers with the refusal where a pod may not be created. */
  #adjust(replicaSet: ReplicaSet, pods: Pod[]): Refusal | undefined {
    const surplus = pods.length - replicaSet.spec.replicas;
    for (const { metadata } of [...pods].sort(byWorth).slice(0, Math.max(0, surplus))) {
      this.#registry.delete('pods', metadata.namespace ?? '', metadata.name, {});
      const message = `Deleted pod: ${metadata.name}`;
      this.#record(replicaSet, { type: 'Normal', reason: 'SuccessfulDelete', message, component });
    }
    try {
      for (let missing = -surplus; missing > 0; missing -= 1) {
        const message = `Created pod: ${this.#createPod(replicaSet).metadata.name}`;
        this.#record(replicaSet, { type: 'Normal', reason: 'SuccessfulCreate', message, component });
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const message = `Error creating: ${error.message}`;
      this.#record(replicaSet, { type: 'Warning', reason: 'FailedCreate', message, component });
      return error;
    }
    return undefined;
  }

  #createPod({ metadata, spec }: ReplicaSet): Pod {
    const { name, uid, namespace = '' } = metadata;
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid, controller: true, blockOwnerDeletion: true };
    const { labels, annotations } = spec.template.metadata;
    const pod = {
      metadata: { generateName: `${name}-`, labels, ...(annotations && { annotations }), ownerReferences: [owner] },
      spec: spec.template.spec,
    };
    return this.#registry.create('pods', namespace, structuredClone(pod) as unknown as JsonObject);
  }

  #statusOf({ metadata, spec, status }: ReplicaSet, pods: Pod[], refusal: Refusal | undefined): ReplicaSetStatus {
    const labels = { matchLabels: spec.template.metadata.labels ?? {} };
    const ready = pods.filter(isReady);
    const minimum = (spec.minReadySeconds ?? 0) * 1000;
    const availableAt = ready.map(
      (pod) => Date.parse(conditionOf(pod.status, 'Ready')?.lastTransitionTime ?? '') + minimum,
    );
    const available = availableAt.filter((at) => minimum === 0 || at <= Date.now());
    if (available.length < ready.length) {
      this.queue.addAfter(
        `${metadata.namespace}/${metadata.name}`,
        Math.max(50, Math.min(...availableAt.filter((at) => at > Date.now())) - Date.now()),
      );
    }
    const counts = {
      fullyLabeledReplicas: pods.filter((pod) => selects(labels, pod.metadata.labels)).length,
      readyReplicas: ready.length,
      availableReplicas: available.length,
      observedGeneration: metadata.generation ?? 0,
    };
    const others = (status.conditions ?? []).filter(({ type }) => type !== 'ReplicaFailure');
    // A ReplicaSet's conditions have no lastUpdateTime.
    const { lastUpdateTime: _, ...failure } = condition(
      'ReplicaFailure',
      'True',
      'FailedCreate',
      refusal?.message ?? '',
    );
    const conditions = refusal === undefined ? others : withCondition(status.conditions ?? [], failure);
    return {
      replicas: pods.length,
      ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
      ...(conditions.length > 0 && { conditions }),
    };
  }
}
