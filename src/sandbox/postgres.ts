import { randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { stopLeftover } from './leftover.ts';
import { freePort } from './ports.ts';
import { runnableBinaries } from './postgres-binaries.ts';
import type { PostgresHome } from './postgres-home.ts';
import { preparePostgresHome } from './postgres-home.ts';
import { startServer } from './server-process.ts';

export const OWNER_ROLE = 'cratos_owner';
export const SERVICE_ROLE = 'cratos_service';
const SUPERUSER = 'postgres';
const DATABASE = 'cratos';

export type EmbeddedPostgres = {
  /** May do everything inside its databases and create new ones. */
  ownerUrl: string;
  /** May sign in, and nothing else until the migrations grant it. */
  serviceUrl: string;
  port: number;
  pid: number;
  /** What a person should know about where and as whom it runs. */
  notes: readonly string[];
  urlFor: (database: string, role?: typeof OWNER_ROLE | typeof SERVICE_ROLE) => string;
  stop(): Promise<void>;
};

type Passwords = Record<typeof SUPERUSER | typeof OWNER_ROLE | typeof SERVICE_ROLE, string>;

/**
 * Starts a real PostgreSQL on loopback with its data in `folder`, which it takes for itself. A taken port is stepped
 * over; what an earlier, killed start left running on the folder is ended first.
 * Not `durable`: no fsync, for data that does not outlive its test run. `native`: where the binaries lie.
 */
export async function startPostgres(options: {
  folder: string;
  port?: number;
  durable?: boolean;
  native?: string;
}): Promise<EmbeddedPostgres> {
  const { durable = true } = options;
  const folder = resolve(options.folder);
  const place = await preparePostgresHome(folder);
  const passwords = await readPasswords(folder);
  await clearLeftover(place);
  const bin = await runnableBinaries(place, options.native);
  if (!existsSync(place.data)) await createData(place, bin, passwords[SUPERUSER], durable);

  const port = await freePort(options.port ?? 0);
  await writeFile(join(place.home, 'starter.pid'), String(process.pid), { mode: 0o600 });
  const server = await startServer({
    command: join(bin, 'postgres'),
    args: ['-D', place.data, '-p', String(port), ...settings(durable)],
    log: join(folder, 'server.log'),
    cwd: place.home,
    env: ENVIRONMENT,
    user: place.user,
  });
  const urlFor: EmbeddedPostgres['urlFor'] = (database, role = OWNER_ROLE) =>
    `postgresql://${role}:${passwords[role]}@127.0.0.1:${port}/${database}`;
  const superuser = { host: '127.0.0.1', port, user: SUPERUSER, password: passwords[SUPERUSER], database: 'postgres' };
  await server.ready(() => prepareRoles(superuser, passwords));

  return {
    ownerUrl: urlFor(DATABASE),
    serviceUrl: urlFor(DATABASE, SERVICE_ROLE),
    port,
    pid: server.pid,
    notes: place.notes,
    urlFor,
    async stop() {
      await server.stop();
      if (!durable && place.home !== folder) await rm(place.home, { recursive: true, force: true });
    },
  };
}

// The caller's PG… variables would be settings of the server; without LC_ALL it dies on macOS.
const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC' };

function settings(durable: boolean): string[] {
  const safe = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
  const fast = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };
  return Object.entries(durable ? safe : { ...safe, ...fast }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function readPasswords(folder: string): Promise<Passwords> {
  const file = join(folder, 'roles.json');
  if (existsSync(file)) return JSON.parse(await readFile(file, 'utf8')) as Passwords;
  const password = () => randomBytes(24).toString('hex');
  const made: Passwords = { [SUPERUSER]: password(), [OWNER_ROLE]: password(), [SERVICE_ROLE]: password() };
  await writeFile(`${file}.new`, JSON.stringify(made), { mode: 0o600 });
  await rename(`${file}.new`, file);
  return made;
}

async function clearLeftover({ home, data }: PostgresHome): Promise<void> {
  const lock = join(data, 'postmaster.pid');
  const pid = Number((await readFile(lock, 'utf8').catch(() => '')).split('\n')[0]);
  if (!pid) return;
  const starter = Number(await readFile(join(home, 'starter.pid'), 'utf8').catch(() => ''));
  const wasRunning = await stopLeftover({ pid, starter, words: ['postgres', `-D ${data} `], folder: home });
  // PostgreSQL itself clears the lock of a dead process, but gives way to any stranger that got its number.
  if (!wasRunning && isAlive(pid)) await rm(lock, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Under another name until it is whole, so that an interrupted first start begins again. */
async function createData(place: PostgresHome, bin: string, password: string, durable: boolean): Promise<void> {
  const { home, data, user } = place;
  const unfinished = `${data}.new`;
  const passwordFile = join(home, 'password');
  await rm(unfinished, { recursive: true, force: true });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user) await chown(passwordFile, user.uid, user.gid);
  // The built-in locale is the same on every platform; C.UTF-8 of the system is missing on macOS.
  const locale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--encoding=UTF8'];
  const access = ['--auth=scram-sha-256', `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`];
  try {
    const args = ['-D', unfinished, '--no-instructions', ...(durable ? [] : ['--no-sync']), ...locale, ...access];
    await promisify(execFile)(join(bin, 'initdb'), args, { ...user, cwd: home, env: ENVIRONMENT });
  } finally {
    await rm(passwordFile, { force: true });
  }
  await rename(unfinished, data);
}

type Connection = { host: string; port: number; user: string; password: string; database: string };
type Client = {
  connect(): Promise<void>;
  query(sql: string): Promise<{ rows: Record<string, unknown>[] }>;
  end(): Promise<void>;
  on(event: 'error', listener: () => void): void;
};

// The driver is MikroORM's own dependency, without types: resolved from there.
const fromMikroOrm = createRequire(createRequire(import.meta.url).resolve('@mikro-orm/postgresql'));
const { Client: PgClient } = fromMikroOrm('pg') as { Client: new (connection: Connection) => Client };

/** False while the server is not there or still starting up. */
async function prepareRoles(connection: Connection, passwords: Passwords): Promise<boolean> {
  const client = new PgClient(connection);
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    // 57P03: "the database system is starting up"; no code: cut off before a word was said.
    const { code = '' } = error as { code?: string };
    if (['', 'ECONNREFUSED', 'ECONNRESET', '57P03'].includes(code)) return false;
    throw error;
  }
  try {
    const { rows } = await client.query('select rolname as name from pg_roles union select datname from pg_database');
    const isMissing = (name: string) => rows.every((row) => row['name'] !== name);
    // pg_signal_backend lets the owner drop a database with the service's sessions still in it.
    if (isMissing(OWNER_ROLE)) {
      await client.query(
        `create role ${OWNER_ROLE} login createdb in role pg_signal_backend password '${passwords[OWNER_ROLE]}'`,
      );
    }
    if (isMissing(SERVICE_ROLE)) {
      await client.query(`create role ${SERVICE_ROLE} login password '${passwords[SERVICE_ROLE]}'`);
    }
    if (isMissing(DATABASE)) await client.query(`create database ${DATABASE} owner ${OWNER_ROLE}`);
    return true;
  } finally {
    await client.end();
  }
}
