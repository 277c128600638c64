import { randomUUID } from 'node:crypto';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import type { Benchmark, Side } from '../harness/benchmark.ts';
import { redeployLimits } from '../world/deployers.ts';
import { DeskClient } from '../world/desk-client.ts';
import { startWorld, type World } from '../world/dependencies.ts';
import { startProduct } from '../world/product.ts';
import { type Placed, RolloutWatcher } from '../world/rollout-watcher.ts';

const kubeconfig = process.env['KUBECONFIG'] ?? '';
const kubectl = process.env['KUBECTL'] ?? 'kubectl';

/** A Deployment of its own for each side, gone with its namespace. */
async function place(watcher: RolloutWatcher): Promise<{ placed: Placed; remove: () => Promise<void> }> {
  const name = `bench-${randomUUID().slice(0, 8)}`;
  const placed = { namespace: name, name, replicas: 5 };
  await watcher.place(placed, kubeconfig);
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  return { placed, remove: async () => void (await core.deleteNamespace({ name })) };
}

const subscriber: Side<World> = async (world) => {
  const watcher = new RolloutWatcher();
  const { placed, remove } = await place(watcher);
  const service = await startProduct(world);
  const desk = new DeskClient(service, world);
  await desk.register(placed.name, { namespace: placed.namespace, deploymentName: placed.name });
  return {
    round: async () => {
      await desk.authorize(placed.name);
      const operationId = await desk.redeploy(placed.name);
      const url = service.subscriptionsUrl;
      const watched = await watcher.watch({ url, token: world.tokens['alice']!, operationId });
      return { units: placed.replicas, ...watched };
    },
    close: async () => {
      await watcher.close();
      await service.stop();
      await remove();
    },
  };
};

const kubectlStatus: Side<World> = async () => {
  const watcher = new RolloutWatcher();
  const { placed, remove } = await place(watcher);
  return {
    round: async () => {
      await watcher.restart();
      return { units: placed.replicas, ...(await watcher.watch({ kubectl })) };
    },
    close: async () => {
      await watcher.close();
      await remove();
    },
  };
};

/**
 * From a change at the API server to whoever watches the rollout. The service looks at the pods themselves; kubectl
 * only learns from the Deployment's status what the controllers have made of them.
 */
const benchmark: Benchmark<World> = {
  name: 'latency-kubectl',
  figures: {
    ready: 'ms from when a pod is ready, as a bare watch tells it, until the watcher knows that it came up, p50',
    available: "ms from the change of the Deployment's status, as a bare watch tells it, p50",
  },
  goals: [
    { figure: 'ready', of: 'product', against: 'kubectl', atMost: 1 },
    { figure: 'available', of: 'product', against: 'kubectl', atMost: 1 },
  ],
  prepare: (keep) => startWorld(keep, { env: { ...redeployLimits, KUBECONFIG: kubeconfig } }),
  rounds: 5,
  warmUps: 1,
  sides: { product: subscriber, kubectl: kubectlStatus },
  skipped: () =>
    process.env['TEST_CLUSTER'] === 'kubeconfig' && kubeconfig !== ''
      ? null
      : 'it needs a real control plane: TEST_CLUSTER=kubeconfig KUBECONFIG=… KUBECTL=… npm run bench -- latency-kubectl',
};

export default benchmark;
