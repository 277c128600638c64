import { hostname } from 'node:os';
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type MikroORM, openDatabase } from './adapters/database/database.ts';
import { KubernetesClusters } from './adapters/kubernetes/kubernetes-clusters.ts';
import { oidcSignIn } from './adapters/oidc/oidc-sign-in.ts';
import { openRedis, openSubscriber, waitUntilReady } from './adapters/redis/connection.ts';
import { RedisChannels } from './adapters/redis/redis-channels.ts';
import { RedisRolloutEvents } from './adapters/redis/redis-rollout-events.ts';
import { RedisTicketChanges } from './adapters/redis/redis-ticket-changes.ts';
import { RedisTokens } from './adapters/redis/redis-tokens.ts';
import { createApp } from './app.ts';
import { loadApplications } from './applications-file.ts';
import { type Config, ConfigError } from './config.ts';
import { Live } from './graphql/live.ts';
import { registerApplications, type Registration } from './operations/applications.ts';
import type { Dependencies, Desk } from './operations/dependencies.ts';
import { sweepExpiries } from './operations/expiries.ts';
import { resumeApprovedTickets } from './operations/issue-tokens.ts';
import { RolloutFollower } from './operations/rollout-follower.ts';

export type Service = {
  url: string;
  subscriptionsUrl: string;
  /** Stops accepting, hands over what it follows, and ends everything that it started; asked twice it is done once. */
  stop: () => Promise<void>;
};

/** How often tickets whose tokens are not issued yet are looked for. */
const sweepMs = 1_000;

/** Starts one replica. Throws ConfigError where the database is not fit to serve from. */
export async function startService(config: Config, log: Logger): Promise<Service> {
  const clusters = KubernetesClusters.load(config.kubernetes, log);
  const registrations =
    config.applicationsFile === null ? [] : await loadApplications(config.applicationsFile, clusters.names);
  const orm = await openMigratedDatabase(config);
  const processId = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const redis = openRedis(config.redisUrl, 'cratos-redeploy', log);
  const subscriber = openSubscriber(config.redisUrl, 'cratos-redeploy-events', log);
  await waitUntilReady(redis);
  const channels = new RedisChannels(redis, subscriber, log);
  const deps: Dependencies = {
    orm,
    clusters,
    log,
    processId,
    limits: config.limits,
    tokens: new RedisTokens(redis),
    rolloutEvents: new RedisRolloutEvents(channels),
    ticketChanges: new RedisTicketChanges(channels),
  };
  const follower = new RolloutFollower(deps);
  const desk: Desk = { ...deps, follow: (operation) => follower.adopt(operation) };
  const live = new Live(desk);
  const app = createApp(desk, live, oidcSignIn(config.oidc), config.graphiql);

  const serving = new AbortController();
  const watching = new AbortController();
  const watches = clusters.run(watching.signal);
  const loops = [follower.run(serving.signal), live.run(serving.signal), sweep(desk, registrations, serving.signal)];
  const end = async (): Promise<void> => {
    await app.close();
    serving.abort();
    await Promise.all(loops);
    watching.abort();
    await watches;
    redis.disconnect();
    subscriber.disconnect();
    await orm.close(true);
    log.info('stopped');
  };
  let ending: Promise<void> | undefined;
  const stop = (): Promise<void> => (ending ??= end());

  const { port } = await listen(app.server, config.port, config.host).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const address = `${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`;
  log.info({ address, processId, clusters: clusters.names }, 'serving');
  return { url: `http://${address}/graphql`, subscriptionsUrl: `ws://${address}/graphql`, stop };
}

async function openMigratedDatabase({ databaseUrl, databaseMigrationUrl }: Config): Promise<MikroORM> {
  const { databaseFaults, migrate } = await import('./adapters/database/migrate.ts');
  const orm = openDatabase(databaseUrl);
  try {
    if (databaseMigrationUrl !== null) {
      await migrate(databaseMigrationUrl, decodeURIComponent(new URL(databaseUrl).username));
    }
    const faults = await databaseFaults(orm);
    if (faults.length === 0) return orm;
    throw new ConfigError(faults.join('\n'));
  } catch (error) {
    await orm.close(true);
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`the database cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

/** What a crash or an absent dependency left undone is taken up again. */
async function sweep(desk: Desk, registrations: readonly Registration[], signal: AbortSignal): Promise<void> {
  let isRegistered = registrations.length === 0;
  const registerFromFile = async () => {
    if (isRegistered) return;
    await registerApplications(desk, registrations);
    isRegistered = true;
  };
  while (!signal.aborted) {
    for (const work of [registerFromFile, resumeApprovedTickets, sweepExpiries]) {
      await work(desk).catch((error: unknown) => desk.log.warn({ err: error }, `${work.name} failed`));
    }
    await pause(sweepMs, undefined, { signal }).catch(() => undefined);
  }
}

function listen(server: ReturnType<typeof createApp>['server'], port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}
