import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdir, mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { User } from './server-process.ts';

/** Where PostgreSQL runs: as whom, and where its data lies. */
export type PostgresHome = {
  /** Undefined: as the user of this process. */
  user: User | undefined;
  /** Reachable for that user; the folder itself unless nobody can get there. */
  home: string;
  data: string;
  /** What a person should know about it. */
  notes: string[];
};

export async function preparePostgresHome(folder: string): Promise<PostgresHome> {
  // The mode is for this folder alone: parents made on the way would be closed to PostgreSQL's user too.
  await mkdir(dirname(folder), { recursive: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const notes: string[] = [];
  const user = process.getuid?.() === 0 ? await unprivilegedUser(folder) : undefined;
  const home = user ? await reachableHome(folder, user, notes) : folder;
  if (user) notes.push(`PostgreSQL refuses to run as root: it runs as uid ${user.uid}.`);
  return { user, home, data: join(home, 'data'), notes };
}

/** The owner of data that is there already, else nobody: initdb wants a user that the system knows by name. */
async function unprivilegedUser(folder: string): Promise<User> {
  for (const path of [join(folder, 'data'), folder]) {
    const owner = await stat(path).catch(() => undefined);
    if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  }
  // macOS prints an unsigned -2.
  const idOf = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' })) | 0;
  return { uid: idOf('-u'), gid: idOf('-g') };
}

async function reachableHome(folder: string, user: User, notes: string[]): Promise<string> {
  await chown(folder, user.uid, user.gid);
  if (mayEnter(folder, user)) return folder;
  const elsewhere = join(folder, 'elsewhere');
  const known = await readFile(elsewhere, 'utf8').catch(() => '');
  const home = known && existsSync(known) ? known : await makeHomeElsewhere(user);
  await writeFile(elsewhere, home, { mode: 0o600 });
  notes.push(`PostgreSQL keeps its data in ${home}, because uid ${user.uid} cannot reach ${folder}.`);
  return home;
}

async function makeHomeElsewhere(user: User): Promise<string> {
  const parent = ['/var/tmp', '/tmp'].find((path) => mayEnter(path, user));
  if (!parent) throw new Error(`Neither /var/tmp nor /tmp can be reached by uid ${user.uid}.`);
  const home = await mkdtemp(join(parent, 'cratos-postgres-'));
  await chown(home, user.uid, user.gid);
  return home;
}

// Asked of the system rather than computed from mode bits: access lists and mounts have a say too.
const mayEnter = (folder: string, user: User) =>
  spawnSync('/bin/sh', ['-c', 'cd "$1" && test -w .', 'sh', folder], { ...user, cwd: '/', stdio: 'ignore' }).status ===
  0;
