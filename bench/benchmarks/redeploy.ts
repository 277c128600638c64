import type { Benchmark, OpenSide } from '../harness/benchmark.ts';
import { spreadOf } from '../harness/statistics.ts';
import { startBareRedeploy } from '../references/bare-redeploy.ts';
import { Asker } from '../world/asker.ts';
import { startWorld, type World } from '../world/dependencies.ts';
import { authorizeDeployers, deployersOf, redeployLimits, redeploysOf } from '../world/deployers.ts';
import { openOwnCluster } from '../world/own-cluster.ts';
import { startProduct } from '../world/product.ts';

const perRound = 60;

type Server = { url: string; stop: () => Promise<unknown> };

/** The controllers rest while it is measured: what follows a mutation is no part of it, and `rollouts` measures that. */
async function openSide(
  shared: World,
  name: string,
  start: (world: World, deployments: string[]) => Promise<Server>,
  tellsOfRollouts: boolean,
): Promise<OpenSide> {
  const deployments = Array.from({ length: perRound }, (_, index) => `${name}-${index}`);
  const { world, cluster, close } = await openOwnCluster(shared, { name, deployments, readyMilliseconds: 20 });
  const server = await start(world, deployments);
  await cluster.controllers('pause');
  const asker = new Asker();
  const asked = redeploysOf(server, world, deployments, 1);
  return {
    pids: [world.postgresPid],
    round: async () => {
      const before = process.cpuUsage();
      const { latencies } = await asker.redeploy(asked, tellsOfRollouts ? world.redisUrl : null);
      const { user, system } = process.cpuUsage(before);
      return { units: perRound, node: (user + system) / perRound, latency: spreadOf(latencies).median };
    },
    afterwards: async () => {
      await cluster.controllers('resume');
      if (tellsOfRollouts) await asker.untilRolledOut();
      await cluster.controllers('pause');
      return {};
    },
    close: async () => {
      await asker.close();
      await server.stop();
      await close();
    },
  };
}

async function startAuthorized(world: World, deployments: string[]): Promise<Server> {
  const service = await startProduct(world);
  await authorizeDeployers(service, world, deployments);
  return service;
}

/** The mutation, one after the other, each from the request to the answer that Kubernetes has the change. */
const benchmark: Benchmark<World> = {
  name: 'redeploy',
  figures: {
    cpu: 'µs of CPU per redeploy, Node and PostgreSQL',
    node: "µs of it that are Node's",
    latency: 'ms from the request to its answer, as the median of a round',
  },
  goals: [
    { figure: 'cpu', of: 'product', against: 'bare', atMost: 2 },
    { figure: 'latency', of: 'product', against: 'bare', atMost: 2 },
  ],
  prepare: (keep) => startWorld(keep, { people: deployersOf(perRound), env: redeployLimits }),
  warmUps: 4,
  sides: {
    product: (world) => openSide(world, 'product', startAuthorized, true),
    bare: (world) => openSide(world, 'bare', bareOf, false),
  },
};

const bareOf = ({ ownerUrl, env }: World): Promise<Server> => startBareRedeploy(ownerUrl, env['KUBECONFIG']!);

export default benchmark;
