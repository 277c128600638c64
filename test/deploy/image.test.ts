import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Image, buildImage, filesOf, nodeIn, productionPackages, sizeOf } from '../support/image.ts';
import { MainProcess, type Program } from '../support/main-process.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask, openTestServices, type TestServices } from '../support/service.ts';

// The Dockerfile carried out as far as it goes without Docker: its npm ci, from the registry, and what it copies.

let image: Image;
let files: string[];
let node: string;
let services: TestServices;
let bare: TestDatabase;
/** Secrets as a pod has them: files of one line, beside the image. */
let secrets: string;
beforeAll(async () => {
  image = buildImage();
  files = filesOf(image.folder);
  node = nodeIn(image.folder);
  services = await openTestServices();
  bare = await createTestDatabase({ bare: true });
  secrets = mkdtempSync(join(tmpdir(), 'test-secrets-'));
  chmodSync(secrets, 0o755);
  writeFileSync(join(secrets, 'database-url'), `${bare.serviceUrl}\n`);
  writeFileSync(join(secrets, 'database-migration-url'), `${bare.ownerUrl}\n`);
  writeFileSync(join(secrets, 'redis-url'), `${services.redisUrl}\n`);
  copyFileSync(services.cluster.settings.kubeconfig, join(secrets, 'kubeconfig'));
  chmodSync(join(secrets, 'kubeconfig'), 0o644);
});
afterAll(async () => {
  rmSync(secrets, { recursive: true });
  image.remove();
  await bare.drop();
  await services.close();
});

/** Node refuses every write to the file system, as a read-only one does; as another user where this one may switch. */
const program = (...args: string[]): Program => ({
  file: node,
  args: ['--disable-warning=ExperimentalWarning', '--permission', '--allow-fs-read=*', '--allow-net', ...args],
  cwd: image.folder,
  ...(process.getuid?.() === 0 ? image.user : {}),
});

const environment = (): Record<string, string> => ({
  ...image.env,
  HOST: '127.0.0.1',
  DATABASE_URL_FILE: join(secrets, 'database-url'),
  REDIS_URL_FILE: join(secrets, 'redis-url'),
  KUBECONFIG: join(secrets, 'kubeconfig'),
  OIDC_ISSUER: services.issuer.url,
});

const run = (args: string[], env: Record<string, string>) => {
  const { file, args: before, ...place } = program(...args);
  return promisify(execFile)(file, before, { ...place, env });
};

test('it holds the packages of production and nothing of development, the tests or the sandbox', () => {
  const packages = new Set(
    files.flatMap((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/package\.json$)/.exec(file) ?? []),
  );
  expect([...packages].filter((one) => !productionPackages.includes(one))).toEqual([]);
  expect(productionPackages.filter((one) => !packages.has(one))).toEqual([]);
  const own = new Set(
    files.map((file) =>
      file
        .split('/')
        .slice(0, file.startsWith('src/') ? 2 : 1)
        .join('/'),
    ),
  );
  expect([...own].filter((one) => !one.startsWith('src/'))).toEqual(['package.json', 'node_modules']);
  expect(own).not.toContain('src/sandbox');
  expect(own).toContain('src/main.ts');
  const size = sizeOf(image.folder, files);
  const ofPackages = sizeOf(
    image.folder,
    files.filter((file) => file.startsWith('node_modules/')),
  );
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  process.stdout.write(
    `beside ${image.base}: ${files.length} files, ${megabytes(size)}, of which ${packages.size} packages ${megabytes(ofPackages)}\n`,
  );
  expect(size).toBeLessThan(100e6);
});

test('it migrates, serves, and verifies the record, with secrets from files, and writes none', async () => {
  const env = environment();
  const early = await run(image.command, env).catch((error: { stderr: string }) => error.stderr);
  expect(early).toMatch(/the database lacks \d+ migrations: npm run migrate, or /);
  const migration = { ...env, DATABASE_MIGRATION_URL_FILE: join(secrets, 'database-migration-url') };
  for (const again of [false, true]) {
    expect({ again, ...(await run(['src/migrate.ts'], migration)) }).toMatchObject({
      stdout: 'The schema is up to date.\n',
    });
  }
  expect(image.entrypoint).toEqual(['node']);
  const service = await MainProcess.start(env, program(...image.command));
  expect((await fetch(new URL('/livez', service.url))).status).toBe(200);
  const token = await services.signIn('alice', 'APPLICATION_DEPLOYER');
  expect(
    await ask(service, token, '{ viewer { username } tickets(first: 1) { edges { node { id } } } }'),
  ).toMatchObject({
    status: 200,
    data: { viewer: { username: 'alice' }, tickets: { edges: [] } },
    errors: [],
  });
  expect(await service.stop()).toBe(0);
  expect(service.errors).toBe('');
  expect((await run(['src/verify-audit.ts'], env)).stdout).toContain('Valid.');
  const pruning = await run(['src/prune-audit.ts'], env).catch((error: { code: number; stderr: string }) => error);
  expect(pruning).toMatchObject({ code: 2, stderr: expect.stringContaining('--before') });
});
