import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { inject } from 'vitest';
import { openDatabase } from '../../src/adapters/database/database.ts';
import type { KubernetesTiming } from '../../src/adapters/kubernetes/kubernetes-cluster.ts';
import { KubernetesClusters } from '../../src/adapters/kubernetes/kubernetes-clusters.ts';
import { openRedis, openSubscriber, waitUntilReady } from '../../src/adapters/redis/connection.ts';
import { RedisChannels } from '../../src/adapters/redis/redis-channels.ts';
import { RedisRegistryChanges } from '../../src/adapters/redis/redis-registry-changes.ts';
import { RedisRolloutEvents } from '../../src/adapters/redis/redis-rollout-events.ts';
import { RedisTicketChanges } from '../../src/adapters/redis/redis-ticket-changes.ts';
import { RedisTokens } from '../../src/adapters/redis/redis-tokens.ts';
import { readConfig } from '../../src/settings/config.ts';
import type { ApprovalPolicy } from '../../src/domain/approval-policy.ts';
import type { Operation } from '../../src/domain/operation.ts';
import type { Ticket } from '../../src/domain/ticket.ts';
import { registerApplication } from '../../src/operations/applications.ts';
import type { Desk, Limits } from '../../src/operations/dependencies.ts';
import { RolloutFollower } from '../../src/operations/rollout-follower.ts';
import { approve, createTicket } from '../../src/operations/tickets.ts';
import { openTestCluster, type TestCluster } from './cluster.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { Relay } from './relay.ts';
import { alice, carol, grace } from './people.ts';
import { until } from './wait.ts';

/** One replica's desk over real PostgreSQL, Redis and the cluster under test; `stop` ends it as a SIGTERM would. */
export type Replica = {
  desk: Desk;
  channels: RedisChannels;
  follower: RolloutFollower;
  stop: () => Promise<void>;
  /** Ends it as a SIGKILL would: from now on nothing of it reaches PostgreSQL, and it hands nothing over. */
  die: () => Promise<void>;
};

type ReplicaOptions = {
  limits?: Partial<Limits>;
  policies?: readonly ApprovalPolicy[];
  follows?: boolean;
  timing?: Partial<KubernetesTiming>;
  /** Whether the watches must have synced first. */
  waits?: boolean;
  /** Whether it can `die`: it reaches PostgreSQL through a relay then. */
  isMortal?: boolean;
};

/** What replicas share. */
export type TestWorld = {
  database: TestDatabase;
  redisUrl: string;
  cluster: TestCluster;
  /** As the database's owner, who may change what the service may not. */
  sql: <Row extends object>(text: string, params?: unknown[]) => Promise<Row[]>;
  /** Holds the locks that a statement takes until the promise resolves. */
  hold: (text: string, params: unknown[], until: Promise<void>) => Promise<void>;
  /** Another replica; without `follows` it serves requests but follows nothing and never sends a patch. */
  openReplica: (options?: ReplicaOptions & { redisUrl?: string }) => Promise<Replica>;
  close: () => Promise<void>;
};

export async function openTestWorld(
  options: { readyMilliseconds?: number; mustBeSimulated?: boolean; cluster?: TestCluster } = {},
): Promise<TestWorld> {
  const [database, cluster] = await Promise.all([createTestDatabase(), options.cluster ?? openTestCluster(options)]);
  const redisUrl = inject('redisUrl');
  const owner = openDatabase(database.ownerUrl, 2);
  const replicas: Replica[] = [];
  return {
    database,
    redisUrl,
    cluster,
    sql: <Row extends object>(text: string, params: unknown[] = []) => owner.em.fork().execute<Row[]>(text, params),
    hold: (text, params, until) =>
      owner.em.fork().transactional(async (em) => {
        await em.execute(text, params);
        await until;
      }),
    openReplica: async (replicaOptions = {}) => {
      const replica = await openReplica({ database, cluster, redisUrl, ...replicaOptions });
      replicas.push(replica);
      return replica;
    },
    close: async () => {
      for (const replica of replicas) await replica.stop();
      await owner.close(true);
      await cluster.close();
      await database.drop();
    },
  };
}

/** The shipped defaults, but for limits that would get into a test's way. */
export const testLimits = (): Limits => ({
  ...readConfig({
    DATABASE_URL: 'postgresql://127.0.0.1/unused',
    REDIS_URL: 'redis://127.0.0.1',
    OIDC_ISSUER: 'http://127.0.0.1',
  }).limits,
  redeploysPerMinute: 1000,
  redeploysPerHour: 1000,
  redeploysPerUserPerMinute: 1000,
  redeploysPerUserPerHour: 1000,
});

