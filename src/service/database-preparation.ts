import type { MikroORM } from '../adapters/database/database.ts';
import { RedeployError } from '../domain/errors.ts';
import { isDatabaseAway } from '../operations/transaction.ts';
import { type Config, ConfigError } from '../settings/config.ts';

/**
 * Migrates where that is this service's to do. Throws UNAVAILABLE where the database cannot be asked just now, ConfigError
 * where it is not fit to serve from, which waiting would not mend.
 */
export async function prepareDatabase(
  orm: MikroORM,
  { databaseUrl, databaseMigrationUrl }: Pick<Config, 'databaseUrl' | 'databaseMigrationUrl'>,
): Promise<void> {
  const { databaseFaults, migrate } = await import('../adapters/database/migrate.ts');
  try {
    if (databaseMigrationUrl !== null) {
      await migrate(databaseMigrationUrl, decodeURIComponent(new URL(databaseUrl).username));
    }
    const faults = await databaseFaults(orm);
    if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    if (isDatabaseAway(error)) throw new RedeployError('UNAVAILABLE', 'PostgreSQL is away', {}, error);
    throw new ConfigError(`the database cannot be used: ${(error as Error).message}`, { cause: error });
  }
}
