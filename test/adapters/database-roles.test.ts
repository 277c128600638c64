import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type MikroORM, openDatabase } from '../../src/adapters/database/database.ts';
import { databaseFaults, migrate } from '../../src/adapters/database/migrate.ts';
import { type EmbeddedPostgres, OWNER_ROLE, SERVICE_ROLE, startPostgres } from '../../src/sandbox/postgres.ts';

let folder: string;
let postgres: EmbeddedPostgres;
let superuser: MikroORM;
let service: MikroORM;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cratos-roles-test-'));
  postgres = await startPostgres({ folder, durable: false });
  await migrate(postgres.ownerUrl, SERVICE_ROLE);
  const passwords = JSON.parse(await readFile(join(folder, 'roles.json'), 'utf8')) as { postgres: string };
  const url = Object.assign(new URL(postgres.ownerUrl), { username: 'postgres', password: passwords.postgres });
  superuser = openDatabase(url.toString(), 1);
  service = openDatabase(postgres.serviceUrl, 1);
});
afterAll(async () => {
  await superuser.close(true);
  await service.close(true);
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

const asSuperuser = (sql: string) => superuser.em.fork().execute(sql);

test.for([
  ['may put on the owner', `grant ${OWNER_ROLE} to ${SERVICE_ROLE}`, `revoke ${OWNER_ROLE} from ${SERVICE_ROLE}`],
  [
    'may put on the owner, but does not inherit from it',
    `grant ${OWNER_ROLE} to ${SERVICE_ROLE} with inherit false`,
    `revoke ${OWNER_ROLE} from ${SERVICE_ROLE}`,
  ],
  [
    'may write every table',
    `grant pg_write_all_data to ${SERVICE_ROLE} with inherit false`,
    `revoke pg_write_all_data from ${SERVICE_ROLE}`,
  ],
  ['may give itself roles', `alter role ${SERVICE_ROLE} createrole`, `alter role ${SERVICE_ROLE} nocreaterole`],
  ['may do everything', `alter role ${SERVICE_ROLE} superuser`, `alter role ${SERVICE_ROLE} nosuperuser`],
] as const)('a role that %s is refused: nothing is served with it', async ([, give, take]) => {
  expect(await databaseFaults(service)).toEqual([]);
  await asSuperuser(give);
  const faults = await databaseFaults(service);
  await asSuperuser(take);
  expect(faults).toEqual(
    ['audit_record', 'audit_seal', 'operation_event'].map((table) => expect.stringContaining(table)),
  );
});
