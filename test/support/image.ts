import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  linkSync,
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

export type Instruction = { name: string; rest: string };

/** The Dockerfile's instructions, each on one line. */
export const readDockerfile = (): Instruction[] =>
  read('Dockerfile')
    .replaceAll('\\\n', '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name = '', ...rest] = line.split(' ');
      return { name, rest: rest.join(' ') };
    });

export type Lock = { packages: Record<string, { dev?: boolean; optional?: boolean; devOptional?: boolean }> };
const lock = JSON.parse(read('package-lock.json')) as Lock;

/** Folders of the packages that serve in production, such as node_modules/ws. */
export const productionPackages = Object.entries(lock.packages)
  .filter(([folder, { dev, optional, devOptional }]) => folder !== '' && !dev && !optional && !devOptional)
  .map(([folder]) => folder);

/** What the image holds in its working folder, and how it is started. */
export type Image = {
  folder: string;
  env: Record<string, string>;
  user: { uid: number; gid: number };
  entrypoint: string[];
  command: string[];
  base: string;
  remove: () => void;
};

/**
 * Carries the Dockerfile out in a temporary folder, as far as that goes without its base image: an instruction that it
 * does not know is refused.
 */
export function buildImage(): Image {
  const top = mkdtempSync(join(tmpdir(), 'test-image-'));
  chmodSync(top, 0o755);
  const stages: Record<string, string> = {};
  const image = { env: {}, user: { uid: 0, gid: 0 }, entrypoint: [], command: [], base: '', folder: '' } as Omit<
    Image,
    'remove'
  >;
  for (const { name, rest } of readDockerfile()) {
    switch (name) {
      case 'FROM': {
        const [base = '', , stage = 'final'] = rest.split(' ');
        stages[stage] = image.folder = join(top, stage);
        image.base = base;
        mkdirSync(image.folder);
        break;
      }
      case 'WORKDIR':
        requireThat(rest === '/app', name, rest);
        break;
      case 'COPY':
        copy(rest, image.folder, stages);
        break;
      case 'RUN':
        run(rest, image.folder);
        break;
      case 'ENV':
        image.env = Object.fromEntries(rest.split(' ').map((pair) => pair.split('=')));
        break;
      case 'USER': {
        const [uid, gid] = rest.split(':').map(Number);
        image.user = { uid: uid!, gid: gid! };
        break;
      }
      case 'ENTRYPOINT':
        image.entrypoint = JSON.parse(rest) as string[];
        break;
      case 'CMD':
        image.command = JSON.parse(rest) as string[];
        break;
      default:
        requireThat(name === 'EXPOSE', name, rest);
    }
  }
  return { ...image, remove: () => rmSync(top, { recursive: true }) };
}

function requireThat(isKnown: boolean, name: string, rest: string): void {
  if (!isKnown) throw new Error(`the Dockerfile says what is not tried here: ${name} ${rest}`);
}

function copy(rest: string, folder: string, stages: Record<string, string>): void {
  const words = rest.split(' ');
  const [, stage] = /^--from=(\w+)$/.exec(words[0]!) ?? [];
  const to = words.at(-1)!;
  for (const from of words.slice(stage ? 1 : 0, -1)) {
    const source = stage ? join(stages[stage]!, from.replace(/^\/app\//, '')) : join(root, from);
    const target = to === './' ? join(folder, from) : join(folder, to);
    cpSync(source, target, { recursive: true, filter: (path) => stage !== undefined || !isIgnored(path) });
  }
}

function run(command: string, folder: string): void {
  // Nothing that could reach out of the folder.
  requireThat(/^(npm ci [\w =-]*|find node_modules [^/]* -delete)$/.test(command), 'RUN', command);
  execFileSync('sh', ['-c', command], { cwd: folder });
}

const ignoreRules = read('.dockerignore').trim().split('\n');

/** By the last rule that says something of it, or of a folder that it is in. */
function isIgnored(path: string): boolean {
  const inContext = path.slice(root.length + 1);
  const last = ignoreRules.findLast((rule) => {
    const name = rule.replace(/^!/, '');
    return name === '*' || inContext === name || inContext.startsWith(`${name}/`);
  });
  return last !== undefined && !last.startsWith('!');
}

export const filesOf = (folder: string): string[] =>
  globSync('**/*', { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));

export const sizeOf = (folder: string, files: readonly string[]): number =>
  files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);

/** A Node where another user than this one comes to it. */
export function nodeIn(folder: string): string {
  const file = join(folder, '../node');
  try {
    linkSync(process.execPath, file);
  } catch {
    copyFileSync(process.execPath, file); // another file system
  }
  return file;
}
