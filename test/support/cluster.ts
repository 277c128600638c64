import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppsV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import type { V1Deployment } from '@kubernetes/client-node';
import type { KubernetesSettings } from '../../src/adapters/kubernetes/kubernetes-clusters.ts';
import { startSimulatedCluster } from '../../src/sandbox/cluster/simulated-cluster.ts';
import type { SimulatedCluster } from '../../src/sandbox/cluster/simulated-cluster.ts';
import type { Access } from '../../src/domain/cluster.ts';
import { Relay } from './relay.ts';
import { openServiceAccount } from './service-account.ts';

export type DeploymentWish = {
  name: string;
  image: string;
  replicas?: number;
  strategy?: 'RollingUpdate' | 'Recreate';
  paused?: boolean;
  annotations?: Record<string, string>;
  revisionHistoryLimit?: number;
};

/**
 * The cluster under test, reached through a relay that can break; the test's own acts go past it. On a real one the
 * service acts under the role that the chart gives it, the test under that of KUBECONFIG.
 */
export type TestCluster = {
  kind: 'simulated' | 'real';
  settings: KubernetesSettings & { kubeconfig: string };
  contextName: string;
  api: { apps: AppsV1Api; core: CoreV1Api };
  relay: Relay;
  simulated?: SimulatedCluster;
  /** A name of its own; removed with everything in it at `close`. */
  createNamespace(): Promise<string>;
  createDeployment(namespace: string, wish: DeploymentWish): Promise<V1Deployment>;
  /** Cuts every connection of the cluster under test. */
  breakWatches(): Promise<void>;
  close(): Promise<void>;
};

/**
 * A simulated cluster of its own, or with TEST_CLUSTER=kubeconfig the one that KUBECONFIG names unless it must be
 * simulated: the current context's, or that of `context`. `without` is taken away from the service's role there.
 */
export async function openTestCluster(
  options: { mustBeSimulated?: boolean; readyMilliseconds?: number; context?: string; without?: Access } = {},
): Promise<TestCluster> {
  const { mustBeSimulated = false, readyMilliseconds = 50, context, without } = options;
  const config = new KubeConfig();
  let simulated: SimulatedCluster | undefined;
  if (process.env['TEST_CLUSTER'] === 'kubeconfig' && !mustBeSimulated) {
    config.loadFromDefault();
    if (context !== undefined) config.setCurrentContext(context);
  } else {
    simulated = await startSimulatedCluster({ name: context ?? 'simulated', readyMilliseconds });
    config.loadFromString(simulated.kubeconfig);
  }
  const relay = await Relay.to(config.getCurrentCluster()?.server ?? '');
  const directory = await mkdtemp(join(tmpdir(), 'test-cluster-'));
  const kubeconfig = join(directory, 'kubeconfig');
  const account = simulated ? undefined : await openServiceAccount(config, without);
  await writeFile(kubeconfig, relayed(config, relay, account?.token), { mode: 0o600 });
  const api = { apps: config.makeApiClient(AppsV1Api), core: config.makeApiClient(CoreV1Api) };
  const namespaces: string[] = [];

  return {
    kind: simulated ? 'simulated' : 'real',
    settings: { kubeconfig },
    contextName: config.currentContext,
    api,
    relay,
    simulated,
    createNamespace: async () => {
      const name = `test-${randomUUID().slice(0, 8)}`;
      await api.core.createNamespace({ body: { metadata: { name } } });
      namespaces.push(name);
      return name;
    },
    createDeployment: (namespace, wish) => api.apps.createNamespacedDeployment({ namespace, body: manifest(wish) }),
    breakWatches: async () => relay.cut(),
    close: async () => {
      await relay.close();
      await simulated?.stop();
      await account?.close();
      if (!simulated) for (const name of namespaces) await api.core.deleteNamespace({ name });
      await rm(directory, { recursive: true });
    },
  };
}

/** Of the current context only, so that several such files make one kubeconfig. */
function relayed(config: KubeConfig, relay: Relay, token: string | undefined): string {
  const through = new KubeConfig();
  const { currentContext } = config;
  const cluster = config.getCurrentCluster()!;
  const server = Object.assign(new URL(cluster.server), { host: `127.0.0.1:${relay.port}` }).toString();
  through.loadFromOptions({
    clusters: [{ ...cluster, server: server.replace(/\/$/, '') }],
    users: [token === undefined ? config.getCurrentUser()! : { name: config.getCurrentUser()!.name, token }],
    contexts: [config.getContextObject(currentContext)!],
    currentContext,
  });
  return through.exportConfig();
}

function manifest(wish: DeploymentWish): V1Deployment {
  const { name, image, replicas = 1, strategy = 'RollingUpdate', paused, annotations, revisionHistoryLimit } = wish;
  const labels = { app: name };
  return {
    metadata: { name, annotations },
    spec: {
      replicas,
      paused,
      revisionHistoryLimit,
      strategy: { type: strategy },
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'app', image }] } },
    },
  };
}
