import { RedeployDocument } from '../../src/documents/generated/graphql.ts';
import type { Benchmark, OpenSide } from '../harness/benchmark.ts';
import { startBareRedeploy } from '../references/bare-redeploy.ts';
import { Asker } from '../world/asker.ts';
import { startWorld, type World } from '../world/dependencies.ts';
import { DeskClient } from '../world/desk-client.ts';
import { createEmptyDeployments } from '../world/empty-deployments.ts';
import { startProduct } from '../world/product.ts';

const perRound = 60;
const perTicket = 20; // no ticket holds more
const limits = {
  REDEPLOYS_PER_MINUTE: '100000',
  REDEPLOYS_PER_HOUR: '100000',
  REDEPLOYS_PER_USER_PER_MINUTE: '100000',
  REDEPLOYS_PER_USER_PER_HOUR: '100000',
};
const namesOf = (side: string): string[] => Array.from({ length: perRound }, (_, index) => `${side}-${index}`);

function openSide(server: { url: string; stop: () => Promise<unknown> }, world: World, names: string[]): OpenSide {
  const asker = new Asker();
  const variables = names.map((applicationName) => ({ input: { applicationName } }));
  const asked = { url: server.url, token: world.tokens['alice']!, query: RedeployDocument.toString(), variables };
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
  prepare: (keep) => startWorld(keep, { env: limits }),
  sides: {
    product: async (world) => {
      const names = namesOf('product');
      await createEmptyDeployments(world.env['KUBECONFIG']!, names);
      const service = await startProduct(world);
      const desk = new DeskClient(service, world);
      for (const name of names) await desk.register(name, { namespace: 'default', deploymentName: name });
      for (let at = 0; at < names.length; at += perTicket) await desk.authorize(...names.slice(at, at + perTicket));
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
