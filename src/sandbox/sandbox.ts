import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { readConfig } from '../settings/config.ts';
import { type Service, startService } from '../service.ts';
import { startSimulatedCluster } from './cluster/simulated-cluster.ts';
import { registerGuideApplications } from './guide-applications.ts';
import { startIssuer } from './issuer.ts';
import { type PersonaToken, personaTokens } from './personas.ts';
import { freePort } from './ports.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

/** What `.sandbox/session.json` holds, for scripts. */
export type Session = {
  url: string;
  subscriptionsUrl: string;
  metricsUrl: string;
  kubeconfig: string;
  databaseUrl: string;
  redisUrl: string;
  personas: PersonaToken[];
};

export type Sandbox = { session: Session; notes: readonly string[]; stop: () => Promise<void> };

/** Where things listen when nothing else does; a second start takes the ports of the first. */
const preferredPorts = { service: 4000, issuer: 4001, cluster: 4002, postgres: 4003, redis: 4004, metrics: 4005 };
type Ports = typeof preferredPorts;

/** Where several sandboxes start at the same moment: whatever the system gives. */
export const anyPorts: Ports = { service: 0, issuer: 0, cluster: 0, postgres: 0, redis: 0, metrics: 0 };

/**
 * Everything that the service needs, on loopback and in one folder: real PostgreSQL, a Redis, a simulated cluster,
 * an issuer with its people, and the service itself as `npm start` would run it. Continues with the folder's data.
 */
export async function startSandbox(
  folder: string,
  log: Logger,
  env: Readonly<Record<string, string | undefined>> = {},
  preferred: Ports = preferredPorts,
): Promise<Sandbox> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o711); // as root PostgreSQL runs as somebody else, who must get through to its own folder
  const ports = await choosePorts(folder, preferred);
  const started: { stop: () => Promise<void> }[] = [];
  const keep = async <Part extends { stop: () => Promise<void> }>(starting: Promise<Part>): Promise<Part> => {
    const part = await starting;
    started.push(part);
    return part;
  };
  const stop = async (): Promise<void> => {
    for (const part of started.splice(0).toReversed()) await part.stop();
  };
  try {
    const [postgres, redis, issuer, cluster] = await allOrNone([
      keep(startPostgres({ folder: join(folder, 'postgres'), port: ports.postgres })),
      keep(
        startRedis({
          folder: join(folder, 'redis'),
          port: ports.redis,
          ...(env['REDIS_URL'] ? { given: env['REDIS_URL'] } : {}),
        }),
      ),
      keep(startIssuer({ folder: join(folder, 'issuer'), port: ports.issuer })),
      keep(startSimulatedCluster({ name: 'sandbox', port: ports.cluster, stateFile: join(folder, 'cluster.json') })),
    ]);
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, cluster.kubeconfig, { mode: 0o600 });
    const config = readConfig({
      PORT: String(ports.service),
      METRICS_PORT: String(ports.metrics),
      DATABASE_URL: postgres.serviceUrl,
      DATABASE_MIGRATION_URL: postgres.ownerUrl,
      REDIS_URL: redis.url,
      KUBECONFIG: kubeconfig,
      OIDC_ISSUER: issuer.url,
      // Enough for playing the story again and again; production has 1 a minute and 10 an hour.
      REDEPLOYS_PER_MINUTE: '60',
      REDEPLOYS_PER_HOUR: '1000',
      REDEPLOYS_PER_USER_PER_MINUTE: '60',
      REDEPLOYS_PER_USER_PER_HOUR: '1000',
      // Soon enough to be tried.
      BREAK_GLASS_AFTER_MINUTES: '1',
      AUDIT_SEAL_SECONDS: '5',
      AUDIT_CHECKPOINT_FILE: join(folder, 'checkpoints.ndjson'),
      GRAPHIQL: 'true',
      SHUTDOWN_DELAY_SECONDS: '0',
      LOG_LEVEL: env['LOG_LEVEL'] ?? 'warn',
    });
    const personas = await personaTokens(issuer);
    const service: Service = await keep(startService({ ...config, graphiql: { people: personas } }, log));
    const session: Session = {
      url: service.url,
      subscriptionsUrl: service.subscriptionsUrl,
      metricsUrl: service.metricsUrl!,
      kubeconfig,
      databaseUrl: postgres.serviceUrl,
      redisUrl: redis.url,
      personas,
    };
    await registerGuideApplications(session);
    await writeFile(join(folder, 'session.json'), `${JSON.stringify(session, null, 2)}\n`, { mode: 0o600 });
    return { session, notes: postgres.notes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits for all, so that whatever did start is known and can be stopped when one did not. */
async function allOrNone<Parts extends readonly Promise<unknown>[]>(
  parts: readonly [...Parts],
): Promise<{ [K in keyof Parts]: Awaited<Parts[K]> }> {
  const results = await Promise.allSettled(parts);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as never;
}

async function choosePorts(folder: string, preferred: Ports): Promise<Ports> {
  const file = join(folder, 'ports.json');
  const last = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as Partial<Ports>,
    () => ({}),
  );
  const wanted: Ports = { ...preferred, ...last };
  const ports = { ...wanted };
  const taken = new Set<number>();
  for (const name of Object.keys(wanted) as (keyof Ports)[]) {
    let port = await freePort(wanted[name]);
    while (taken.has(port)) port = await freePort(port + 1);
    taken.add(port);
    ports[name] = port;
  }
  await writeFile(file, `${JSON.stringify(ports)}\n`);
  return ports;
}
