import * as arithmetic from './deployment-arithmetic.ts';
import { DeploymentRevisions, allOf } from './deployment-revisions.ts';
import * as progress from './deployment-status.ts';
import type { Record } from './event-recorder.ts';
import type { Deployment, DeploymentStatus, ReplicaSet } from './objects.ts';
import type { Registry } from './registry.ts';
import * as history from './replica-set-history.ts';
import { ReplicaSetSizes, isActive } from './replica-set-sizes.ts';
import type { Store } from './store.ts';
import { WorkQueue } from './work-queue.ts';

/** kube-controller-manager's deployment controller, step by step as there (pkg/controller/deployment). */
export class DeploymentController {
  readonly queue: WorkQueue;
  readonly #store: Store;
  readonly #revisions: DeploymentRevisions;
  readonly #sizes: ReplicaSetSizes;

  constructor(store: Store, registry: Registry, record: Record, latencyMilliseconds: number) {
    this.#store = store;
    this.#revisions = new DeploymentRevisions(store, registry, record);
    this.#sizes = new ReplicaSetSizes(store, record);
    this.queue = new WorkQueue((key) => this.#sync(key), latencyMilliseconds);
  }

  #sync(key: string): void {
    const [namespace = '', name = ''] = key.split('/');
    const found = this.#store.get('deployments', namespace, name);
    if (found === undefined) return;
    if (found.metadata.deletionTimestamp !== undefined) {
      this.#syncStatus(found);
      return;
    }
    this.#notePause(found);
    const isScaling = this.#isScaling(this.#fresh(found));
    const deployment = this.#fresh(found);
    if (deployment.spec.paused === true || isScaling) this.#syncScale(deployment);
    else if (arithmetic.isRollingUpdate(deployment.spec)) this.#roll(deployment);
    else this.#recreate(deployment);
  }

