import type { Side } from '../harness/benchmark.ts';
import { Asker } from './asker.ts';
import type { World } from './dependencies.ts';
import { authorizeDeployers, redeploysOf } from './deployers.ts';
import { openOwnCluster } from './own-cluster.ts';
import { startProduct } from './product.ts';

type Rollouts = {
  atOnce: number;
  /** How often in a round. */
  times: number;
  /** How long a pod takes to start, and to become ready: long enough that the first is under way when the last begins. */
  readyMilliseconds: number;
};

const deployersAtOnce = 4;

/** A service that follows so many rollouts at once, in a cluster of its own. */
export const rolloutsSide =
  ({ atOnce, times, readyMilliseconds }: Rollouts): Side<World> =>
  async (shared) => {
    const name = `at-once-${atOnce}`;
    const deployments = Array.from({ length: atOnce * times }, (_, index) => `${name}-${index}`);
    const { world, cluster, close } = await openOwnCluster(shared, { name, deployments, readyMilliseconds });
    const service = await startProduct(world);
    await authorizeDeployers(service, world, deployments);
    const asker = new Asker();
    const all = redeploysOf(service, world, deployments, deployersAtOnce);
    return {
      round: async () => {
        const before = await cluster.requests();
        let mostAtOnce = 0;
        for (let at = 0; at < deployments.length; at += atOnce) {
          await asker.redeploy({ ...all, requests: all.requests.slice(at, at + atOnce) }, world.redisUrl);
          const { most } = await asker.untilRolledOut();
          mostAtOnce = Math.max(mostAtOnce, most);
        }
        const { watches, requests } = await cluster.requests();
        const units = deployments.length;
        return { units, atOnce: mostAtOnce, watches, requests: (requests - before.requests) / units };
      },
      close: async () => {
        await asker.close();
        await service.stop();
        await close();
      },
    };
  };
