import { execFile } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { openDatabase } from '../../src/adapters/database/database.ts';
import { preparePostgresHome } from '../../src/sandbox/postgres-home.ts';
import { freePort } from '../../src/sandbox/ports.ts';
import { startServer } from '../../src/sandbox/server-process.ts';

const execute = promisify(execFile);
const tools = ['initdb', 'postgres', 'pg_dump', 'psql'];

/** Where a whole PostgreSQL of the machine lies, with pg_dump and psql; null where there is none. */
export function findSystemPostgres(): string | null {
  const debian = '/usr/lib/postgresql';
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...(existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, 'bin')) : []),
  ];
  const whole = folders.find((folder) => tools.every((tool) => existsSync(join(folder, tool))));
  return whole === undefined ? null : dirname(realpathSync(join(whole, 'postgres')));
}

export type SystemPostgres = {
  urlFor: (database: string, role: 'cratos_owner' | 'cratos_service') => string;
  createDatabase: (name: string) => Promise<void>;
  /** Carries everything that one database holds into another, empty one, through a file. */
  dumpAndRestore: (from: string, to: string) => Promise<void>;
  stop: () => Promise<void>;
};

/** On loopback, with its data in a folder of its own, for as long as a test takes. */
export async function startSystemPostgres(bin: string): Promise<SystemPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'cratos-system-postgres-'));
  const { home, data, user } = await preparePostgresHome(join(folder, 'home'));
  const options = { ...user, cwd: home, env: { LC_ALL: 'C', TZ: 'UTC' } };
  const access = ['--auth=trust', '--username=postgres', '--encoding=UTF8', '--locale=C'];
  await execute(join(bin, 'initdb'), ['-D', data, '--no-sync', ...access], options);
  const port = await freePort(0);
  const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off' };
  const server = await startServer({
    command: join(bin, 'postgres'),
    args: [
      '-D',
      data,
      '-p',
      String(port),
      ...Object.entries(settings).flatMap(([name, to]) => ['-c', `${name}=${to}`]),
    ],
    log: join(folder, 'server.log'),
    ...options,
    user,
  });
  const urlOf = (database: string, role: string) => `postgresql://${role}@127.0.0.1:${port}/${database}`;
  const asSuperuser = async (sql: string): Promise<boolean> => {
    const orm = openDatabase(urlOf('postgres', 'postgres'), 1);
    try {
      await orm.em.fork().execute(sql);
      return true;
    } finally {
      await orm.close(true);
    }
  };
  await server.ready(() => asSuperuser('select 1').catch(() => false));
  await asSuperuser('create role cratos_owner login createdb; create role cratos_service login');
  return {
    urlFor: urlOf,
    createDatabase: async (name) => void (await asSuperuser(`create database ${name} owner cratos_owner`)),
    dumpAndRestore: async (from, to) => {
      const file = join(folder, 'dump.sql');
      await execute(join(bin, 'pg_dump'), ['--file', file, urlOf(from, 'cratos_owner')]);
      await execute(join(bin, 'psql'), ['-q', '-v', 'ON_ERROR_STOP=1', '-f', file, urlOf(to, 'cratos_owner')]);
    },
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
      await rm(home, { recursive: true, force: true });
    },
  };
}
