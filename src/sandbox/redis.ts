import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import { startJsRedis } from './js-redis.ts';
import { stopLeftover } from './leftover.ts';
import { freePort } from './ports.ts';
import { startServer } from './server-process.ts';

export type EmbeddedRedis = {
  url: string;
  kind: 'redis-server' | 'valkey-server' | 'js-redis-server' | 'given';
  stop(): Promise<void>;
};

const INSTALLED = ['redis-server', 'valkey-server'] as const;

/**
 * A Redis on loopback: the given one, else one of this machine's PATH (6.2 or later), else a stand-in in this process
 * that speaks the same protocol but keeps nothing. With a `folder` the data outlives a restart. A taken port is
 * stepped over; what an earlier, killed start left running on the folder is ended first.
 */
export async function startRedis(
  options: { folder?: string; port?: number; given?: string } = {},
): Promise<EmbeddedRedis> {
  const { given } = options;
  if (given) {
    if (!(await answers(given))) throw new Error(`No Redis answers at ${new URL(given).host}.`);
    return { url: given, kind: 'given', async stop() {} };
  }
  const kind = INSTALLED.find(isUsable);
  if (kind) return startInstalled(kind, options);
  const standIn = await startJsRedis(await freePort(options.port ?? 0));
  return { url: urlOf(standIn.port), kind: 'js-redis-server', stop: () => standIn.stop() };
}

const urlOf = (port: number) => `redis://127.0.0.1:${port}`;

/** 6.2 brought SET with PXAT. */
function isUsable(command: string): boolean {
  const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  const [, major, minor] = /v=(\d+)\.(\d+)/.exec(stdout ?? '') ?? [];
  return Number(major) * 100 + Number(minor) >= 602;
}

async function startInstalled(
  kind: (typeof INSTALLED)[number],
  options: { folder?: string; port?: number },
): Promise<EmbeddedRedis> {
  const folder = options.folder ? resolve(options.folder) : await mkdtemp(join(tmpdir(), 'cratos-redis-'));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await clearLeftover(folder);
  const port = await freePort(options.port ?? 0);
  await writeFile(join(folder, 'starter.pid'), String(process.pid));
  const settings = {
    bind: '127.0.0.1',
    port: String(port),
    'protected-mode': 'yes',
    dir: folder,
    pidfile: join(folder, 'redis.pid'),
    save: '',
    appendonly: options.folder ? 'yes' : 'no',
    // Its command line keeps the folder, by which the next start knows it.
    'set-proc-title': 'no',
  };
  const server = await startServer({
    command: kind,
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    log: join(folder, 'server.log'),
    cwd: folder,
  });
  const url = urlOf(port);
  await server.ready(() => answers(url));
  return {
    url,
    kind,
    async stop() {
      await server.stop();
      if (!options.folder) await rm(folder, { recursive: true, force: true });
    },
  };
}

async function clearLeftover(folder: string): Promise<void> {
  const numberIn = async (file: string) => Number(await readFile(join(folder, file), 'utf8').catch(() => ''));
  const pid = await numberIn('redis.pid');
  if (pid)
    await stopLeftover({ pid, starter: await numberIn('starter.pid'), words: ['-server', `--dir ${folder} `], folder });
}

async function answers(url: string): Promise<boolean> {
  const client = new Redis(url, { lazyConnect: true, enableReadyCheck: false, retryStrategy: () => null });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}
