import type { Record } from './event-recorder.ts';
import { type Pod, controllerOf } from './objects.ts';
import { type Step, nextSteps } from './pod-life.ts';
import { playsAnnotation, withPart } from './pod-plays.ts';
import type { Change, Store } from './store.ts';

type Task = {
  pod: Pod;
  isEnding: boolean;
  timer: NodeJS.Timeout | undefined;
  /** When each step that is under way is due, by its key. */
  due: Map<string, number>;
  /** Keys of steps that were taken and come again. */
  repeating: Set<string>;
};

/** Scheduler and kubelet in one: leads every pod through its life, and ends those that are marked. */
export class Kubelet {
  readonly #store: Store;
  readonly #record: Record;
  readonly #readyMilliseconds: number;
  /** By uid; only pods that something is still to happen to. */
  readonly #tasks = new Map<string, Task>();
  #isRunning = true;

  constructor(store: Store, record: Record, readyMilliseconds: number) {
    this.#store = store;
    this.#record = record;
    this.#readyMilliseconds = readyMilliseconds;
  }

  onChange({ type, resource, object }: Change): void {
    if (resource !== 'pods' || object.kind !== 'Pod') return;
    const { uid, deletionTimestamp } = object.metadata;
    if (type === 'DELETED') this.#forget(uid);
    else if (deletionTimestamp !== undefined) {
      if (this.#tasks.get(uid)?.isEnding !== true) this.#begin(object, true);
    } else if (type === 'ADDED') this.#begin(object, false);
  }

  /** Pods that were in the middle of something go on. */
  takeOver(): void {
    for (const pod of this.#store.list('pods')) this.#begin(pod, pod.metadata.deletionTimestamp !== undefined);
  }

  #forget(uid: string): void {
    clearTimeout(this.#tasks.get(uid)?.timer);
    this.#tasks.delete(uid);
  }

  #begin(pod: Pod, isEnding: boolean): void {
    this.#forget(pod.metadata.uid);
    const task: Task = { pod, isEnding, timer: undefined, due: new Map(), repeating: new Set() };
    this.#tasks.set(pod.metadata.uid, task);
    if (this.#isRunning) this.#plan(task);
  }

  #plan(task: Task): void {
    const { namespace = '', name, uid } = task.pod.metadata;
    const pod = this.#store.get('pods', namespace, name) ?? task.pod;
    if (task.isEnding) {
      task.timer = setTimeout(() => this.#store.remove('pods', namespace, name), this.#readyMilliseconds);
      return;
    }
    const steps = nextSteps(this.#cast(pod), this.#readyMilliseconds);
    const now = performance.now();
    const dueAt = ({ key, afterMilliseconds, everyMilliseconds = afterMilliseconds }: Step): number =>
      task.due.get(key) ?? now + (task.repeating.has(key) ? everyMilliseconds : afterMilliseconds);
    task.due = new Map(steps.map((step) => [step.key, dueAt(step)]));
    const [next] = [...steps].sort((a, b) => dueAt(a) - dueAt(b));
    if (next === undefined) this.#tasks.delete(uid);
    else task.timer = setTimeout(() => this.#take(task, next.key), Math.max(0, dueAt(next) - now));
  }

  #take(task: Task, key: string): void {
    const { namespace = '', name, uid } = task.pod.metadata;
    const current = this.#store.get('pods', namespace, name);
    if (current?.metadata.uid !== uid) return;
    task.due.delete(key);
    // What was planned may have come to mean something else: its part is given to one pod after the other.
    const pod = this.#cast(current);
    const step = nextSteps(pod, this.#readyMilliseconds).find((candidate) => candidate.key === key);
    if (step !== undefined) {
      if (step.everyMilliseconds === undefined) task.repeating.delete(key);
      else task.repeating.add(key);
      task.pod = this.#store.put('pods', step.take(pod));
      for (const report of step.reports) this.#record(task.pod, report);
    }
    this.#plan(task);
  }

  /** With its part in what is asked of its ReplicaSet's pods, until it is placed. */
  #cast(pod: Pod): Pod {
    if (pod.spec.nodeName !== undefined) return pod;
    const { namespace = '', uid } = pod.metadata;
    const owner = controllerOf(pod);
    const replicaSet = owner && this.#store.get('replicasets', namespace, owner.name);
    const above = replicaSet && controllerOf(replicaSet);
    const deployment = above && this.#store.get('deployments', namespace, above.name);
    const asked = deployment?.metadata.annotations?.[playsAnnotation];
    return withPart(pod, asked, () =>
      this.#store
        .list('pods', namespace)
        .filter((other) => other.metadata.uid !== uid && controllerOf(other)?.uid === owner?.uid),
    );
  }

  pause(): void {
    this.#isRunning = false;
    for (const { timer } of this.#tasks.values()) clearTimeout(timer);
  }

  resume(): void {
    this.#isRunning = true;
    for (const task of this.#tasks.values()) this.#plan(task);
  }

  stop(): void {
    this.pause();
    this.#tasks.clear();
  }
}
