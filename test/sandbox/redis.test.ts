import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { EmbeddedRedis } from '../../src/sandbox/redis.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import { isListening, listensBeyondLoopback } from '../support/listeners.ts';

const clients: Redis[] = [];
const started: EmbeddedRedis[] = [];
let parent: string;

async function start(options: Parameters<typeof startRedis>[0] = {}): Promise<EmbeddedRedis> {
  const redis = await startRedis(options);
  started.push(redis);
  return redis;
}

function connect(url: string): Redis {
  const client = new Redis(url);
  client.on('error', () => {});
  clients.push(client);
  return client;
}

const portOf = ({ url }: EmbeddedRedis) => Number(new URL(url).port);

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'cratos-redis-test-'));
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await Promise.all(started.splice(0).map((redis) => redis.stop()));
  vi.unstubAllEnvs();
});

afterAll(() => rm(parent, { recursive: true, force: true }));

// The first is whatever this machine has; the second is what a machine without a Redis gets.
describe.each([
  ['of this machine', process.env['PATH']],
  ['that stands in where none is installed', ''],
])('the Redis %s', (_, path) => {
  let redis: EmbeddedRedis;

  beforeEach(async () => {
    vi.stubEnv('PATH', path);
    redis = await start();
  });

  test('keeps a value until the exact instant it was given', async () => {
    const client = connect(redis.url);
    const expires = Date.now() + 7_200_123;

    expect(await client.set('key', 'value', 'PXAT', expires)).toBe('OK');

    expect(await client.get('key')).toBe('value');
    expect(await client.pexpiretime('key')).toBe(expires);
    expect(await client.expiretime('key')).toBeGreaterThanOrEqual(Math.floor(expires / 1000));
    expect(await client.pttl('key')).toBeGreaterThan(7_000_000);
    await client.set('past', 'value', 'PXAT', Date.now() - 1);
    expect(await client.get('past')).toBeNull();
    await client.set('soon', 'value', 'PXAT', Date.now() + 30);
    await vi.waitFor(async () => expect(await client.exists('soon')).toBe(0), { timeout: 10_000 });
    expect(await client.del('key', 'past')).toBe(1);
  });

  test('carries messages between connections', async () => {
    const subscriber = connect(redis.url);
    const received: string[][] = [];
    subscriber.on('message', (channel: string, message: string) => received.push([channel, message]));
    await subscriber.subscribe('events', 'others');

    expect(await connect(redis.url).publish('events', 'first')).toBe(1);

    await vi.waitFor(() => expect(received).toEqual([['events', 'first']]), { timeout: 10_000 });
  });

  test('applies a transaction whole and keeps databases apart', async () => {
    const client = connect(redis.url);

    expect(await client.multi().set('a', '1').incr('a').get('a').exec()).toEqual([
      [null, 'OK'],
      [null, 2],
      [null, '2'],
    ]);
    await client.select(5);
    expect(await client.get('a')).toBeNull();
    await client.set('b', '1');
    await client.flushdb();
    expect(await client.dbsize()).toBe(0);
    await client.select(0);
    expect(await client.get('a')).toBe('2');
  });

  test('tells its version and answers a ping', async () => {
    const client = connect(redis.url);

    expect(await client.ping()).toBe('PONG');
    expect(await client.info('server')).toMatch(/redis_version:\d+\.\d+/);
  });

  test('listens on loopback only', async () => {
    expect(await listensBeyondLoopback(portOf(redis))).toEqual([]);
  });

  test('cuts its clients and leaves no listener when it is stopped', async () => {
    const client = new Redis(redis.url, { retryStrategy: () => null });
    await client.ping();
    const cut = once(client, 'end');

    await redis.stop();

    await cut;
    expect(await isListening(portOf(redis))).toBe(false);
  });

  test('steps over a taken port', async () => {
    const second = await start({ port: portOf(redis) });

    expect(portOf(second)).not.toBe(portOf(redis));
    expect(await connect(second.url).ping()).toBe('PONG');
  });

  test('can be started again on its port', async () => {
    const port = portOf(redis);
    await redis.stop();

    expect((await start({ port })).url).toBe(redis.url);
  });
});

describe('a Redis with a folder', () => {
  test('keeps its data over a restart, except the stand-in, which keeps nothing', async () => {
    const folder = join(parent, 'kept');
    const first = await start({ folder });
    await connect(first.url).set('key', 'value');
    await first.stop();

    const second = await start({ folder, port: portOf(first) });

    expect(second.url).toBe(first.url);
    expect(await connect(second.url).get('key')).toBe(second.kind === 'js-redis-server' ? null : 'value');
  });
});

describe('the choice of a Redis', () => {
  test('is the given one, which is not stopped', async () => {
    const running = await start();

    const given = await start({ given: running.url });
    await given.stop();

    expect(given).toMatchObject({ url: running.url, kind: 'given' });
    expect(await connect(running.url).ping()).toBe('PONG');
  });

  test('fails at once when the given one does not answer', async () => {
    const holder = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };

    await expect(start({ given: `redis://:secret@127.0.0.1:${port}` })).rejects.toThrow(
      `No Redis answers at 127.0.0.1:${port}.`,
    );

    holder.close();
  });

  test.each([
    ['redis-server', 'Redis server v=6.0.16 sha=0', 'js-redis-server'],
    ['redis-server', 'something else', 'js-redis-server'],
  ])('passes over a %s that says "%s"', async (command, version, kind) => {
    const folder = join(parent, 'old');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, command), `#!/bin/sh\necho '${version}'\n`);
    await chmod(join(folder, command), 0o755);
    vi.stubEnv('PATH', folder);

    expect((await start()).kind).toBe(kind);
  });
});
