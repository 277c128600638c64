import { ProcessApart } from './process-apart.ts';

/** What the API server was asked since its start: collections that are watched, and all requests but watches. */
export type ApiRequests = { watches: number; requests: number };

/** Deployments of one pod in the namespace `default`. */
type Start = { name: string; deployments: readonly string[]; readyMilliseconds: number };

export type ClusterOrder = { start: Start } | { count: true } | { controllers: 'pause' | 'resume' };

/** A simulated cluster in a process of its own. */
export class ClusterApart extends ProcessApart<ClusterOrder> {
  constructor() {
    super('cluster-process.ts');
  }

  /** Answers with its kubeconfig. */
  start(start: Start): Promise<string> {
    return this.tell({ start }) as Promise<string>;
  }

  /** Rollouts stand still, or go on. */
  async controllers(what: 'pause' | 'resume'): Promise<void> {
    await this.tell({ controllers: what });
  }

  requests(): Promise<ApiRequests> {
    return this.tell({ count: true }) as Promise<ApiRequests>;
  }
}
