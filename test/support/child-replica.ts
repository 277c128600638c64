import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileCache } from './compile-cache.ts';
import { type Ambush, CountingProxy, dependencies, type Dependency } from './counting-proxy.ts';
import type { TestServices } from './service.ts';
import { until } from './wait.ts';

const program = fileURLToPath(new URL('child-service.ts', import.meta.url));

const watches = ['/apis/apps/v1/deployments', '/apis/apps/v1/replicasets', '/api/v1/pods'];

/** A whole service in a process of its own; everything that it asks its dependencies goes through counting proxies. */
export class ChildReplica {
  readonly url: string;
  readonly subscriptionsUrl: string;
  readonly proxies: Record<Dependency, CountingProxy>;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #folder: string;

  private constructor(
    { url, subscriptionsUrl }: { url: string; subscriptionsUrl: string },
    process: ChildProcess,
    own: { proxies: ChildReplica['proxies']; folder: string; exited: Promise<unknown> },
  ) {
    this.url = url;
    this.subscriptionsUrl = subscriptionsUrl;
    this.proxies = own.proxies;
    this.#process = process;
    this.#exited = own.exited;
    this.#folder = own.folder;
  }

  static async start(services: TestServices): Promise<ChildReplica> {
    const { database, redisUrl, cluster, issuer } = services;
    const [postgres, redis, kubernetes] = await Promise.all([
      CountingProxy.to('postgres', database.serviceUrl),
      CountingProxy.to('redis', redisUrl),
      CountingProxy.to('kubernetes', cluster.simulated!.url),
    ]);
    const folder = await mkdtemp(join(tmpdir(), 'test-replica-'));
    const kubeconfig = join(folder, 'kubeconfig');
    const served = new URL(cluster.simulated!.url).host;
    const text = cluster.simulated!.kubeconfig.replace(served, `127.0.0.1:${kubernetes.port}`);
    await writeFile(kubeconfig, text, { mode: 0o600 });
    const child = spawn(process.execPath, [program], {
      env: {
        PORT: '0',
        DATABASE_URL: through(database.serviceUrl, postgres),
        REDIS_URL: through(redisUrl, redis),
        KUBECONFIG: kubeconfig,
        OIDC_ISSUER: issuer.url,
        REDEPLOYS_PER_MINUTE: '1000',
        REDEPLOYS_PER_HOUR: '1000',
        REDEPLOYS_PER_USER_PER_MINUTE: '1000',
        REDEPLOYS_PER_USER_PER_HOUR: '1000',
        ...compileCache,
      },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const exited = once(child, 'exit');
    const line = await Promise.race([once(child.stdout!, 'data'), exited]);
    if (child.exitCode !== null) throw new Error(`a replica did not start: exit code ${child.exitCode}`);
    const address = JSON.parse(String(line[0])) as { url: string; subscriptionsUrl: string };
    await until('its watches stand', () => watches.every((one) => kubernetes.requests.includes(`WATCH ${one}`)), 60);
    return new ChildReplica(address, child, { proxies: { postgres, redis, kubernetes }, folder, exited });
  }

  /** Counts the requests to all three from now on. */
  count(ambush: (Ambush & { dependency: Dependency }) | null = null): void {
    for (const one of dependencies) this.proxies[one].count(ambush?.dependency === one ? ambush : null);
  }

  /** What was asked since then, as it stands now. */
  get requests(): Record<Dependency, string[]> {
    const { postgres, redis, kubernetes } = this.proxies;
    return {
      postgres: [...postgres.requests],
      redis: [...redis.requests],
      kubernetes: [...kubernetes.requests],
    };
  }

  /** The most memory that it ever took. */
  async peakMebibytes(): Promise<number> {
    this.#process.send('how much?');
    const [kibibytes] = (await once(this.#process, 'message')) as [number];
    return Math.round(kibibytes / 1024);
  }

  /** SIGKILL. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** SIGSTOP: it neither runs nor goes away. */
  stop(): void {
    this.#process.kill('SIGSTOP');
  }

  /** SIGCONT, and what was on its way goes on. */
  resume(): void {
    this.#process.kill('SIGCONT');
    for (const proxy of Object.values(this.proxies)) proxy.release();
  }

  /** The process is gone, and its dependencies have done with what it asked. */
  async gone(): Promise<void> {
    await this.#exited;
    await until('its connections are closed', () => Object.values(this.proxies).every(({ open }) => open === 0));
  }

  async close(): Promise<void> {
    this.kill();
    await this.#exited;
    for (const proxy of Object.values(this.proxies)) await proxy.close();
    await rm(this.#folder, { recursive: true });
  }
}

const through = (url: string, { port }: CountingProxy): string =>
  Object.assign(new URL(url), { port: String(port) }).toString();
