import * as arithmetic from './deployment-arithmetic.ts';
import type { Record } from './event-recorder.ts';
import type { Deployment, ReplicaSet } from './objects.ts';
import * as history from './replica-set-history.ts';
import type { Store } from './store.ts';

export const isActive = ({ spec }: ReplicaSet): boolean => spec.replicas > 0;

/** How the deployment controller sizes ReplicaSets. Answers tell whether a size changed. */
export class ReplicaSetSizes {
  readonly #store: Store;
  readonly #record: Record;

  constructor(store: Store, record: Record) {
    this.#store = store;
    this.#record = record;
  }

  recordScaling(deployment: Deployment, { metadata, spec }: ReplicaSet, direction: 'up' | 'down'): void {
    const message = `Scaled ${direction} replica set ${metadata.name} to ${spec.replicas}`;
    this.#record(deployment, {
      type: 'Normal',
      reason: 'ScalingReplicaSet',
      message,
      component: 'deployment-controller',
    });
  }

  scale(deployment: Deployment, replicaSet: ReplicaSet, replicas: number): boolean {
    const before = replicaSet.spec.replicas;
    const sized = { ...replicaSet, spec: { ...replicaSet.spec, replicas } };
    const generation = (replicaSet.metadata.generation ?? 0) + (before === replicas ? 0 : 1);
    const annotatedSet = history.withReplicasAnnotations(sized, deployment);
    const written = this.#store.put('replicasets', {
      ...annotatedSet,
      metadata: { ...annotatedSet.metadata, generation },
    });
    if (before === replicas) return false;
    this.recordScaling(deployment, written, before < replicas ? 'up' : 'down');
    return true;
  }

  scaleWhereOther(deployment: Deployment, replicaSet: ReplicaSet, replicas: number): boolean {
    return replicaSet.spec.replicas !== replicas && this.scale(deployment, replicaSet, replicas);
  }

  scaleDownOld(deployment: Deployment, newReplicaSet: ReplicaSet, old: ReplicaSet[]): boolean {
    const minAvailable = deployment.spec.replicas - arithmetic.maxUnavailable(deployment.spec);
    const newUnavailable = newReplicaSet.spec.replicas - (newReplicaSet.status.availableReplicas ?? 0);
    const all = [...old, newReplicaSet];
    const active = old.filter(isActive).sort(history.byCreation);
    let cleanable = arithmetic.specReplicas(all) - minAvailable - newUnavailable;
    if (active.length === 0 || cleanable <= 0) return false;
    // Pods that are not available anyway go first.
    let isScaled = false;
    const remaining = active.map((replicaSet) => {
      const { replicas } = replicaSet.spec;
      const count = Math.min(cleanable, replicas - (replicaSet.status.availableReplicas ?? 0));
      if (count <= 0) return replicaSet;
      cleanable -= count;
      isScaled = this.scale(deployment, replicaSet, replicas - count) || isScaled;
      const { namespace = '', name } = replicaSet.metadata;
      return this.#store.get('replicasets', namespace, name) ?? replicaSet;
    });
    let surplus = arithmetic.availableReplicas(all) - minAvailable;
    for (const replicaSet of remaining) {
      const count = Math.min(replicaSet.spec.replicas, surplus);
      if (count <= 0) continue;
      surplus -= count;
      isScaled = this.scale(deployment, replicaSet, replicaSet.spec.replicas - count) || isScaled;
    }
    return isScaled;
  }

  isSaturated({ spec }: Deployment, newReplicaSet: ReplicaSet): boolean {
    const { replicas } = spec;
    const isSized = newReplicaSet.spec.replicas === replicas && newReplicaSet.status.availableReplicas === replicas;
    return isSized && arithmetic.desiredReplicas(newReplicaSet) === replicas;
  }

  scaleInProportion(deployment: Deployment, active: ReplicaSet[]): void {
    const { spec, status } = deployment;
    const allowed = spec.replicas > 0 ? spec.replicas + arithmetic.maxSurge(spec) : 0;
    const toAdd = allowed - arithmetic.specReplicas(active);
    // The biggest takes what rounding leaves over; of equals the newer one when growing, the older one when shrinking.
    const bySize = [...active].sort(
      (a, b) => b.spec.replicas - a.spec.replicas || (toAdd > 0 ? history.byCreation(b, a) : history.byCreation(a, b)),
    );
    let added = 0;
    const sizes = bySize.map((replicaSet) => {
      const share = arithmetic.proportion(replicaSet, spec, status.replicas ?? 0, toAdd, added);
      added += share;
      return replicaSet.spec.replicas + share;
    });
    for (const [index, replicaSet] of bySize.entries()) {
      const leftover = index === 0 ? toAdd - added : 0;
      this.scale(deployment, replicaSet, Math.max(0, (sizes[index] ?? 0) + leftover));
    }
  }
}
