import { hostname } from 'node:os';
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type MikroORM, openDatabase, poolCounts } from './adapters/database/database.ts';
import { CheckpointFile } from './adapters/file/checkpoint-file.ts';
import { KubernetesClusters } from './adapters/kubernetes/kubernetes-clusters.ts';
import { oidcSignIn } from './adapters/oidc/oidc-sign-in.ts';
import { openRedis, openSubscriber, waitUntilReady } from './adapters/redis/connection.ts';
import { RedisChannels } from './adapters/redis/redis-channels.ts';
import { RedisRegistryChanges } from './adapters/redis/redis-registry-changes.ts';
import { RedisRolloutEvents } from './adapters/redis/redis-rollout-events.ts';
import { RedisTicketChanges } from './adapters/redis/redis-ticket-changes.ts';
import { RedisTokens } from './adapters/redis/redis-tokens.ts';
import { WebhookReceiver } from './adapters/webhook/webhook-receiver.ts';
import type { Tracing } from './domain/tracing.ts';
import { createApp } from './http/app.ts';
import { loadApplications, register, registerLater } from './settings/applications-file.ts';
import { type Config, ConfigError } from './settings/config.ts';
import { Live } from './graphql/live.ts';
import { auditSealer, recordSigningKey } from './operations/audit-sealing.ts';
import { checkpointKeeper } from './operations/checkpoint-keeping.ts';
import { Metrics } from './metrics/metrics.ts';
import { type MetricsServer, serveMetrics } from './metrics/metrics-server.ts';
import type { Dependencies, Desk } from './operations/dependencies.ts';
import { expiringTokensSweep } from './operations/expiring-tokens.ts';
import { sweepExpiries } from './operations/expiries.ts';
import { recordLateSuccesses } from './operations/late-successes.ts';
import { RecordFigures } from './operations/record-figures.ts';
import { rolloutAnnouncer } from './operations/rollout-announcements.ts';
import { resumeApprovedTickets } from './operations/issue-tokens.ts';
import { tidyOutbox } from './operations/outbox.ts';
import { sendNotifications } from './operations/outbox-sending.ts';
import { RolloutFollower } from './operations/rollout-follower.ts';
import { lostCopiesSweep } from './operations/token-copies.ts';
import { loadPolicies } from './settings/policy-file.ts';
import { loadSigningKeys } from './settings/signing-keys.ts';

export type Service = {
  url: string;
  subscriptionsUrl: string;
  /** For Prometheus; null where it is not served. */
  metricsUrl: string | null;
  /** Stops accepting, hands over what it follows, and ends everything that it started; asked twice it is done once. */
  stop: () => Promise<void>;
};

/** How often what is left undone is looked for. */
const sweepMs = 1_000;

