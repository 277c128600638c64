import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Whoever may write there may change the code itself; where nobody may, all is compiled anew at each start.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/node'));
// What is imported at the top is compiled before anything runs.
const { ConfigError, readConfig } = await import('./settings/config.ts');
const { createLogger } = await import('./logger.ts');
const { openService } = await import('./service.ts');

/** Not even read where nobody collects traces. */
async function openTracing(url: string) {
  const { OpenTelemetry } = await import('./adapters/opentelemetry/open-telemetry.ts');
  return new OpenTelemetry(url);
}

/** `npm start`: production. Refuses to start without its settings, and says all of them that are at fault. */
try {
  const config = readConfig(process.env);
  const tracing = config.tracesUrl === null ? null : await openTracing(config.tracesUrl);
  const secrets = config.webhook ? [config.webhook.secret] : [];
  const log = createLogger(config.logLevel, secrets, undefined, tracing ? () => tracing.logFields() : undefined);
  tracing?.reportTo(log);
  const service = await openService(config, log, tracing);
  const stop = async (): Promise<void> => {
    await service.stop();
    await tracing?.close();
  };
  // Every time, not once: a second signal would otherwise end the process on the spot.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'stopping');
      stop().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ err: error }, 'stopped with an error');
          process.exit(1);
        },
      );
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
