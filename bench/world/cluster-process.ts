import { setTimeout as pause } from 'node:timers/promises';
import { AppsV1Api, KubeConfig } from '@kubernetes/client-node';
import { type SimulatedCluster, startSimulatedCluster } from '../../src/sandbox/cluster/simulated-cluster.ts';
import type { SeedObject } from '../../src/sandbox/cluster/guide-objects.ts';
import type { ApiRequests, ClusterOrder } from './cluster-apart.ts';

/** Plays a cluster, and counts what it is asked. */
let cluster: SimulatedCluster;
const watched = new Set<string>();
let requests = 0;

const deploymentOf = (name: string): SeedObject => ({
  resource: 'deployments',
  namespace: 'default',
  object: {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'app', image: 'web:v1' }] } },
    },
  },
});

async function untilUp(): Promise<void> {
  const config = new KubeConfig();
  config.loadFromString(cluster.kubeconfig);
  const apps = config.makeApiClient(AppsV1Api);
  for (;;) {
    const { items } = await apps.listNamespacedDeployment({ namespace: 'default' });
    if (items.every(({ status }) => status?.availableReplicas === 1)) return;
    await pause(100);
  }
}

async function carryOut(order: ClusterOrder): Promise<string | ApiRequests | null> {
  if ('start' in order) {
    const { name, deployments, readyMilliseconds } = order.start;
    cluster = await startSimulatedCluster({ name, readyMilliseconds, objects: deployments.map(deploymentOf) });
    await untilUp();
    cluster.intercept = ({ path, query }) => {
      if (query.has('watch')) watched.add(path);
      else requests += 1;
      return undefined;
    };
    return cluster.kubeconfig;
  }
  if ('controllers' in order) {
    if (order.controllers === 'pause') cluster.pauseControllers();
    else cluster.resumeControllers();
    return null;
  }
  return { watches: watched.size, requests };
}

process.on('message', (order: ClusterOrder) => {
  carryOut(order).then(
    (done) => process.send!({ done }),
    (error: unknown) => process.send!({ failed: String(error) }),
  );
});
process.once('disconnect', () => process.exit());
