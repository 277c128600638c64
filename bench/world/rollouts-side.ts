import type { Side } from '../harness/benchmark.ts';
import { Asker } from './asker.ts';
import type { World } from './dependencies.ts';
import { authorizeDeployers, redeploysOf } from './deployers.ts';
import { openOwnCluster } from './own-cluster.ts';
import { startProduct } from './product.ts';

/** So many at once, and how often in a round. */
type Rollouts = { atOnce: number; times: number };

const deployersAtOnce = 4;
/** Before anything counts: the code is as hot for few as for many. */
const warmUps = 60;

/** A service that follows so many rollouts at once, in a cluster of its own. */
export const rolloutsSide =
  ({ atOnce, times }: Rollouts): Side<World> =>
  async (shared) => {
    const name = `at-once-${atOnce}`;
    const counted = atOnce * times;
    const deployments = Array.from({ length: Math.max(counted, warmUps) }, (_, index) => `${name}-${index}`);
    const { world, cluster, close } = await openOwnCluster(shared, { name, deployments, readyMilliseconds: 20 });
    const service = await startProduct(world);
    await authorizeDeployers(service, world, deployments);
    const asker = new Asker();
    const all = redeploysOf(service, world, deployments, deployersAtOnce);

    /** The cluster's controllers rest until all are under way. */
    async function rollOut(from: number, to: number): Promise<number> {
      await cluster.controllers('pause');
      await asker.redeploy({ ...all, requests: all.requests.slice(from, to) }, world.redisUrl);
      await cluster.controllers('resume');
      const { most } = await asker.untilRolledOut();
      return most;
    }
    await rollOut(0, warmUps);

    return {
      round: async () => {
        const before = await cluster.requests();
        let mostAtOnce = 0;
        for (let at = 0; at < counted; at += atOnce) {
          mostAtOnce = Math.max(mostAtOnce, await rollOut(at, at + atOnce));
        }
        const { watches, requests } = await cluster.requests();
        return { units: counted, atOnce: mostAtOnce, watches, requests: (requests - before.requests) / counted };
      },
      close: async () => {
        await asker.close();
        await service.stop();
        await close();
      },
    };
  };
