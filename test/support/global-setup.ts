import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/adapters/database/migrate.ts';
import { SERVICE_ROLE, startPostgres } from '../../src/sandbox/postgres.ts';
import { startRedis } from '../../src/sandbox/redis.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    ownerUrl: string;
    serviceUrl: string;
    redisUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'cratos-test-'));
  const redis = await startRedis();
  const postgres = await startPostgres({ folder, durable: false });
  await migrate(postgres.ownerUrl, SERVICE_ROLE); // the template that every test file's own database is cloned from

  project.provide('ownerUrl', postgres.ownerUrl);
  project.provide('serviceUrl', postgres.serviceUrl);
  project.provide('redisUrl', redis.url);

  return async () => {
    await Promise.all([postgres.stop(), redis.stop()]);
    await rm(folder, { recursive: true, force: true });
  };
}
