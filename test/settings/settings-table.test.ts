import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lineOf } from '../../src/settings/setting-kinds.ts';
import { settingGroups } from '../../src/settings/settings.ts';
import { printSettings } from '../../src/settings/settings-table.ts';

const root = join(import.meta.dirname, '../..');
const lines = settingGroups.flatMap(([, settings]) => Object.entries(settings).map((one) => lineOf(...one)));

test('docs/settings.md is what the code says', async () => {
  expect(await readFile(join(root, 'docs/settings.md'), 'utf8')).toBe(printSettings());
});

test('every setting has a meaning, and a value or a default that shows it', () => {
  expect(lines.filter(({ description }) => description === '')).toEqual([]);
  expect(lines.filter(({ value, standard }) => value === '' && standard === '')).toEqual([]);
});

test('every setting whose name tells of a password, and every URL with one, is a secret', () => {
  const named = lines.filter(({ name }) => /URL|SECRET|PASSWORD/.test(name));
  expect(named.filter(({ isSecret }) => !isSecret)).toEqual([]);
  expect(lines.filter(({ isSecret }) => isSecret).map(({ name }) => name)).toEqual(named.map(({ name }) => name));
});

test('a duration has its unit in its name', () => {
  const durations = lines.filter(({ description }) =>
    /^(how (long|often)|after which|from SIG|of these)/.test(description),
  );
  expect(durations.length).toBeGreaterThan(8);
  const others = ['CRASH_LOOP_RESTARTS'];
  expect(durations.filter(({ name }) => !/_(SECONDS|MINUTES|HOURS)$/.test(name) && !others.includes(name))).toEqual([]);
});

test('README names only settings that there are', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const known = lines.map(({ name }) => name);
  const table = readme.slice(readme.indexOf('| setting'), readme.indexOf('docs/settings.md'));
  const named = Array.from(table.matchAll(/`([A-Z][A-Z_]+)`/g), ([, name]) => name!);
  expect(named.length).toBeGreaterThan(4);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
  const required = lines.filter(({ standard }) => standard.includes('must be set')).map(({ name }) => name);
  expect(named).toEqual(expect.arrayContaining(required));
});
