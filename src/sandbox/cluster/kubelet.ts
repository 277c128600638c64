import type { Record } from './event-recorder.ts';
import type { Pod } from './objects.ts';
import { nextStep } from './pod-life.ts';
import type { Change, Store } from './store.ts';

type Task = { pod: Pod; isEnding: boolean; timer: NodeJS.Timeout | undefined };

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
    const task = { pod, isEnding, timer: undefined };
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
    const step = nextStep(pod, this.#readyMilliseconds);
    if (step === undefined) {
      this.#tasks.delete(uid);
      return;
    }
    task.timer = setTimeout(() => {
      const current = this.#store.get('pods', namespace, name);
      if (current?.metadata.uid !== uid) return;
      task.pod = this.#store.put('pods', step.take(current));
      for (const { type, reason, message, component } of step.reports) {
        this.#record(task.pod, type, reason, message, component);
      }
      this.#plan(task);
    }, step.afterMilliseconds);
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
