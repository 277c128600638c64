import { migrate } from './adapters/database/migrate.ts';
import { readSecret } from './settings/secret-files.ts';

const usage = `npm run migrate

Brings the schema of the database up to date as its owner, whom DATABASE_MIGRATION_URL names, and gives the role of
DATABASE_URL what the service needs and no more. Safe while the version before still runs, and to run again.
Both may stand in files that DATABASE_MIGRATION_URL_FILE and DATABASE_URL_FILE name.
`;

async function main(): Promise<number> {
  const ownerUrl = readSecret(process.env, 'DATABASE_MIGRATION_URL');
  const serviceUrl = readSecret(process.env, 'DATABASE_URL');
  if (!ownerUrl || !serviceUrl) {
    process.stderr.write(usage);
    return 2;
  }
  await migrate(ownerUrl, decodeURIComponent(new URL(serviceUrl).username));
  process.stdout.write('The schema is up to date.\n');
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`The database was not migrated: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
