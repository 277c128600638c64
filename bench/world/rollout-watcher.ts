import { ProcessApart } from './process-apart.ts';

/** A Deployment, in a namespace of its own, whose pods become ready only when they are told to. */
export type Placed = { namespace: string; name: string; replicas: number };

/** Where a rollout is watched: with `kubectl rollout status`, or by a subscriber of the service. */
export type Watcher = { kubectl: string } | { url: string; token: string; operationId: string };

/** Medians of all pods, in ms. */
export type Watched = {
  /** From when a bare watch told that a pod is ready until it is known that one more came up. */
  ready: number;
  /** From when a bare watch told that one more is available until that is known. */
  available: number;
};

export type WatcherOrder = { place: Placed; kubeconfig: string } | { watch: Watcher } | { restart: true };

/** Makes a rollout's pods ready, and tells how long it takes until somebody knows of each. */
export class RolloutWatcher extends ProcessApart<WatcherOrder> {
  constructor() {
    super('rollout-watcher-process.ts');
  }

  async place(placed: Placed, kubeconfig: string): Promise<void> {
    await this.tell({ place: placed, kubeconfig });
  }

  /** As `kubectl rollout restart` does. */
  async restart(): Promise<void> {
    await this.tell({ restart: true });
  }

  /** Makes the pods ready one after the other. */
  async watch(watcher: Watcher): Promise<Watched> {
    return (await this.tell({ watch: watcher })) as Watched;
  }
}
