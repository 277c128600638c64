import { PassThrough } from 'node:stream';
import pino from 'pino';
import { KubernetesClusters } from '../../../src/adapters/kubernetes/kubernetes-clusters.ts';
import type { KubernetesSettings } from '../../../src/adapters/kubernetes/kubernetes-clusters.ts';
import type { KubernetesTiming } from '../../../src/adapters/kubernetes/kubernetes-cluster.ts';
import type { Cluster, ClusterChange, RolloutSnapshot } from '../../../src/domain/cluster.ts';

export const quick: Partial<KubernetesTiming> = {
  requestMilliseconds: 500,
  firstPauseMilliseconds: 5,
  longestPauseMilliseconds: 50,
};

/** A cluster whose watches run, with everything that it told and logged. */
export type WatchedCluster = {
  cluster: Cluster;
  changes: ClusterChange[];
  logged: { level: number; msg: string; why?: string }[];
  states(): KubernetesClusters['watchStates'];
  snapshot(namespace: string, name: string): RolloutSnapshot | undefined;
  /** Resolves when everything has ended. */
  stop(): Promise<void>;
};

export function watchCluster(settings: KubernetesSettings, timing: Partial<KubernetesTiming> = quick): WatchedCluster {
  const logged: WatchedCluster['logged'] = [];
  const stream = new PassThrough();
  stream.on('data', (line: Buffer) => logged.push(JSON.parse(line.toString()) as (typeof logged)[number]));
  const clusters = KubernetesClusters.load(settings, pino({ level: 'debug' }, stream), timing);
  const cluster = clusters.get(clusters.names[0]!)!;
  const changes: ClusterChange[] = [];
  cluster.onChange((change) => changes.push(change));
  const stop = new AbortController();
  const running = clusters.run(stop.signal);
  return {
    cluster,
    changes,
    logged,
    states: () => clusters.watchStates,
    snapshot: (namespace, name) => {
      try {
        return cluster.snapshot(namespace, name);
      } catch {
        return undefined;
      }
    },
    stop: () => {
      stop.abort();
      return running;
    },
  };
}
