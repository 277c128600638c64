import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Side } from '../harness/benchmark.ts';
import { Asker } from './asker.ts';
import { ClusterApart } from './cluster-apart.ts';
import type { World } from './dependencies.ts';
import { authorizeDeployers, redeploysOf } from './deployers.ts';
import { startProduct } from './product.ts';

type Rollouts = {
  atOnce: number;
  /** How often in a round. */
  times: number;
  /** How long a pod takes to start, and to become ready: long enough that the first is under way when the last begins. */
  readyMilliseconds: number;
};

/** A service that follows so many rollouts at once, in a cluster of its own. */
export const rolloutsSide =
  ({ atOnce, times, readyMilliseconds }: Rollouts): Side<World> =>
  async (world) => {
    const name = `at-once-${atOnce}`;
    const applications = Array.from({ length: atOnce * times }, (_, index) => `${name}-${index}`);
    const cluster = new ClusterApart();
    const folder = await mkdtemp(join(tmpdir(), 'cratos-bench-'));
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, await cluster.start({ name, deployments: applications, readyMilliseconds }));
    const own = { ...world, env: { ...world.env, KUBECONFIG: kubeconfig } };
    const service = await startProduct(own);
    await authorizeDeployers(service, own, applications);
    const asker = new Asker();
    const all = redeploysOf(service, own, applications);
    return {
      round: async () => {
        const before = await cluster.requests();
        let most = 0;
        for (let at = 0; at < applications.length; at += atOnce) {
          const asked = { ...all, requests: all.requests.slice(at, at + atOnce) };
          const rolledOut = await asker.rollOut(asked, world.redisUrl);
          most = Math.max(most, rolledOut.most);
        }
        const { watches, requests } = await cluster.requests();
        const units = applications.length;
        return { units, atOnce: most, watches, requests: (requests - before.requests) / units };
      },
      close: async () => {
        await asker.close();
        await service.stop();
        await cluster.close();
        await rm(folder, { recursive: true });
      },
    };
  };
