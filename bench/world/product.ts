import { createLogger } from '../../src/logger.ts';
import { type Service, startService } from '../../src/service.ts';
import { readConfig } from '../../src/settings/config.ts';
import type { World } from './dependencies.ts';

/** For what is started in the harness's own process, whose output is the report. */
export const quiet = (world: World): World => ({ ...world, env: { ...world.env, LOG_LEVEL: 'error' } });

/** The service in this process, as `npm start` starts it. */
export function startProduct({ env }: World): Promise<Service> {
  const config = readConfig(env);
  return startService(config, createLogger(config.logLevel));
}