export async function openReplica(
  options: {
    database: Pick<TestDatabase, 'serviceUrl'>;
    cluster: Pick<TestCluster, 'settings'>;
    redisUrl: string;
  } & ReplicaOptions,
): Promise<Replica> {
  const log = pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' });
  const { serviceUrl } = options.database;
  const relay = options.isMortal ? await Relay.to(serviceUrl) : undefined;
  const throughRelay = Object.assign(new URL(serviceUrl), relay && { port: String(relay.port) });
  const orm = openDatabase(throughRelay.toString(), 10);
  const redis = openRedis(options.redisUrl, 'test', log);
  const subscriber = openSubscriber(options.redisUrl, 'test-events', log);
  await Promise.all([waitUntilReady(redis), waitUntilReady(subscriber)]);
  const clusters = KubernetesClusters.load(options.cluster.settings, log, options.timing);
  const channels = new RedisChannels(redis, subscriber, log);
  const deps = {
    orm,
    clusters,
    log,
    processId: `test-${randomUUID().slice(0, 8)}`,
    limits: { ...testLimits(), ...options.limits },
    policies: options.policies ?? [],
    tokens: new RedisTokens(redis),
    rolloutEvents: new RedisRolloutEvents(channels),
    ticketChanges: new RedisTicketChanges(channels),
    registryChanges: new RedisRegistryChanges(channels),
  };
  const follower = new RolloutFollower(deps);
  const { follows = true, waits = true } = options;
  const follow = (operation: Operation) => (follows ? follower.adopt(operation) : Promise.resolve(operation));
  const running = new AbortController();
  const loops = [clusters.run(running.signal), ...(follows ? [follower.run(running.signal)] : [])];
  const hasSynced = (name: string) => attempt(() => clusters.get(name)!.snapshot('default', 'none')) !== undefined;
  if (waits) await until('the watches have synced', () => clusters.names.every(hasSynced));
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    running.abort();
    await Promise.all(loops);
    redis.disconnect();
    subscriber.disconnect();
    await orm.close(true);
    await relay?.close();
  };
  return {
    desk: { ...deps, follow },
    channels,
    follower,
    stop,
    die: async () => {
      if (!relay) throw new Error('it is not mortal');
      await relay.close();
      await stop();
    },
  };
}

const attempt = <T>(look: () => T): T | undefined => {
  try {
    return look();
  } catch {
    return undefined;
  }
};

export { alice, carol, dave, frank, grace, person } from './people.ts';

/** An application of its own, owned by alice, that is registered but runs nowhere. */
export async function registeredApplication(desk: Desk, tags: Record<string, string> = {}): Promise<string> {
  const name = `app-${randomUUID().slice(0, 8)}`;
  await registerApplication(desk, grace, {
    name,
    businessTags: Object.entries(tags).map(([tagKey, tagValue]) => ({ tagKey, tagValue })),
    owners: { users: ['alice'] },
    targets: [{ namespace: 'default', deploymentName: name }],
  });
  return name;
}

/** An application of its own, owned by alice, running in a namespace of its own. */
export async function deployApplication(
  world: Pick<TestWorld, 'cluster'>,
  desk: Desk,
  wish: { replicas?: number; image?: string; tags?: Record<string, string>; paused?: boolean } = {},
): Promise<{ name: string; namespace: string; deploymentName: string }> {
  const name = `app-${randomUUID().slice(0, 8)}`;
  const namespace = await world.cluster.createNamespace();
  const { replicas = 2, image = 'web:v1', tags = {}, paused = false } = wish;
  await world.cluster.createDeployment(namespace, { name, image, replicas, paused });
  if (!paused && /^[a-z]+:v\d+$/.test(image)) await untilRolledOut(world, namespace, name);
  await registerApplication(desk, grace, {
    name,
    businessTags: Object.entries(tags).map(([tagKey, tagValue]) => ({ tagKey, tagValue })),
    owners: { users: ['alice'] },
    targets: [{ cluster: world.cluster.contextName, namespace, deploymentName: name }],
  });
  return { name, namespace, deploymentName: name };
}

export const untilRolledOut = (world: Pick<TestWorld, 'cluster'>, namespace: string, name: string) =>
  until(`${name} is rolled out`, async () => {
    const { metadata, spec, status } = await world.cluster.api.apps.readNamespacedDeployment({ namespace, name });
    const wanted = spec?.replicas ?? 1;
    return (
      status?.observedGeneration === metadata?.generation &&
      (status?.updatedReplicas ?? 0) === wanted &&
      (status?.availableReplicas ?? 0) === wanted &&
      (status?.replicas ?? 0) === wanted
    );
  });

export const ticketFor = (desk: Desk, ...applications: string[]): Promise<Ticket> =>
  createTicket(desk, alice, {
    workOrderKey: 'APPLICATION_REDEPLOY',
    reason: 'it answers 500',
    category: 'BUG_FIX',
    entries: applications.map((applicationName) => ({ detail: { applicationName } })),
  });

/** A ticket of alice's that carol has approved: alice holds the token. */
export async function authorizedTicket(desk: Desk, ...applications: string[]): Promise<Ticket> {
  const { ticketNo } = await ticketFor(desk, ...applications);
  return approve(desk, carol, { ticketNo });
}
