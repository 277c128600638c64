import { ConfigError, readConfig } from './settings/config.ts';
import { createLogger } from './logger.ts';
import { startService } from './service.ts';

/** `npm start`: production. Refuses to start without its settings, and says all of them that are at fault. */
try {
  const config = readConfig(process.env);
  const log = createLogger(config.logLevel, config.webhook ? [config.webhook.secret] : []);
  const service = await startService(config, log);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'stopping');
      service.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ err: error }, 'stopped with an error');
          process.exit(1);
        },
      );
    });
  }
} catch (error) {
  const text =
    error instanceof ConfigError
      ? `Cannot start:\n${error.message}\n`
      : `${String(error instanceof Error ? error.stack : error)}\n`;
  process.stderr.write(text);
  process.exit(1);
}
