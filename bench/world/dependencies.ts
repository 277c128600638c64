import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulatedCluster } from '../../src/sandbox/cluster/simulated-cluster.ts';
import { startIssuer } from '../../src/sandbox/issuer.ts';
import { startPostgres } from '../../src/sandbox/postgres.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import type { Keep } from '../harness/benchmark.ts';

/** What the product stands on, as its sides are told of it. */
export type World = {
  /** The environment that the service is started with. */
  env: Record<string, string>;
  /** As the owner, who may change what the service may not. */
  ownerUrl: string;
  redisUrl: string;
  postgresPid: number;
  /** Null where Redis is a stand-in in the harness's own process. */
  redisPid: number | null;
  /** Bearer tokens by username. */
  tokens: Record<string, string>;
};

export type Person = { username: string; roles: readonly string[] };

/** Those who ask, approve and register. */
const staff: readonly Person[] = [
  { username: 'alice', roles: ['APPLICATION_DEPLOYER'] },
  { username: 'carol', roles: ['APPROVER'] },
  { username: 'grace', roles: ['ADMIN'] },
];

/** PostgreSQL that keeps its promises, Redis, a simulated cluster unless another one is given, and an issuer. */
export async function startWorld(
  keep: Keep,
  { people = [], env = {} }: { people?: readonly Person[]; env?: Record<string, string> } = {},
): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'cratos-bench-'));
  await keep(Promise.resolve({ stop: () => rm(folder, { recursive: true, force: true }) }));
  await chmod(folder, 0o711); // as root PostgreSQL runs as somebody else, who must get through to its own folder
  const postgres = await keep(startPostgres({ folder: join(folder, 'postgres') }));
  const redis = await keep(startRedis({ folder: join(folder, 'redis') }));
  const issuer = await keep(startIssuer());
  const kubeconfig = join(folder, 'kubeconfig');
  if (env['KUBECONFIG'] === undefined) {
    const cluster = await keep(startSimulatedCluster({ name: 'simulated', readyMilliseconds: 20 }));
    await writeFile(kubeconfig, cluster.kubeconfig, { mode: 0o600 });
  }
  const tokens: Record<string, string> = {};
  for (const { username, roles } of [...staff, ...people]) {
    tokens[username] = await issuer.sign({ subject: randomUUID(), username, roles });
  }
  const redisPid = Number(await readFile(join(folder, 'redis', 'redis.pid'), 'utf8').catch(() => '0'));
  return {
    env: {
      PORT: '0',
      DATABASE_URL: postgres.serviceUrl,
      DATABASE_MIGRATION_URL: postgres.ownerUrl,
      REDIS_URL: redis.url,
      KUBECONFIG: kubeconfig,
      OIDC_ISSUER: issuer.url,
      ...env,
    },
    ownerUrl: postgres.ownerUrl,
    redisUrl: redis.url,
    postgresPid: postgres.pid,
    redisPid: redisPid === 0 ? null : redisPid,
    tokens,
  };
}
