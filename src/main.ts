import { ConfigError, readConfig } from './settings/config.ts';
import { createLogger } from './logger.ts';
import { openService } from './service.ts';

/** `npm start`: production. Refuses to start without its settings, and says all of them that are at fault. */
try {
  const config = readConfig(process.env);
  const log = createLogger(config.logLevel, config.webhook ? [config.webhook.secret] : []);
  const service = await openService(config, log);
  // Every time, not once: a second signal would otherwise end the process on the spot.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'stopping');
      void service.stop().then(() => process.exit(0));
    });
  }
  await service.started;
} catch (error) {
  const text =
    error instanceof ConfigError
      ? `Cannot start:\n${error.message}\n`
      : `${String(error instanceof Error ? error.stack : error)}\n`;
  process.stderr.write(text);
  process.exit(1);
}
