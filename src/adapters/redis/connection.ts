import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { RedeployError } from '../../domain/errors.ts';
import type { Tracing } from '../../domain/tracing.ts';
import { spanCommands } from './command-spans.ts';

/**
 * A connection that fails fast: while Redis is away a command is refused at once instead of waiting for its return,
 * and one that gets no answer is given up.
 */
export function openRedis(url: string, name: string, log: Logger, tracing: Tracing | null = null): Redis {
  const redis = listening(
    new Redis(url, {
      connectionName: name,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: 2_000,
      connectTimeout: 2_000,
      retryStrategy: backOff,
    }),
    log,
  );
  return tracing ? spanCommands(redis, tracing) : redis;
}

/** A connection for subscriptions only: what is asked for while Redis is away stands as soon as it is back. */
export function openSubscriber(url: string, name: string, log: Logger): Redis {
  return listening(
    new Redis(url, {
      connectionName: name,
      enableOfflineQueue: true,
      maxRetriesPerRequest: null,
      autoResubscribe: true,
      connectTimeout: 2_000,
      retryStrategy: backOff,
    }),
    log,
  );
}

/** Resolves when Redis answers, or after a moment without it: the service starts either way. */
export async function waitUntilReady(redis: Redis, milliseconds = 2_000): Promise<void> {
  if (redis.status === 'ready') return;
  const ready = Promise.withResolvers<void>();
  const timer = setTimeout(ready.resolve, milliseconds);
  redis.once('ready', ready.resolve);
  await ready.promise;
  clearTimeout(timer);
  redis.off('ready', ready.resolve);
}

/** Whatever Redis does not answer is UNAVAILABLE, never a yes. */
export async function reachingRedis<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new RedeployError('UNAVAILABLE', 'Redis is away; nothing was changed', { advice: 'Try again.' }, error);
  }
}

const backOff = (attempt: number): number => Math.min(50 * 2 ** attempt, 1_000) * (0.75 + Math.random() / 2);

function listening(redis: Redis, log: Logger): Redis {
  // Without a listener ioredis prints connection errors itself; the message names host and port, no password.
  redis.on('error', (error: Error) => log.warn({ reason: error.message }, 'Redis connection'));
  return redis;
}
