import type { Benchmark, OpenSide } from '../harness/benchmark.ts';
import { startBareRedeploy } from '../references/bare-redeploy.ts';
import { Asker } from '../world/asker.ts';
import { startWorld, type World } from '../world/dependencies.ts';
import { authorizeDeployers, deployersOf, redeployLimits, redeploysOf } from '../world/deployers.ts';
import { createEmptyDeployments } from '../world/empty-deployments.ts';
import { startProduct } from '../world/product.ts';

const perRound = 60;
const namesOf = (side: string): string[] => Array.from({ length: perRound }, (_, index) => `${side}-${index}`);

function openSide(server: { url: string; stop: () => Promise<unknown> }, world: World, names: string[]): OpenSide {
  const asker = new Asker();
  const asked = redeploysOf(server, world, names);
  return {
    pids: [world.postgresPid],
    round: async () => {
      await asker.ask(asked);
      return { units: names.length };
    },
    close: async () => {
      await asker.close();
      await server.stop();
    },
  };
}

/** The whole mutation, from the request to the answer that Kubernetes has the change. */
const benchmark: Benchmark<World> = {
  name: 'redeploy',
  figures: { cpu: 'µs of CPU per redeploy, Node and PostgreSQL' },
  goals: [{ figure: 'cpu', of: 'product', against: 'bare', atMost: 2 }],
  prepare: (keep) => startWorld(keep, { people: deployersOf(perRound), env: redeployLimits }),
  sides: {
    product: async (world) => {
      const names = namesOf('product');
      await createEmptyDeployments(world.env['KUBECONFIG']!, names);
      const service = await startProduct(world);
      await authorizeDeployers(service, world, names);
      return openSide(service, world, names);
    },
    bare: async (world) => {
      const names = namesOf('bare');
      await createEmptyDeployments(world.env['KUBECONFIG']!, names);
      return openSide(await startBareRedeploy(world.ownerUrl, world.env['KUBECONFIG']!), world, names);
    },
  },
};

export default benchmark;
