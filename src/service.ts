import { hostname } from 'node:os';
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { openDatabase, poolCounts } from './adapters/database/database.ts';
import { CheckpointFile } from './adapters/file/checkpoint-file.ts';
import { KubernetesClusters } from './adapters/kubernetes/kubernetes-clusters.ts';
import { oidcSignIn } from './adapters/oidc/oidc-sign-in.ts';
import { openRedis, openSubscriber, waitUntilReady } from './adapters/redis/connection.ts';
import { RedisChannels } from './adapters/redis/redis-channels.ts';
import { RedisRegistryChanges } from './adapters/redis/redis-registry-changes.ts';
import { RedisRolloutEvents } from './adapters/redis/redis-rollout-events.ts';
import { RedisTicketChanges } from './adapters/redis/redis-ticket-changes.ts';
import { RedisTokens } from './adapters/redis/redis-tokens.ts';
import { RedeployError } from './domain/errors.ts';
import type { Tracing } from './domain/tracing.ts';
import { Live } from './graphql/live.ts';
import { createApp } from './http/app.ts';
import { Health } from './http/health.ts';
import { Metrics } from './metrics/metrics.ts';
import { type MetricsServer, serveMetrics } from './metrics/metrics-server.ts';
import { auditSealer, recordSigningKey } from './operations/audit-sealing.ts';
import { checkpointKeeper } from './operations/checkpoint-keeping.ts';
import type { Dependencies, Desk } from './operations/dependencies.ts';
import { sweepExpiries } from './operations/expiries.ts';
import { resumeApprovedTickets } from './operations/issue-tokens.ts';
import { recordLateSuccesses } from './operations/late-successes.ts';
import { RecordFigures } from './operations/record-figures.ts';
import { rolloutAnnouncer } from './operations/rollout-announcements.ts';
import { RolloutFollower } from './operations/rollout-follower.ts';
import { lostCopiesSweep } from './operations/token-copies.ts';
import { prepareDatabase } from './service/database-preparation.ts';
import { dependencyChecks } from './service/dependency-checks.ts';
import { sweep, tell } from './service/sweeps.ts';
import { loadApplications, register, registerLater } from './settings/applications-file.ts';
import { type Config, ConfigError } from './settings/config.ts';
import { loadPolicies } from './settings/policy-file.ts';
import { loadSigningKeys } from './settings/signing-keys.ts';

export type Service = {
  url: string;
  subscriptionsUrl: string;
  /** For Prometheus; null where it is not served. */
  metricsUrl: string | null;
  /** Resolves once it serves or was stopped before. Rejects where it never can, and has ended everything by then. */
  started: Promise<void>;
  /**
   * Not ready any more, but still serving for the delay; then takes nothing new, hands over what it follows, ends
   * subscriptions, answers what is under way and ends everything that it started. Never rejects, and resolves within
   * the time that the settings give; asked twice it is done once.
   */
  stop: () => Promise<void>;
};

/** The first connections are waited for so long before it serves without them. */
const connectMs = 2_000;
const longestPauseSeconds = 5;

/** Opens one replica, and resolves once it serves; for PostgreSQL it waits as long as it takes. */
export async function startService(config: Config, log: Logger, tracing: Tracing | null = null): Promise<Service> {
  const service = await openService(config, log, tracing);
  await service.started;
  return service;
}

/**
 * One replica that listens, answers health checks and begins to serve as soon as it can. Throws ConfigError where a
 * file that the settings name cannot be used.
 */
