import { isDeepStrictEqual } from 'node:util';
import { newReplicaSetReplicas } from './deployment-arithmetic.ts';
import { condition, conditionOf, hasProgressDeadline, withCondition } from './deployment-status.ts';
import type { Record } from './event-recorder.ts';
import type { JsonObject } from './json.ts';
import type { Condition, Deployment, ReplicaSet } from './objects.ts';
import { Refusal } from './refusals.ts';
import type { Registry } from './registry.ts';
import * as history from './replica-set-history.ts';
import type { Store } from './store.ts';

const component = 'deployment-controller';

/** The ReplicaSets of one Deployment: the one with its template, and all others. */
export type Owned = { newReplicaSet: ReplicaSet | undefined; old: ReplicaSet[] };

export const allOf = ({ newReplicaSet, old }: Owned): ReplicaSet[] =>
  newReplicaSet === undefined ? old : [...old, newReplicaSet];

const nextRevision = (old: ReplicaSet[]): number => Math.max(0, ...old.map(history.revisionOf)) + 1;

/** Which ReplicaSet is the new one, created where there is none, and which revision it and its Deployment bear. */
export class DeploymentRevisions {
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #record: Record;

  constructor(store: Store, registry: Registry, record: Record) {
    this.#store = store;
    this.#registry = registry;
    this.#record = record;
  }

  owned(deployment: Deployment): Owned {
    const owned = this.#store.controlledBy('replicasets', deployment.metadata.uid);
    const newReplicaSet = history.findNewReplicaSet(deployment, owned);
    return { newReplicaSet, old: owned.filter((replicaSet) => replicaSet !== newReplicaSet) };
  }

  /** Brings the new ReplicaSet, where there is one, up to the newest revision and the Deployment's annotations. */
  revised(deployment: Deployment): Owned {
    const { newReplicaSet, old } = this.owned(deployment);
    if (newReplicaSet === undefined) return { newReplicaSet, old };
    const wanted = history.withRevision(newReplicaSet, deployment, nextRevision(old));
    if (!isDeepStrictEqual(wanted, newReplicaSet))
      return { newReplicaSet: this.#store.put('replicasets', wanted), old };
    const { name } = wanted.metadata;
    const isNoted = conditionOf(deployment.status, 'Progressing') !== undefined;
    const note = condition('Progressing', 'True', 'FoundNewReplicaSet', `Found new replica set "${name}"`);
    this.#nameRevision(deployment, wanted, isNoted ? undefined : note);
    return { newReplicaSet, old };
  }

  withNew(deployment: Deployment): Owned {
    const owned = this.revised(deployment);
    if (owned.newReplicaSet !== undefined) return owned;
    const { namespace = '' } = deployment.metadata;
    const draft = history.newReplicaSet(deployment, history.templateHash(deployment));
    const { name } = draft.metadata;
    if (this.#store.get('replicasets', namespace, name) !== undefined) {
      // The write brings the Deployment back into the queue, and its next hash is another one.
      const collisionCount = (deployment.status.collisionCount ?? 0) + 1;
      this.#store.put('deployments', { ...deployment, status: { ...deployment.status, collisionCount } });
      return owned;
    }
    draft.spec.replicas = newReplicaSetReplicas(deployment.spec, owned.old, 0);
    const revision = history.withRevision(draft, deployment, nextRevision(owned.old));
    const complete = history.withReplicasAnnotations(revision, deployment) as unknown as JsonObject;
    try {
      const created = this.#registry.create('replicasets', namespace, complete);
      if (created.spec.replicas > 0) {
        const message = `Scaled up replica set ${name} to ${created.spec.replicas}`;
        this.#record(deployment, { type: 'Normal', reason: 'ScalingReplicaSet', message, component });
      }
      const text = `Created new replica set "${name}"`;
      this.#nameRevision(deployment, created, condition('Progressing', 'True', 'NewReplicaSetCreated', text));
      return { ...owned, newReplicaSet: created };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const text = `Failed to create new replica set "${name}": ${error.message}`;
      this.note(deployment, condition('Progressing', 'False', 'ReplicaSetCreateError', text));
      this.#record(deployment, { type: 'Warning', reason: 'ReplicaSetCreateError', message: text, component });
      return owned;
    }
  }

  #nameRevision(deployment: Deployment, { metadata }: ReplicaSet, note: Condition | undefined): void {
    const revision = metadata.annotations?.[history.revisionAnnotation] ?? '';
    const annotations = { ...deployment.metadata.annotations, [history.revisionAnnotation]: revision };
    const named = { ...deployment, metadata: { ...deployment.metadata, annotations } };
    if (note !== undefined && hasProgressDeadline(deployment)) this.note(named, note);
    else this.#store.put('deployments', named);
  }

  note(deployment: Deployment, next: Condition): void {
    const conditions = withCondition(deployment.status.conditions ?? [], next);
    this.#store.put('deployments', { ...deployment, status: { ...deployment.status, conditions } });
  }
}