/** Starts one replica. Throws ConfigError where the database or a file that it names is not fit to serve from. */
export async function startService(config: Config, log: Logger, tracing: Tracing | null = null): Promise<Service> {
  const clusters = KubernetesClusters.load(config.kubernetes, log, {}, tracing ?? undefined);
  const applications =
    config.applicationsFile === null ? null : await loadApplications(config.applicationsFile, clusters.names);
  const policies = config.policyFile === null ? [] : await loadPolicies(config.policyFile);
  const { sealSeconds, signingKeyFile, checkpointFile } = config.audit;
  const auditKeys = signingKeyFile === null ? null : await loadSigningKeys(signingKeyFile);
  const checkpoints = checkpointFile === null ? null : await openCheckpointFile(checkpointFile);
  const orm = await openMigratedDatabase(config, tracing);
  const processId = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const redis = openRedis(config.redisUrl, 'cratos-redeploy', log, tracing);
  const subscriber = openSubscriber(config.redisUrl, 'cratos-redeploy-events', log);
  await waitUntilReady(redis);
  const channels = new RedisChannels(redis, subscriber, log);
  const metrics = config.metrics && new Metrics(config.metrics, log);
  const deps: Dependencies = {
    orm,
    clusters,
    log,
    processId,
    limits: config.limits,
    auditKeys,
    notifies: config.webhook !== null,
    ...(metrics && { measurements: metrics }),
    ...(tracing && { tracing }),
    policies,
    tokens: new RedisTokens(redis),
    rolloutEvents: new RedisRolloutEvents(channels),
    ticketChanges: new RedisTicketChanges(channels),
    registryChanges: new RedisRegistryChanges(channels),
  };
  const follower = new RolloutFollower(deps);
  const desk: Desk = { ...deps, follow: (operation) => follower.adopt(operation) };
  const live = new Live(desk);
  const app = createApp(desk, live, oidcSignIn(config.oidc), config.graphiql, config.edge);

  const record = new RecordFigures(deps);
  metrics?.observe({
    readFigures: () => record.read(),
    followedCount: () => follower.followedCount,
    openCounts: () => app.connections.counts,
    watches: () => clusters.watchStates,
    databasePool: () => poolCounts(orm),
  });

  const serving = new AbortController();
  const watching = new AbortController();
  const watches = clusters.run(watching.signal);
  // Apart, so that a cluster that does not answer keeps no token waiting.
  const sweeps = [
    sweep(desk, [resumeApprovedTickets, sweepExpiries, lostCopiesSweep()], serving.signal),
    sweep(desk, [rolloutAnnouncer(), recordLateSuccesses], serving.signal),
    sweep(desk, [auditSealer(sealSeconds, auditKeys)], serving.signal),
    ...(checkpoints ? [sweep(desk, [checkpointKeeper(checkpoints)], serving.signal)] : []),
  ];
  const loops = [follower.run(serving.signal), live.run(serving.signal), ...sweeps];
  if (config.webhook) loops.push(tell(desk, config.webhook, serving.signal));
  let metricsServer: MetricsServer | null = null;
  const end = async (): Promise<void> => {
    await app.close();
    serving.abort();
    await Promise.all(loops);
    await metricsServer?.close();
    watching.abort();
    await watches;
    redis.disconnect();
    subscriber.disconnect();
    await orm.close(true);
    log.info('stopped');
  };
  let ending: Promise<void> | undefined;
  const stop = (): Promise<void> => (ending ??= end());

  const start = async (): Promise<{ port: number; metricsUrl: string | null }> => {
    await recordSigningKey(desk, auditKeys);
    if (applications) {
      const away = await register(desk, applications);
      if (away) loops.push(registerLater(desk, applications, away, serving.signal));
    }
    if (metrics && config.metrics) metricsServer = await serveMetrics(metrics, config.metrics, log);
    const { port } = await listen(app.server, config.port, config.host);
    return { port, metricsUrl: metricsServer?.url ?? null };
  };
  const { port, metricsUrl } = await start().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const address = `${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`;
  log.info({ address, metricsUrl, processId, clusters: clusters.names }, 'serving');
  return { url: `http://${address}/graphql`, subscriptionsUrl: `ws://${address}/graphql`, metricsUrl, stop };
}

/** Tells the webhook's receiver, however long that one takes: nothing else waits for it. */
async function tell(desk: Desk, webhook: NonNullable<Config['webhook']>, signal: AbortSignal): Promise<void> {
  const receiver = new WebhookReceiver(webhook);
  const works = [expiringTokensSweep(webhook.tokenExpiresSoonMinutes), tidyOutbox];
  await Promise.all([sendNotifications(desk, receiver, signal), sweep(desk, works, signal)]);
  await receiver.close();
}

async function openCheckpointFile(path: string): Promise<CheckpointFile> {
  const file = new CheckpointFile(path);
  await file.append([]).catch((error: Error) => {
    throw new ConfigError(`AUDIT_CHECKPOINT_FILE ${path} cannot be used: ${error.message}`);
  });
  return file;
}

async function openMigratedDatabase(
  { databaseUrl, databaseMigrationUrl }: Config,
  tracing: Tracing | null,
): Promise<MikroORM> {
  const { databaseFaults, migrate } = await import('./adapters/database/migrate.ts');
  const orm = openDatabase(databaseUrl, undefined, undefined, tracing);
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
async function sweep(
  desk: Desk,
  works: readonly ((deps: Dependencies) => Promise<void>)[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const work of works) {
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
