import type { V1Deployment, V1Pod, V1ReplicaSet } from '@kubernetes/client-node';
import type { ClusterChange, PodSnapshot, RolloutSnapshot } from '../../domain/cluster.ts';
import { OwnedObjects } from './owned-objects.ts';
import { PodWarnings } from './pod-warnings.ts';
import type { Feed } from './reflector.ts';
import { trimDeployment, trimPod, trimReplicaSet } from './trim.ts';
import type { NamedDeployment, OwnedReplicaSet } from './trim.ts';

type Concerned = { namespace: string; deploymentName: string };

/**
 * The trimmed objects of one cluster, or of one of its namespaces. Ownership goes by the controller's uid alone.
 * Whoever is told of a change finds it in the next snapshot.
 */
export class RolloutCache {
  readonly #deployments = new OwnedObjects<NamedDeployment>();
  readonly #replicaSets = new OwnedObjects<OwnedReplicaSet>();
  readonly #pods = new OwnedObjects<PodSnapshot>();
  /** ReplicaSets that are gone while pods of theirs still end: those pods stay a part of the rollout. */
  readonly #gone = new Map<string, OwnedReplicaSet>();
  readonly #filled = new Set<object>();
  readonly #tell: (change: ClusterChange) => void;

  constructor(tell: (change: ClusterChange) => void) {
    this.#tell = tell;
  }

  /** Every kind has been listed once. Events are not waited for: the service may not be allowed to read them. */
  get isFilled(): boolean {
    return this.#filled.size === 3;
  }

  snapshot(namespace: string, name: string): RolloutSnapshot {
    const [deployment] = this.#deployments.of(`${namespace}/${name}`);
    if (!deployment) return { deployment: null, replicaSets: [], pods: [], warnings: [] };
    const { uid } = deployment.snapshot;
    const replicaSets = Array.from(this.#replicaSets.of(uid), ({ snapshot }) => snapshot);
    const gone = Array.from(this.#gone.values(), ({ snapshot }) => snapshot).filter((one) => one.deploymentUid === uid);
    const pods = [...replicaSets, ...gone].flatMap((replicaSet) => [...this.#pods.of(replicaSet.uid)]);
    const warnings = pods.flatMap((pod) => this.warnings.of(pod.uid));
    return { deployment: deployment.snapshot, replicaSets, pods, warnings };
  }

  readonly deployments: Feed<V1Deployment> = this.#feed({
    objects: this.#deployments,
    trim: trimDeployment,
    key: ({ namespace, deploymentName, snapshot }) => ({
      uid: snapshot.uid,
      owner: `${namespace}/${deploymentName}`,
    }),
    concerned: (deployment) => deployment,
  });

  readonly replicaSets: Feed<V1ReplicaSet> = this.#feed({
    objects: this.#replicaSets,
    trim: trimReplicaSet,
    key: ({ snapshot }) => ({ uid: snapshot.uid, owner: snapshot.deploymentUid }),
    concerned: (replicaSet) => replicaSet,
    removed: (replicaSet) => void this.#gone.set(replicaSet.snapshot.uid, replicaSet),
  });

  readonly pods: Feed<V1Pod> = this.#feed({
    objects: this.#pods,
    trim: trimPod,
    key: ({ uid, replicaSetUid }) => ({ uid, owner: replicaSetUid }),
    // A pod that comes before its ReplicaSet waits under that uid; the ReplicaSet's coming then tells for both.
    concerned: (pod) => this.#ownerOf(pod),
    removed: (pod) => this.warnings.forgetPod(pod.uid),
  });

  readonly warnings = new PodWarnings((podUid) => {
    const pod = this.#pods.get(podUid);
    if (pod) this.#tellOf(this.#ownerOf(pod));
  });

  #feed<Wire extends { metadata?: { uid?: string } }, Kept>(kind: {
    objects: OwnedObjects<Kept>;
    trim: (object: Wire) => Kept | null;
    key: (kept: Kept) => { uid: string; owner: string };
    concerned: (kept: Kept) => Concerned | undefined;
    removed?: (kept: Kept) => void;
  }): Feed<Wire> {
    const { objects, trim, key, concerned } = kind;
    const tell = (kept: Kept) => this.#tellOf(concerned(kept));
    const remove = (object: Wire) => {
      const removed = objects.delete(object.metadata?.uid ?? '');
      if (!removed) return;
      kind.removed?.(removed);
      tell(removed);
      this.#forgetGone();
    };
    return {
      set: (object) => {
        const kept = trim(object);
        // Without its controller it is no longer a part of any rollout.
        if (!kept) return remove(object);
        const { uid, owner } = key(kept);
        objects.set(uid, owner, kept);
        tell(kept);
      },
      remove,
      startList: () => {
        const list: { uid: string; owner: string; object: Kept }[] = [];
        return {
          add: (page) => {
            for (const object of page) {
              const kept = trim(object);
              if (kept) list.push({ ...key(kept), object: kept });
            }
          },
          finish: () => {
            for (const removed of objects.replace(list)) kind.removed?.(removed);
            this.#forgetGone();
            this.#filled.add(objects);
            if (this.isFilled) this.#tell('all');
          },
        };
      },
    };
  }

  #ownerOf({ replicaSetUid }: PodSnapshot): OwnedReplicaSet | undefined {
    return this.#replicaSets.get(replicaSetUid) ?? this.#gone.get(replicaSetUid);
  }

  #tellOf(target: Concerned | undefined): void {
    if (!target || !this.isFilled) return;
    this.#tell({ namespace: target.namespace, deploymentName: target.deploymentName });
  }

  #forgetGone(): void {
    for (const uid of this.#gone.keys()) if (!this.#pods.has(uid)) this.#gone.delete(uid);
  }
}