export async function openService(config: Config, log: Logger, tracing: Tracing | null = null): Promise<Service> {
  const clusters = KubernetesClusters.load(config.kubernetes, log, {}, tracing ?? undefined);
  const applications =
    config.applicationsFile === null ? null : await loadApplications(config.applicationsFile, clusters.names);
  const policies = config.policyFile === null ? [] : await loadPolicies(config.policyFile);
  const { sealSeconds, signingKeyFile, checkpointFile } = config.audit;
  const auditKeys = signingKeyFile === null ? null : await loadSigningKeys(signingKeyFile);
  const checkpoints = checkpointFile === null ? null : await openCheckpointFile(checkpointFile);
  const orm = openDatabase(config.databaseUrl, undefined, undefined, tracing);
  const probe = openDatabase(config.databaseUrl, 1, 2_000);
  const processId = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const redis = openRedis(config.redisUrl, 'cratos-redeploy', log, tracing);
  const subscriber = openSubscriber(config.redisUrl, 'cratos-redeploy-events', log);
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
  const signIn = oidcSignIn(config.oidc);
  const health = new Health(dependencyChecks({ probe, redis, signIn, clusters }), log);
  const app = createApp(desk, live, signIn, health, config.graphiql, config.edge);

  const record = new RecordFigures(deps);
  metrics?.observe({
    readFigures: () => record.read(),
    followedCount: () => follower.followedCount,
    openCounts: () => app.connections.counts,
    watches: () => clusters.watchStates,
    databasePool: () => poolCounts(orm),
  });

  const starting = new AbortController();
  const following = new AbortController();
  const serving = new AbortController();
  const watching = new AbortController();
  const watches = clusters.run(watching.signal);
  const loops: Promise<void>[] = [];
  let handedOver: Promise<void> | undefined;
  let metricsServer: MetricsServer | undefined;

  const begin = async (): Promise<void> => {
    for (let seconds = 0.5; ; seconds = Math.min(2 * seconds, longestPauseSeconds)) {
      try {
        health.wait('the database is being migrated or looked at');
        await prepareDatabase(orm, config);
        await recordSigningKey(desk, auditKeys);
        break;
      } catch (error) {
        if (!(error instanceof RedeployError && error.code === 'UNAVAILABLE')) throw error;
        health.wait('PostgreSQL is away');
        log.warn({ err: error, retryAfterSeconds: seconds }, 'waiting for PostgreSQL');
      }
      await pause(seconds * 1_000, undefined, { signal: starting.signal }).catch(() => undefined);
      if (starting.signal.aborted) return;
    }
    health.wait('the first connections are being made');
    const known = [...clusters.all.map((cluster) => cluster.listed()), signIn.reachKeys().catch(() => undefined)];
    const patience = new AbortController();
    const timeout = pause(connectMs, undefined, { signal: AbortSignal.any([patience.signal, starting.signal]) });
    await Promise.all([waitUntilReady(redis, connectMs), Promise.race([Promise.all(known), timeout.catch(() => {})])]);
    patience.abort();
    const away = applications && (await register(desk, applications));
    if (starting.signal.aborted) return;
    if (applications && away) loops.push(registerLater(desk, applications, away, serving.signal));
    handedOver = follower.run(following.signal);
    loops.push(
      live.run(serving.signal),
      // Apart, so that a cluster that does not answer keeps no token waiting.
      sweep(desk, [resumeApprovedTickets, sweepExpiries, lostCopiesSweep()], serving.signal),
      sweep(desk, [rolloutAnnouncer(), recordLateSuccesses], serving.signal),
      sweep(desk, [auditSealer(sealSeconds, auditKeys)], serving.signal),
    );
    if (checkpoints) loops.push(sweep(desk, [checkpointKeeper(checkpoints)], serving.signal));
    if (config.webhook) loops.push(tell(desk, config.webhook, serving.signal));
    health.begin();
    log.info({ address, metricsUrl, processId, clusters: clusters.names }, 'serving');
  };

  const disconnect = (): void => {
    watching.abort();
    redis.disconnect();
    subscriber.disconnect();
  };
  const { seconds, delaySeconds } = config.shutdown;
  const end = async (begun: Promise<void>): Promise<void> => {
    health.stop();
    if (health.isStarted) await pause(delaySeconds * 1_000);
    starting.abort();
    following.abort();
    // The rest of the time is for what comes after the last answer.
    await app.close(0.8 * (seconds - delaySeconds) * 1_000);
    await begun.catch(() => undefined);
    await handedOver;
    serving.abort();
    await Promise.all(loops);
    await metricsServer?.close();
    disconnect();
    await watches;
    await Promise.all([orm.close(true), probe.close(true)]);
    log.info('stopped');
  };
  const endInTime = async (begun: Promise<void>): Promise<void> => {
    const patience = new AbortController();
    const timeout = pause(seconds * 1_000, undefined, { signal: patience.signal });
    const late = timeout.then(() => log.error({ seconds }, 'stopped before everything was done'));
    const failed = (error: unknown): void => log.error({ err: error }, 'stopped with an error');
    await Promise.race([end(begun).catch(failed), late]);
    patience.abort();
    disconnect();
  };
  let ending: Promise<void> | undefined;

  const addresses = async (): Promise<{ address: string; metricsUrl: string | null }> => {
    const address = await listen(app.server, config.port, config.host);
    if (metrics && config.metrics) metricsServer = await serveMetrics(metrics, config.metrics, log);
    return { address, metricsUrl: metricsServer?.url ?? null };
  };
  const { address, metricsUrl } = await addresses().catch(async (error: unknown) => {
    await endInTime(Promise.resolve());
    throw error;
  });
  log.info({ address, metricsUrl }, 'listening');
  const begun = begin();
  const stop = (): Promise<void> => (ending ??= endInTime(begun));
  const started = begun.catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  // Whoever asks for it is told; nobody has to.
  started.catch(() => undefined);
  return { url: `http://${address}/graphql`, subscriptionsUrl: `ws://${address}/graphql`, metricsUrl, started, stop };
}

async function openCheckpointFile(path: string): Promise<CheckpointFile> {
  const file = new CheckpointFile(path);
  await file.append([]).catch((error: Error) => {
    throw new ConfigError(`AUDIT_CHECKPOINT_FILE ${path} cannot be used: ${error.message}`);
  });
  return file;
}

function listen(server: Server, port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const { port: given } = server.address() as AddressInfo;
      resolve(`${host.includes(':') ? `[${host}]` : host}:${given}`);
    });
  });
}