  /** Nothing else runs between two steps of a sync, so the Deployment is still there. */
  #fresh(deployment: Deployment): Deployment {
    const { namespace = '', name } = deployment.metadata;
    return this.#store.get('deployments', namespace, name) ?? deployment;
  }

  #notePause(deployment: Deployment): void {
    const current = progress.conditionOf(deployment.status, 'Progressing');
    if (!progress.hasProgressDeadline(deployment) || current?.reason === 'ProgressDeadlineExceeded') return;
    const isNoted = current?.reason === 'DeploymentPaused';
    const isPaused = deployment.spec.paused === true;
    if (isNoted === isPaused) return;
    const [reason, message] = isPaused
      ? ['DeploymentPaused', 'Deployment is paused']
      : ['DeploymentResumed', 'Deployment is resumed'];
    this.#revisions.note(deployment, progress.condition('Progressing', 'Unknown', reason, message));
  }

  #isScaling(deployment: Deployment): boolean {
    return allOf(this.#revisions.revised(deployment))
      .filter(isActive)
      .some((replicaSet) => {
        const desired = arithmetic.desiredReplicas(replicaSet);
        return desired !== undefined && desired !== deployment.spec.replicas;
      });
  }

  #roll(found: Deployment): void {
    const { newReplicaSet, old } = this.#revisions.withNew(found);
    const deployment = this.#fresh(found);
    if (newReplicaSet === undefined) return;
    const { replicas } = newReplicaSet.spec;
    const wanted =
      replicas > deployment.spec.replicas
        ? deployment.spec.replicas
        : arithmetic.newReplicaSetReplicas(deployment.spec, [...old, newReplicaSet], replicas);
    const isScaled =
      this.#sizes.scaleWhereOther(deployment, newReplicaSet, wanted) ||
      this.#sizes.scaleDownOld(deployment, newReplicaSet, old);
    if (!isScaled && progress.isComplete(deployment, deployment.status)) this.#cleanUp(deployment, old);
    this.#syncRolloutStatus(deployment);
  }

  #recreate(found: Deployment): void {
    const { newReplicaSet, old } = this.#revisions.revised(found);
    const active = old.filter(isActive);
    for (const replicaSet of active) this.#sizes.scale(found, replicaSet, 0);
    if (active.length === 0 && !this.#hasOldPods(newReplicaSet, old)) {
      const { newReplicaSet: created } = this.#revisions.withNew(found);
      const deployment = this.#fresh(found);
      if (created === undefined) return;
      this.#sizes.scaleWhereOther(deployment, created, deployment.spec.replicas);
      if (progress.isComplete(deployment, deployment.status)) this.#cleanUp(deployment, old);
    }
    this.#syncRolloutStatus(found);
  }

  /** Terminating pods still run: with Recreate the new ones wait for them. */
  #hasOldPods(newReplicaSet: ReplicaSet | undefined, old: ReplicaSet[]): boolean {
    if (arithmetic.actualReplicas(old) > 0) return true;
    return old
      .filter(({ metadata }) => metadata.uid !== newReplicaSet?.metadata.uid)
      .flatMap(({ metadata }) => this.#store.controlledBy('pods', metadata.uid))
      .some(({ status }) => status.phase !== 'Failed' && status.phase !== 'Succeeded');
  }

  #syncScale(deployment: Deployment): void {
    const { newReplicaSet, old } = this.#revisions.revised(deployment);
    const active = allOf({ newReplicaSet, old }).filter(isActive);
    const newest = newReplicaSet ?? [...old].sort(history.byCreation).at(-1);
    const only = active.length === 0 ? newest : active[0];
    if (active.length <= 1) {
      if (only !== undefined) this.#sizes.scaleWhereOther(deployment, only, deployment.spec.replicas);
    } else if (newReplicaSet !== undefined && this.#sizes.isSaturated(deployment, newReplicaSet)) {
      for (const replicaSet of old.filter(isActive)) this.#sizes.scale(deployment, replicaSet, 0);
    } else if (arithmetic.isRollingUpdate(deployment.spec)) this.#sizes.scaleInProportion(deployment, active);
    if (deployment.spec.paused === true) this.#cleanUp(deployment, old);
    this.#syncStatus(deployment);
  }

  #cleanUp({ spec }: Deployment, old: ReplicaSet[]): void {
    const surplus = old.length - (spec.revisionHistoryLimit ?? old.length);
    if (surplus <= 0) return;
    const oldest = [...old].sort((a, b) => history.revisionOf(a) - history.revisionOf(b)).slice(0, surplus);
    for (const replicaSet of oldest) {
      const { name, namespace = '', generation = 0, deletionTimestamp } = replicaSet.metadata;
      const isEmpty = replicaSet.status.replicas === 0 && replicaSet.spec.replicas === 0;
      const isObserved = generation <= (replicaSet.status.observedGeneration ?? 0);
      if (isEmpty && isObserved && deletionTimestamp === undefined) this.#store.remove('replicasets', namespace, name);
    }
  }

  #syncStatus(found: Deployment): void {
    const deployment = this.#fresh(found);
    const owned = this.#revisions.owned(deployment);
    this.#writeStatus(deployment, progress.calculateStatus(deployment, allOf(owned), owned.newReplicaSet));
  }

  #syncRolloutStatus(found: Deployment): void {
    const deployment = this.#fresh(found);
    const owned = this.#revisions.owned(deployment);
    const status = progress.rolloutStatus(deployment, allOf(owned), owned.newReplicaSet);
    this.#writeStatus(deployment, status);
    const deadline = progress.deadlineAt(deployment, status);
    if (deadline === undefined) return;
    const { namespace = '', name } = deployment.metadata;
    this.queue.addAfter(`${namespace}/${name}`, Math.max(0, deadline - Date.now()) + 1000);
  }

  #writeStatus(deployment: Deployment, status: DeploymentStatus): void {
    this.#store.put('deployments', { ...deployment, status });
  }
}
