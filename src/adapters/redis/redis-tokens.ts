import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { TokenCopy, Tokens } from '../../domain/token.ts';
import { reachingRedis } from './connection.ts';

const tokenCopy: z.ZodType<TokenCopy> = z.object({
  username: z.string(),
  applicationName: z.string(),
  ticketId: z.number().int(),
  ticketNo: z.string(),
  expires: z.iso.datetime(),
  valid: z.literal(true),
  desc: z.string(),
});

/**
 * The guide's keys. Percent-encoding keeps a `:` or `{}` in a name from reaching into another key, and is nothing to
 * names of applications that can be registered. It takes well-formed text only, and what PostgreSQL is sent is made
 * well-formed in the same way.
 */
export const tokenKey = (username: string, applicationName: string): string =>
  `APPLICATION:REDEPLOY:TOKEN:USERNAME:${encoded(username)}:APPLICATION_NAME:${encoded(applicationName)}`;

const encoded = (name: string): string => encodeURIComponent(name.toWellFormed());

export class RedisTokens implements Tokens {
  private readonly redis: Redis;

  constructor(redis: Redis) {
    this.redis = redis;
  }

  async ping(): Promise<void> {
    await reachingRedis(() => this.redis.ping());
  }

  async put(token: TokenCopy): Promise<void> {
    const key = tokenKey(token.username, token.applicationName);
    await reachingRedis(() => this.redis.set(key, JSON.stringify(token), 'PXAT', Date.parse(token.expires)));
  }

  async get(username: string, applicationName: string): Promise<TokenCopy | null> {
    const stored = await reachingRedis(() => this.redis.get(tokenKey(username, applicationName)));
    return stored === null ? null : readCopy(stored, username, applicationName);
  }

  async remove(username: string, applicationName: string): Promise<void> {
    await reachingRedis(() => this.redis.del(tokenKey(username, applicationName)));
  }
}

/** What somebody else wrote under the key is a copy that stands for no grant. */
function readCopy(stored: string, username: string, applicationName: string): TokenCopy {
  try {
    return tokenCopy.parse(JSON.parse(stored));
  } catch {
    const unknown = { ticketId: 0, ticketNo: 'unknown', expires: new Date(0).toISOString(), valid: true } as const;
    return { username, applicationName, ...unknown, desc: 'unreadable' };
  }
}
