import { createClient, type Client } from 'graphql-ws';
import { type Logger, pino } from 'pino';
import { inject } from 'vitest';
import { openDatabase } from '../../src/adapters/database/database.ts';
import { readConfig } from '../../src/settings/config.ts';
import { type Issuer, startIssuer } from '../../src/sandbox/issuer.ts';
import { type Service, startService } from '../../src/service.ts';
import { openTestCluster, type TestCluster } from './cluster.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';

export type GraphQLAnswer = {
  status: number;
  data: Record<string, unknown> | null | undefined;
  errors: { message: string; path?: string[]; extensions: Record<string, unknown> }[];
};

/** Whole services as `npm start` runs them, over real PostgreSQL, Redis, an issuer and the cluster under test. */
export type TestServices = {
  database: TestDatabase;
  cluster: TestCluster;
  issuer: Issuer;
  redisUrl: string;
  /** As the database's owner, who may change what the service may not. */
  sql: <Row extends object>(text: string, params?: unknown[]) => Promise<Row[]>;
  /** Another replica over the same dependencies. */
  start: (env?: Record<string, string>, log?: Logger) => Promise<Service>;
  signIn: (username: string, ...roles: string[]) => Promise<string>;
  close: () => Promise<void>;
};

export async function openTestServices(options: { readyMilliseconds?: number } = {}): Promise<TestServices> {
  const [database, cluster, issuer] = await Promise.all([
    createTestDatabase(),
    openTestCluster(options),
    startIssuer(),
  ]);
  const services: Service[] = [];
  const redisUrl = inject('redisUrl');
  const owner = openDatabase(database.ownerUrl, 2);
  return {
    database,
    cluster,
    issuer,
    redisUrl,
    sql: <Row extends object>(text: string, params: unknown[] = []) => owner.em.fork().execute<Row[]>(text, params),
    start: async (env = {}, log = pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' })) => {
      const config = readConfig({
        PORT: '0',
        DATABASE_URL: database.serviceUrl,
        REDIS_URL: redisUrl,
        KUBECONFIG: cluster.settings.kubeconfig,
        OIDC_ISSUER: issuer.url,
        SHUTDOWN_SECONDS: '8',
        SHUTDOWN_DELAY_SECONDS: '0',
        REDEPLOYS_PER_MINUTE: '1000',
        REDEPLOYS_PER_HOUR: '1000',
        REDEPLOYS_PER_USER_PER_MINUTE: '1000',
        REDEPLOYS_PER_USER_PER_HOUR: '1000',
        ...env,
      });
      const service = await startService(config, log);
      services.push(service);
      return service;
    },
    signIn: (username, ...roles) => issuer.sign({ subject: `subject-of-${username}`, username, roles }),
    close: async () => {
      for (const service of services) await service.stop();
      await owner.close(true);
      await issuer.stop();
      await cluster.close();
      await database.drop();
    },
  };
}

export async function ask(
  { url }: Pick<Service, 'url'>,
  token: string | null,
  query: string,
  variables: object = {},
): Promise<GraphQLAnswer> {
  const headers = {
    'content-type': 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  const body = (await response.json()) as Partial<GraphQLAnswer>;
  return { status: response.status, data: body.data, errors: body.errors ?? [] };
}

/** A graphql-ws client that does not hide a broken connection. */
export const subscriptionClient = ({ subscriptionsUrl }: Pick<Service, 'subscriptionsUrl'>, token: string): Client =>
  createClient({ url: subscriptionsUrl, connectionParams: { authorization: `Bearer ${token}` }, retryAttempts: 0 });
