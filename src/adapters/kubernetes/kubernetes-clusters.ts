import type { Logger } from 'pino';
import type { Cluster, Clusters } from '../../domain/cluster.ts';
import type { Tracing } from '../../domain/tracing.ts';
import { readInCluster, readKubeconfig, selectContexts } from './kubeconfig.ts';
import { KubernetesCluster } from './kubernetes-cluster.ts';
import type { KubernetesTiming, WatchState } from './kubernetes-cluster.ts';

export type KubernetesSettings = {
  /** Path, or several as KUBECONFIG has them; without it the process runs in the cluster. */
  kubeconfig?: string;
  /** Default: the current context only. */
  contexts?: readonly string[];
  /** Default: all. */
  namespaces?: readonly string[];
};

const defaultTiming: KubernetesTiming = {
  requestMilliseconds: 10_000,
  silentMilliseconds: 75_000,
  watchSeconds: 360,
  firstPauseMilliseconds: 100,
  longestPauseMilliseconds: 5_000,
  pageSize: 500,
};

export class KubernetesClusters implements Clusters {
  readonly #clusters: ReadonlyMap<string, KubernetesCluster>;

  private constructor(clusters: ReadonlyMap<string, KubernetesCluster>) {
    this.#clusters = clusters;
  }

  /** Reads the kubeconfig and connects to nothing yet. Throws an error that names every fault. */
  static load(
    settings: KubernetesSettings,
    log: Logger,
    timing: Partial<KubernetesTiming> = {},
    tracing?: Tracing,
  ): KubernetesClusters {
    const { kubeconfig, contexts, namespaces } = settings;
    const config = kubeconfig === undefined ? readInCluster() : readKubeconfig(kubeconfig);
    const clusters = new Map<string, KubernetesCluster>();
    for (const [name, one] of selectContexts(config, contexts)) {
      clusters.set(name, new KubernetesCluster(name, one, namespaces, { ...defaultTiming, ...timing }, log, tracing));
    }
    return new KubernetesClusters(clusters);
  }

  get names(): readonly string[] {
    return [...this.#clusters.keys()];
  }

  get(name: string): Cluster | undefined {
    return this.#clusters.get(name);
  }

  /** In the order of the settings. */
  get all(): readonly KubernetesCluster[] {
    return [...this.#clusters.values()];
  }

  /** Of every watch that was begun. */
  get watchStates(): ({ cluster: string } & WatchState)[] {
    return [...this.#clusters].flatMap(([cluster, one]) => one.watchStates.map((state) => ({ cluster, ...state })));
  }

  /** Watches every cluster until the signal is aborted; resolves when all their sockets and timers are ended. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.all.map((cluster) => cluster.run(signal)));
  }
}
