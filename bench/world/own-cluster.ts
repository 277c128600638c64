import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClusterApart } from './cluster-apart.ts';
import { applicationsFile } from './deployers.ts';
import type { World } from './dependencies.ts';

/** The same world with a cluster of one side's own, in which these Deployments of one pod are up, each an application. */
export async function openOwnCluster(
  world: World,
  start: { name: string; deployments: readonly string[]; readyMilliseconds: number },
) {
  const cluster = new ClusterApart();
  const folder = await mkdtemp(join(tmpdir(), 'cratos-bench-'));
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, await cluster.start(start), { mode: 0o600 });
  const applications = join(folder, 'applications.json');
  await writeFile(applications, applicationsFile(start.deployments));
  return {
    cluster,
    world: { ...world, env: { ...world.env, KUBECONFIG: kubeconfig, APPLICATIONS_FILE: applications } },
    close: async () => {
      await cluster.close();
      await rm(folder, { recursive: true });
    },
  };
}
