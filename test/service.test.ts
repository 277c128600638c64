import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../src/settings/config.ts';
import { openService, type Service, startService } from '../src/service.ts';
import { createTestDatabase, ownLocks } from './support/database.ts';
import { isListening } from './support/listeners.ts';
import { MainProcess } from './support/main-process.ts';
import { Relay } from './support/relay.ts';
import { watchRollout } from './support/rollout-watch.ts';
import { ask, openTestServices, type TestServices } from './support/service.ts';
import { Story } from './support/story.ts';
import { until } from './support/wait.ts';
import { WireClient } from './support/wire-client.ts';

let services: TestServices;
let service: Service;
let story: Story;

beforeAll(async () => {
  services = await openTestServices();
  service = await services.start();
  story = await Story.open(services, service);
});
afterAll(() => services.close());

const environment = (more: Record<string, string> = {}): Record<string, string> => ({
  PORT: '0',
  DATABASE_URL: services.database.serviceUrl,
  REDIS_URL: services.redisUrl,
  KUBECONFIG: services.cluster.settings.kubeconfig,
  OIDC_ISSUER: services.issuer.url,
  SHUTDOWN_SECONDS: '8',
  SHUTDOWN_DELAY_SECONDS: '0',
  ...more,
});

const start = (more: Record<string, string>): Promise<Service> =>
  startService(readConfig(environment(more)), pino({ level: 'silent' }));

const portOf = ({ url }: { url: string }): number => Number(new URL(url).port);

/** Whether a statement has, or waits for, the table of applications. */
const waitsForApplications = (granted: boolean) => async () => {
  const locks = `select pid from ${ownLocks} and relation = 'application'::regclass and granted = ?`;
  return (await services.sql(locks, [granted]))[0];
};

/** No loop of a service reads this table: whoever waits for it is a request. */
async function lockApplications(seconds: number): Promise<Promise<unknown>[]> {
  const lock = `begin; lock table application in access exclusive mode; select pg_sleep(${seconds}); commit`;
  const unlocked = services.sql(lock);
  await until('the table is locked', waitsForApplications(true));
  return [unlocked];
}

