import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Health, NotReady } from '../../src/http/health.ts';
import { startIssuer } from '../../src/sandbox/issuer.ts';
import type { Service } from '../../src/service.ts';
import { ownLocks } from '../support/database.ts';
import { Relay } from '../support/relay.ts';
import { ask, openTestServices, type TestServices } from '../support/service.ts';
import { until } from '../support/wait.ts';

const silent = pino({ level: 'silent' });

describe('a replica whose dependency is away', () => {
  let services: TestServices;
  let service: Service;
  let relays: Record<'postgresql' | 'redis' | 'cluster-1', Relay>;
  const logged: string[] = [];
  const log = pino({ level: 'info' }, new Writable({ write: (line, _, done) => (logged.push(String(line)), done()) }));

  beforeAll(async () => {
    services = await openTestServices();
    const { database, redisUrl, cluster } = services;
    relays = {
      postgresql: await Relay.to(database.serviceUrl),
      redis: await Relay.to(redisUrl),
      'cluster-1': cluster.relay,
    };
    const through = (url: string, { port }: Relay) => Object.assign(new URL(url), { port: String(port) }).toString();
    service = await services.start(
      {
        DATABASE_URL: through(database.serviceUrl, relays.postgresql),
        REDIS_URL: through(redisUrl, relays.redis),
      },
      log,
    );
  });
  afterAll(async () => {
    await services.close();
    await relays.postgresql.close();
    await relays.redis.close();
  });
  afterEach(async () => {
    for (const relay of Object.values(relays)) {
      await relay.close();
      await relay.serve();
    }
    await until('all of it is back', async () => (await ready()).text.match(/^\[-\]/m) === null);
  });

  const ready = async () => {
    const response = await fetch(new URL('/readyz?verbose', service.url));
    return { status: response.status, text: await response.text() };
  };
  const lineOf = async (name: string) => (await ready()).text.split('\n').find((line) => line.includes(`]${name} `));

  test.for([
    ['postgresql', 503, '[-]postgresql failed: does not answer'],
    ['redis', 200, '[-]redis failed: does not answer; tokens and redeploys are UNAVAILABLE, the rest goes on'],
    [
      'cluster-1',
      200,
      '[-]cluster-1 failed: its watches are interrupted; redeploys in it are UNAVAILABLE or wait, the rest goes on',
    ],
  ] as const)('%s: /readyz is %i and says so', async ([name, status, line]) => {
    await relays[name].close();
    await until('it is seen', async () => (await lineOf(name)) === line);
    const answer = await ready();
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(`readyz check ${status === 200 ? 'passed' : 'failed'}`);
    // Strangers read it: no address, no port, no name of a database, role or cluster.
    expect(answer.text).not.toMatch(/127\.0\.0\.1|:\d|test_|sandbox|simulated|cratos/i);
    const told = logged.map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(told).toContainEqual(expect.objectContaining({ msg: 'a dependency is away', check: name }));
    expect((await fetch(new URL('/livez', service.url))).status).toBe(200);
    expect((await fetch(new URL('/startupz', service.url))).status).toBe(200);
  });

  test.for(['postgresql', 'redis'] as const)('%s: one that hangs is one that does not answer', async (name) => {
    relays[name].hang();
    const line = await until('it is seen', async () => (await lineOf(name))?.startsWith('[-]') && (await lineOf(name)));
    expect(line).toContain('does not answer');
  });

  test('a pool whose connections are all busy is no outage', async () => {
    const token = await services.signIn('alice', 'APPLICATION_DEPLOYER');
    const lock = services
      .sql('begin; lock table application in access exclusive mode; select pg_sleep(60)')
      .catch(() => undefined);
    const holders = (granted: boolean) =>
      services.sql<{ pid: number }>(
        `select pid from ${ownLocks} and relation = 'application'::regclass and granted = ?`,
        [granted],
      );
    const [holder] = await until('the table is locked', async () => {
      const found = await holders(true);
      return found.length > 0 && found;
    });
    const waiting = Array.from({ length: 40 }, () => ask(service, token, '{ application(name: "x") { name } }'));
    await until('nearly all connections are busy', async () => (await holders(false)).length >= 18);
    expect(await lineOf('postgresql')).toBe('[+]postgresql ok');
    await services.sql('select pg_terminate_backend(?)', [holder!.pid]);
    await Promise.all([lock, ...waiting]);
  });
});

describe('what is required', () => {
  const readyz = async (without: string | null, look: () => unknown) => {
    const health = new Health([{ name: 'part', without: () => without, look }], silent);
    health.begin();
    const [part] = await health.answers['/readyz']!();
    return part;
  };
  const fails = () => {
    throw new NotReady('it is away');
  };

  test('is told apart from what others can do without', async () => {
    expect(await readyz(null, () => undefined)).toEqual({ name: 'part', fault: null, isRequired: true });
    expect(await readyz(null, fails)).toEqual({ name: 'part', fault: 'it is away', isRequired: true });
    expect(await readyz('less works', fails)).toEqual({
      name: 'part',
      fault: 'it is away; less works',
      isRequired: false,
    });
  });

  test("never tells an error's own text", async () => {
    const fault = async () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.1:5432'));
    expect(await readyz(null, fault)).toMatchObject({ fault: 'does not answer' });
  });

  test('is looked at once, however many ask', async () => {
    let looks = 0;
    const health = new Health([{ name: 'part', without: () => null, look: () => (looks += 1) }], silent);
    await Promise.all(Array.from({ length: 50 }, () => health.answers['/readyz']!()));
    await health.answers['/readyz']!();
    expect(looks).toBe(1);
  });

  test('is looked at no second time while the first look takes', async () => {
    let looks = 0;
    const ended = Promise.withResolvers<void>();
    const look = () => {
      looks += 1;
      return ended.promise;
    };
    const health = new Health([{ name: 'part', without: () => null, look }], silent);
    const ask = async () => (await health.answers['/readyz']!())[0]?.fault;
    expect(await ask()).toBe('does not answer');
    const since = performance.now();
    await until('the answer is not kept any more', () => performance.now() - since > 1_100);
    expect(await ask()).toBe('does not answer');
    expect(looks).toBe(1);
    ended.resolve();
    await until('it is back', async () => (await ask()) === null);
  });
});

test('without the keys of the issuer a replica is not ready; once it has had them it stays so', async () => {
  const services = await openTestServices();
  const issuer = await startIssuer();
  await issuer.stop();
  const service = await services.start({ OIDC_ISSUER: issuer.url });
  const ready = async () => {
    const response = await fetch(new URL('/readyz', service.url));
    return { status: response.status, text: await response.text() };
  };
  expect(await ready()).toMatchObject({
    status: 503,
    text: expect.stringContaining('[-]issuer-keys failed: does not answer\n'),
  });
  expect((await fetch(new URL('/startupz', service.url))).status).toBe(200);
  const back = await startIssuer({ port: Number(new URL(issuer.url).port) });
  expect(back.url).toBe(issuer.url);
  await until('it has the keys', async () => (await ready()).status === 200);
  await back.stop();
  expect(await ready()).toEqual({ status: 200, text: 'ok\n' });
  await services.close();
});
