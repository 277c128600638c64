import { hostname } from 'node:os';
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { openDatabase, poolCounts } from '../adapters/database/database.ts';
import { CheckpointFile } from '../adapters/file/checkpoint-file.ts';
import { KubernetesClusters } from '../adapters/kubernetes/kubernetes-clusters.ts';
import { oidcSignIn } from '../adapters/oidc/oidc-sign-in.ts';
import { openRedis, openSubscriber } from '../adapters/redis/connection.ts';
import { RedisChannels } from '../adapters/redis/redis-channels.ts';
import { RedisRegistryChanges } from '../adapters/redis/redis-registry-changes.ts';
import { RedisRolloutEvents } from '../adapters/redis/redis-rollout-events.ts';
import { RedisTicketChanges } from '../adapters/redis/redis-ticket-changes.ts';
import { RedisTokens } from '../adapters/redis/redis-tokens.ts';
import type { Tracing } from '../domain/tracing.ts';
import { Live } from '../graphql/live.ts';
import { createApp } from '../http/app.ts';
import { Health } from '../http/health.ts';
import { Metrics } from '../metrics/metrics.ts';
import type { Dependencies, Desk } from '../operations/dependencies.ts';
import { RecordFigures } from '../operations/record-figures.ts';
import { RolloutFollower } from '../operations/rollout-follower.ts';
import { loadApplications } from '../settings/applications-file.ts';
import { type Config, ConfigError } from '../settings/config.ts';
import { loadPolicies } from '../settings/policy-file.ts';
import { loadSigningKeys } from '../settings/signing-keys.ts';
import { dependencyChecks } from './dependency-checks.ts';

/** What one replica is made of, put together; nothing of it runs yet, or waits for anything. */
export type Parts = Awaited<ReturnType<typeof assemble>>;

/** Throws ConfigError where a file that the settings name cannot be used. */
export async function assemble(config: Config, log: Logger, tracing: Tracing | null) {
  const clusters = KubernetesClusters.load(config.kubernetes, log, {}, tracing ?? undefined);
  const files = await readFiles(config, clusters.names);
  const orm = openDatabase(config.databaseUrl, undefined, undefined, tracing);
  /** Beside the pool that requests wait for. */
  const probe = openDatabase(config.databaseUrl, 1, 2_000);
  const redis = openRedis(config.redisUrl, 'cratos-redeploy', log, tracing);
  const subscriber = openSubscriber(config.redisUrl, 'cratos-redeploy-events', log);
  const channels = new RedisChannels(redis, subscriber, log);
  const metrics = config.metrics && new Metrics(config.metrics, log);
  const deps: Dependencies = {
    orm,
    clusters,
    log,
    processId: `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`,
    limits: config.limits,
    auditKeys: files.auditKeys,
    notifies: config.webhook !== null,
    ...(metrics && { measurements: metrics }),
    ...(tracing && { tracing }),
    policies: files.policies,
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
  return { config, files, clusters, orm, probe, redis, subscriber, desk, follower, live, signIn, health, app, metrics };
}

async function readFiles({ applicationsFile, policyFile, audit }: Config, clusterNames: readonly string[]) {
  return {
    applications: applicationsFile === null ? null : await loadApplications(applicationsFile, clusterNames),
    policies: policyFile === null ? [] : await loadPolicies(policyFile),
    auditKeys: audit.signingKeyFile === null ? null : await loadSigningKeys(audit.signingKeyFile),
    checkpoints: audit.checkpointFile === null ? null : await openCheckpointFile(audit.checkpointFile),
  };
}

async function openCheckpointFile(path: string): Promise<CheckpointFile> {
  const file = new CheckpointFile(path);
  await file.append([]).catch((error: Error) => {
    throw new ConfigError(`AUDIT_CHECKPOINT_FILE ${path} cannot be used: ${error.message}`);
  });
  return file;
}
