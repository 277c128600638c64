import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '../../src/settings/config.ts';
import { readSecret } from '../../src/settings/secret-files.ts';

const secrets = {
  DATABASE_URL: 'postgresql://service:s3cr3t@db.test/redeploy',
  DATABASE_MIGRATION_URL: 'postgresql://owner:s3cr3t@db.test/redeploy',
  REDIS_URL: 'rediss://:s3cr3t@redis.test:6379',
  WEBHOOK_URL: 'https://hooks.test/s3cr3t',
  WEBHOOK_SECRET: 's3cr3t'.repeat(6),
};
const others = { OIDC_ISSUER: 'https://issuer.test' };
type Name = keyof typeof secrets;
const names = Object.keys(secrets) as Name[];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'test-secrets-'));
  for (const name of names) await writeFile(join(folder, name), secrets[name]);
});
afterAll(() => rm(folder, { recursive: true }));

const fileOf = async (content: string): Promise<string> => {
  const path = join(folder, 'other');
  await writeFile(path, content);
  return path;
};
const faultsOf = (env: Record<string, string>): string => {
  try {
    readConfig(env);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

test('every secret may stand in a file', () => {
  const inFiles = Object.fromEntries(names.map((name) => [`${name}_FILE`, join(folder, name)]));
  expect(readConfig({ ...others, ...inFiles })).toEqual(readConfig({ ...others, ...secrets }));
});

test.for(['\n', '\r\n'])('one line break %j at its end does not count', async (lineBreak) => {
  const { WEBHOOK_SECRET: secret, ...rest } = secrets;
  const WEBHOOK_SECRET_FILE = await fileOf(`${secret}${lineBreak}`);
  expect(readConfig({ ...others, ...rest, WEBHOOK_SECRET_FILE }).webhook?.secret).toBe(secret);
});

test.for(names)('%s and its file are not both set', (name) => {
  const both = { ...others, ...secrets, [`${name}_FILE`]: join(folder, name) };
  expect(faultsOf(both)).toBe(`${name}_FILE is set, and so is ${name}: set one of them`);
});

test('a file that is missing, empty or wrong is named, and nothing that it holds is told', async () => {
  const { DATABASE_URL: _, ...rest } = secrets;
  const withFile = (path: string) => faultsOf({ ...others, ...rest, DATABASE_URL_FILE: path });
  expect(withFile(join(folder, 'nothing'))).toBe('DATABASE_URL_FILE cannot be read: ENOENT');
  expect(withFile(folder)).toBe('DATABASE_URL_FILE cannot be read: EISDIR');
  expect(withFile(await fileOf('\n'))).toBe('DATABASE_URL_FILE names a file that is empty');
  expect(withFile(await fileOf('mysql://service:s3cr3t@db.test'))).toBe(
    'DATABASE_URL must be a URL beginning with postgresql:// or postgres://',
  );
});

test('the commands that need one secret read it the same way', async () => {
  expect(readSecret({ DATABASE_URL: 'postgresql://db.test' }, 'DATABASE_URL')).toBe('postgresql://db.test');
  expect(readSecret({ DATABASE_URL_FILE: await fileOf('postgresql://db.test\n') }, 'DATABASE_URL')).toBe(
    'postgresql://db.test',
  );
  expect(readSecret({}, 'DATABASE_URL')).toBeUndefined();
  expect(() => readSecret({ DATABASE_URL_FILE: '/nowhere' }, 'DATABASE_URL')).toThrow(
    'DATABASE_URL_FILE cannot be read: ENOENT',
  );
});
