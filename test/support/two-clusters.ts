import { delimiter } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { openTestCluster, type TestCluster } from './cluster.ts';

/** Two clusters, each behind a relay of its own: simulated, or with TEST_CLUSTER=kubeconfig the first two of KUBECONFIG. */
export async function openTwoClusters(): Promise<[TestCluster, TestCluster]> {
  const [one, other] = twoContexts();
  const open = (context: string) => openTestCluster({ context, readyMilliseconds: 20 });
  return Promise.all([open(one), open(other)]);
}

/** Both for one desk, as KUBECONFIG and KUBE_CONTEXTS name them. */
export function asOne(...clusters: [TestCluster, TestCluster]): TestCluster {
  const kubeconfig = clusters.map(({ settings }) => settings.kubeconfig).join(delimiter);
  return {
    ...clusters[0],
    settings: { kubeconfig, contexts: clusters.map(({ contextName }) => contextName) },
    close: async () => {
      for (const cluster of clusters) await cluster.close();
    },
  };
}

function twoContexts(): [string, string] {
  if (process.env['TEST_CLUSTER'] !== 'kubeconfig') return ['a', 'b'];
  const config = new KubeConfig();
  config.loadFromDefault();
  const [one, other] = config.contexts.map(({ name }) => name);
  if (!one || !other) throw new Error('KUBECONFIG must name two clusters');
  return [one, other];
}
