import type { Logger } from 'pino';
import type { Tracing } from './domain/tracing.ts';
import { assemble } from './service/parts.ts';
import { Replica } from './service/replica.ts';
import type { Config } from './settings/config.ts';

export type Service = {
  url: string;
  subscriptionsUrl: string;
  /** For Prometheus; null where it is not served. */
  metricsUrl: string | null;
  /** Resolves once it serves or was stopped before. Rejects where it never can, and has ended everything by then. */
  started: Promise<void>;
  /**
   * Not ready any more, but still serving for the delay; then takes nothing new, hands over what it follows, ends
   * subscriptions, answers what is under way and ends everything that it started. Never rejects, and resolves within
   * the time that the settings give; asked twice it is done once.
   */
  stop: () => Promise<void>;
};

/** Opens one replica, and resolves once it serves; for PostgreSQL it waits as long as it takes. */
export async function startService(config: Config, log: Logger, tracing: Tracing | null = null): Promise<Service> {
  const service = await openService(config, log, tracing);
  await service.started;
  return service;
}

/**
 * One replica that listens, answers health checks and begins to serve as soon as it can. Throws ConfigError where a
 * file that the settings name cannot be used.
 */
export async function openService(config: Config, log: Logger, tracing: Tracing | null = null): Promise<Service> {
  const replica = new Replica(await assemble(config, log, tracing));
  const { address, metricsUrl } = await replica.listen().catch(async (error: unknown) => {
    await replica.stop();
    throw error;
  });
  const started = replica.begin().catch(async (error: unknown) => {
    await replica.stop();
    throw error;
  });
  // Whoever asks for it is told; nobody has to.
  started.catch(() => undefined);
  return {
    url: `http://${address}/graphql`,
    subscriptionsUrl: `ws://${address}/graphql`,
    metricsUrl,
    started,
    stop: () => replica.stop(),
  };
}
