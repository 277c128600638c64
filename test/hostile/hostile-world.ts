import { accessReviewPath } from '../../src/adapters/kubernetes/wire-objects.ts';
import { openRedis, waitUntilReady } from '../../src/adapters/redis/connection.ts';
import { type EmbeddedRedis, startRedis } from '../../src/sandbox/redis.ts';
import { pino } from 'pino';
import { openTestServices, type TestServices } from '../support/service.ts';
import { until } from '../support/wait.ts';
import { approve, type Placed, reject, Story } from '../support/story.ts';
import { MainProcess } from '../support/main-process.ts';

/** So few that whoever has left some open cannot have all of them again. */
export const subscriptionsPerUser = 20;

/** What stands there and can be named. Nothing that is asked of it can be done, whoever asks. */
export type HostilePlace = {
  /** Alice has a live token for it, and its Deployment is paused. */
  paused: Placed;
  other: Placed;
  /** Rejected. */
  endedTicketNo: string;
  /** Of an operation that is completed. */
  operationId: string;
  cluster: string;
  manifest: object;
};

/** A whole service in a process of its own, a Redis that nobody else uses, and a cluster that writes down what is asked. */
export class HostileWorld {
  readonly services: TestServices;
  readonly service: MainProcess;
  readonly story: Story;
  readonly place: HostilePlace;
  /** What reached the cluster and would have changed something. */
  readonly changes: string[] = [];
  readonly #redis: EmbeddedRedis;

  private constructor(
    services: TestServices,
    { service, redis, story, place }: { service: MainProcess; redis: EmbeddedRedis; story: Story; place: HostilePlace },
  ) {
    this.services = services;
    this.service = service;
    this.story = story;
    this.place = place;
    this.#redis = redis;
    services.cluster.simulated!.intercept = ({ method, path }) => {
      if (method !== 'GET' && path !== accessReviewPath) this.changes.push(`${method} ${path}`);
      return undefined;
    };
  }

  static async open(): Promise<HostileWorld> {
    const [services, redis] = await Promise.all([openTestServices({ readyMilliseconds: 10 }), startRedis()]);
    const service = await MainProcess.start({
      DATABASE_URL: services.database.serviceUrl,
      REDIS_URL: redis.url,
      KUBECONFIG: services.cluster.settings.kubeconfig,
      OIDC_ISSUER: services.issuer.url,
      LOG_LEVEL: 'trace',
      SHUTDOWN_DELAY_SECONDS: '0',
      SUBSCRIPTIONS_PER_USER: String(subscriptionsPerUser),
    });
    const { url, subscriptionsUrl } = service;
    const story = await Story.open(services, { url, subscriptionsUrl });
    return new HostileWorld(services, { service, redis, story, place: await furnish(services, story) });
  }

  /** Every row of every table but what tells of refusals, and every key of Redis. */
  async content(): Promise<Record<string, string>> {
    const content: Record<string, string> = {};
    const tables = await this.services.sql<{ name: string }>(
      `select table_name as name from information_schema.tables
       where table_schema = 'public' and table_type = 'BASE TABLE'
         and table_name not in ('refusal_tally', 'audit_seal') order by 1`,
    );
    for (const { name } of tables) {
      const where = name === 'audit_record' ? `where it.kind <> 'REQUEST_REFUSE'` : '';
      const [row] = await this.services.sql<{ rows: string }>(
        `select count(*) || ' ' || coalesce(md5(string_agg(it::text, ',' order by it::text)), '') as rows from "${name}" it ${where}`,
      );
      content[name] = row!.rows;
    }
    const redis = openRedis(this.#redis.url, 'test', pino({ level: 'silent' }));
    await waitUntilReady(redis);
    for (const key of await redis.keys('*'))
      content[key] = `${await redis.get(key)} until ${await redis.pexpiretime(key)}`;
    redis.disconnect();
    return content;
  }

  async close(): Promise<void> {
    if (this.service.isRunning) await this.service.stop();
    await this.services.close();
    await this.#redis.stop();
  }
}

async function furnish(services: TestServices, story: Story): Promise<HostilePlace> {
  const { cluster } = services;
  const [paused, other] = await Promise.all([story.place({ replicas: 1 }), story.place({ replicas: 0 })]);
  await story.authorized(other.applicationName);
  const operationId = await story.completed(other.applicationName);
  await until('Kubernetes has been told of its end', async () => {
    const [told] = await services.sql('select id from operation where announced_at is not null');
    return told !== undefined;
  });
  const endedTicketNo = await story.requested(paused.applicationName);
  await story.get('carol', reject, { input: { ticketNo: endedTicketNo } });
  const ticketNo = await story.requested(paused.applicationName);
  await story.get('carol', approve, { input: { ticketNo } });
  const { namespace, deploymentName: name } = paused;
  const deployment = await cluster.api.apps.readNamespacedDeployment({ namespace, name });
  deployment.spec!.paused = true;
  await cluster.api.apps.replaceNamespacedDeployment({ namespace, name, body: deployment });
  const { apiVersion, kind, spec } = deployment;
  const manifest = { apiVersion: apiVersion ?? 'apps/v1', kind: kind ?? 'Deployment', spec: spec as object };
  return { paused, other, endedTicketNo, operationId, cluster: cluster.contextName, manifest };
}
