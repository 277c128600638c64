import { createLogger } from '../../src/logger.ts';
import { type Service, startService } from '../../src/service.ts';
import { readConfig } from '../../src/settings/config.ts';
import type { World } from './dependencies.ts';

/** The service in this process, as `npm start` starts it. */
export function startProduct({ env }: World): Promise<Service> {
  const config = readConfig(env);
  return startService(config, createLogger(config.logLevel));
}