describe('stop', () => {
  test('ends everything that the service started: the process ends by itself, with clients still connected', async () => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('support/service-process.ts', import.meta.url))], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const there = JSON.parse(line.toString()) as Service;
    const { applicationName } = await story.place({ image: 'web:unready', isUp: false });
    await story.authorized(applicationName);
    const id = await story.redeployed(applicationName);
    const watch = watchRollout(there, story.tokens.alice, { operationId: id });
    await until('the first event is there', () => watch.events.length > 0);
    const idle = await WireClient.open(there.subscriptionsUrl);
    const quiet = await WireClient.open(there.subscriptionsUrl);
    await quiet.signIn(story.tokens.alice);
    expect((await ask(there, story.tokens.alice, '{ viewer { username } }')).status).toBe(200);
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect(await watch.ended).toEqual({ closed: 1001 });
    for (const client of [idle, quiet]) expect(await client.closed).toEqual({ code: 1001, reason: 'Going away' });
  });

  test('answers the requests that are under way, and takes no new ones', async () => {
    const stopping = await services.start();
    const [unlocked] = await lockApplications(1);
    const answer = ask(stopping, story.tokens.alice, '{ application(name: "abc") { name } }');
    await until('the request waits', waitsForApplications(false));
    const stopped = stopping.stop();
    await until('nobody listens any more', async () => !(await isListening(portOf(stopping))));
    expect(await answer).toMatchObject({ status: 200, errors: [{ extensions: { code: 'NOT_FOUND' } }] });
    await stopped;
    await unlocked;
  });

  test('does not wait for clients that never say goodbye', async () => {
    const stopping = await services.start();
    const upgrade = request({
      host: '127.0.0.1',
      port: portOf(stopping),
      path: '/graphql',
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-protocol': 'graphql-transport-ws',
      },
    });
    const upgraded = once(upgrade, 'upgrade');
    upgrade.end();
    await upgraded; // and never reads or answers a close frame
    const half = request({ host: '127.0.0.1', port: portOf(stopping), path: '/graphql', method: 'POST' });
    const broken = once(half, 'error');
    half.setHeader('content-type', 'application/json');
    half.setHeader('authorization', `Bearer ${story.tokens.alice}`);
    half.write('{"query": '); // and never ends its body
    await once(half, 'socket');
    await stopping.stop();
    expect(((await broken)[0] as Error).message).toMatch(/hang up|ECONNRESET/);
    upgrade.destroy();
  }, 20_000);

  test('is told first: for a while it is not ready, but serves, and ends each connection with its answer', async () => {
    const stopping = await services.start({ SHUTDOWN_DELAY_SECONDS: '2' });
    const watcher = await WireClient.open(stopping.subscriptionsUrl);
    await watcher.signIn(story.tokens.alice);
    const readyz = new URL('/readyz', stopping.url);
    expect((await fetch(readyz)).status).toBe(200);
    const stopped = stopping.stop();
    const answer = await fetch(readyz);
    expect([answer.status, answer.headers.get('connection')]).toEqual([503, 'close']);
    expect(await answer.text()).toContain('[-]shutdown failed: this replica is shutting down\n');
    expect((await fetch(new URL('/livez', stopping.url))).status).toBe(200);
    expect((await ask(stopping, story.tokens.alice, '{ viewer { username } }')).status).toBe(200);
    watcher.send({ type: 'subscribe', id: '1', payload: { query: '{ viewer { username } }' } });
    await watcher.until(({ type }) => type === 'complete');
    await stopped;
    expect(await watcher.closed).toEqual({ code: 1001, reason: 'Going away' });
  });

  test('closes a WebSocket only when its requests are answered, and takes none that come meanwhile', async () => {
    const stopping = await services.start();
    const [unlocked] = await lockApplications(1);
    const client = await WireClient.open(stopping.subscriptionsUrl);
    await client.signIn(story.tokens.alice);
    const subscribe = (id: string, query: string) => client.send({ type: 'subscribe', id, payload: { query } });
    subscribe('watch', 'subscription { ticketChanged { ticketNo } }');
    subscribe('first', '{ application(name: "abc") { name } }');
    await until('the request waits', waitsForApplications(false));
    const stopped = stopping.stop();
    await until('nobody listens any more', async () => !(await isListening(portOf(stopping))));
    subscribe('late', '{ viewer { username } }');
    expect(await client.closed).toEqual({ code: 1001, reason: 'Going away' });
    const answered = client.received.filter(
      ({ type, id }) => type === 'complete' || (type === 'next' && id !== 'watch'), // tickets change meanwhile
    );
    // A subscription that is completed would not be taken up again elsewhere.
    expect(answered.map(({ type, id }) => [type, id])).toEqual([
      ['next', 'first'],
      ['complete', 'first'],
    ]);
    await stopped;
    await unlocked;
  });

  test('cuts off what takes longer than it may, and says so', async () => {
    const warned: string[] = [];
    const stream = new Writable({ write: (line, _, done) => (warned.push(String(line)), done()) });
    const stopping = await services.start({ SHUTDOWN_SECONDS: '2' }, pino({ level: 'warn' }, stream));
    const [unlocked] = await lockApplications(5);
    const answer = ask(stopping, story.tokens.alice, '{ application(name: "abc") { name } }').catch(String);
    await until('the request waits', waitsForApplications(false));
    await stopping.stop();
    expect(await answer).toBe('TypeError: fetch failed');
    expect(await waitsForApplications(true)()).toBeDefined();
    expect(warned.join('')).toContain('requests that took too long were cut off');
    await unlocked;
  }, 20_000);

  test('of npm start ends with 0, also when it is asked for again meanwhile', async () => {
    const { PORT: _, ...env } = environment({ SHUTDOWN_DELAY_SECONDS: '1' });
    const main = await MainProcess.start(env);
    const first = main.stop();
    await until('it is stopping', () => main.lines.some((line) => line.includes('"msg":"stopping"')));
    expect(await main.stop()).toBe(0);
    expect(await first).toBe(0);
    expect(main.lines.at(-1)).toContain('"msg":"stopped"');
    expect(main.errors).toBe('');
  });

  test('asked for twice, also at once, it is done once', async () => {
    const stopping = await services.start();
    await Promise.all([stopping.stop(), stopping.stop()]);
    await stopping.stop();
    expect(await isListening(portOf(stopping))).toBe(false);
  });

  test('hands over the operations that it follows', async () => {
    const [leaving, staying] = [await services.start(), service];
    const there = await Story.open(services, leaving);
    const { applicationName, namespace, deploymentName } = await story.place({ image: 'web:unready', isUp: false });
    await story.authorized(applicationName);
    const id = await there.redeployed(applicationName);
    const watch = watchRollout(staying, story.tokens.alice, { operationId: id, after: 0 });
    await leaving.stop();
    await services.cluster.api.apps.deleteNamespacedDeployment({ namespace, name: deploymentName });
    expect(await watch.ended).toEqual({ completed: true });
    expect(watch.events.at(-1)).toMatchObject({ status: 'FAILED', message: 'object has been deleted' });
    expect(watch.sequences()).toEqual(watch.sequences().map((_, index) => index + 1));
  });
});

describe('start', () => {
  /** Sockets to Redis and PostgreSQL, and servers, of this process. */
  const opened = (): number => process.getActiveResourcesInfo().filter((kind) => kind.startsWith('TCP')).length;

  const refusal = async (more: Record<string, string>): Promise<Error> => {
    await until('the sockets of the test itself are settled', () => opened() > 0);
    const before = opened();
    const error = await start(more).then(
      async (started) => {
        await started.stop();
        return new Error('it started');
      },
      (reason: unknown) => reason as Error,
    );
    await until('nothing is left of it', () => opened() <= before);
    return error;
  };

  test('is refused on a database without its schema', async () => {
    const bare = await createTestDatabase({ bare: true });
    const error = await refusal({ DATABASE_URL: bare.serviceUrl });
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(/^the database lacks \d+ migrations: npm run migrate, or set DATABASE_MIGRATION_URL/);
    await bare.drop();
  });

  test('is refused with a role that could alter the record', async () => {
    const error = await refusal({ DATABASE_URL: services.database.ownerUrl });
    expect(error).toBeInstanceOf(ConfigError);
    for (const table of ['audit_record', 'operation_event']) {
      expect(error.message).toContain(`DATABASE_URL's role may change or delete rows of ${table}`);
    }
  });

  test('is refused where the role, the database or the kubeconfig is not there', async () => {
    const other = (part: object) => Object.assign(new URL(services.database.serviceUrl), part).toString();
    for (const wrong of [{ pathname: '/nowhere' }, { username: 'nobody' }]) {
      const error = await refusal({ DATABASE_URL: other(wrong) });
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toMatch(/^the database cannot be used: /);
    }
    expect(await refusal({ KUBECONFIG: '/nowhere/kubeconfig' })).toBeInstanceOf(Error);
  });

  describe('while PostgreSQL is away', () => {
    const probe = async ({ url }: Service, path: string) => {
      const response = await fetch(new URL(path, url));
      return [response.status, await response.text()];
    };
    let relay: Relay;
    let waiting: Service;
    beforeEach(async () => {
      const { serviceUrl, ownerUrl } = services.database;
      relay = await Relay.to(serviceUrl);
      await relay.close();
      const through = (url: string) => Object.assign(new URL(url), { port: String(relay.port) }).toString();
      const env = { DATABASE_URL: through(serviceUrl), DATABASE_MIGRATION_URL: through(ownerUrl) };
      waiting = await openService(readConfig(environment(env)), pino({ level: 'silent' }));
      await until('it says that it waits', async () => String(await probe(waiting, '/startupz')).includes('is away'));
    });
    afterEach(async () => {
      await waiting.stop();
      await relay.close();
    });

    test('waits, is alive but neither started nor ready, and refuses everybody with UNAVAILABLE', async () => {
      expect(await probe(waiting, '/livez')).toEqual([200, 'ok\n']);
      const start = '[-]start failed: PostgreSQL is away\n';
      expect(await probe(waiting, '/startupz')).toEqual([503, `${start}startupz check failed\n`]);
      expect(await probe(waiting, '/readyz')).toEqual([503, expect.stringContaining(start)]);
      const refused = { message: 'the service is starting', extensions: { code: 'UNAVAILABLE' } };
      const answer = await ask(waiting, story.tokens.alice, '{ viewer { username } }');
      expect(answer).toMatchObject({ status: 503, errors: [refused] });
      const rest = new URL('/v1/applications/web/redeploy', waiting.url);
      expect((await fetch(rest, { method: 'POST' })).status).toBe(503);
      const client = await WireClient.open(waiting.subscriptionsUrl);
      client.send({ type: 'connection_init', payload: { authorization: `Bearer ${story.tokens.alice}` } });
      expect(await client.closed).toEqual({ code: 1013, reason: 'the service is starting' });
    });

    test('begins to serve by itself when it is back', async () => {
      await relay.serve();
      await waiting.started;
      expect(await probe(waiting, '/readyz')).toEqual([200, 'ok\n']);
      expect((await ask(waiting, story.tokens.alice, '{ viewer { username } }')).status).toBe(200);
    });

    test('can be stopped', async () => {
      await waiting.stop();
      await waiting.started;
      expect(await isListening(portOf(waiting))).toBe(false);
    });
  });

  test('is refused where the key of its seals or the file of their checkpoints cannot be used', async () => {
    for (const setting of ['AUDIT_SIGNING_KEY_FILE', 'AUDIT_CHECKPOINT_FILE']) {
      const error = await refusal({ [setting]: '/nowhere/file' });
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toMatch(new RegExp(`^${setting} /nowhere/file cannot be used: ENOENT`));
    }
  });

  test('on a port that is taken fails, and leaves nothing behind', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    expect(await refusal({ PORT: String(port) })).toMatchObject({ code: 'EADDRINUSE' });
    taken.close();
  });

  test('of two replicas at once on an empty database brings up both', async () => {
    const bare = await createTestDatabase({ bare: true });
    const more = { DATABASE_URL: bare.serviceUrl, DATABASE_MIGRATION_URL: bare.ownerUrl };
    const both = await Promise.all([start(more), start(more)]);
    for (const one of both) {
      const { data } = await ask(one, story.tokens.grace, '{ viewer { username } }');
      expect(data).toEqual({ viewer: { username: 'grace' } });
    }
    for (const one of both) await one.stop();
    await bare.drop();
  });

  test('without Redis or the API server succeeds: requests that need them are UNAVAILABLE, the others are answered', async () => {
    const alone = await start({ REDIS_URL: 'redis://127.0.0.1:1' });
    expect((await ask(alone, story.tokens.alice, '{ viewer { username } }')).data).toEqual({
      viewer: { username: 'alice' },
    });
    const { errors } = await ask(alone, story.tokens.alice, '{ token(applicationName: "web") { valid } }');
    expect(errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }]);
    await alone.stop();
  });
});

test('a socket that is cut during sign-in leaves no timer behind', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  const clients = await Promise.all(Array.from({ length: 30 }, () => WireClient.open(service.subscriptionsUrl)));
  for (const client of clients) {
    client.send({ type: 'connection_init', payload: { authorization: `Bearer ${story.tokens.alice}` } });
    setImmediate(() => client.socket.terminate());
  }
  for (const client of clients) expect((await client.closed).code).toBe(1006);
  await until('the timers are gone', () => timers() <= before + 2);
});
