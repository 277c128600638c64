import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../src/settings/config.ts';
import { type Service, startService } from '../src/service.ts';
import { createTestDatabase } from './support/database.ts';
import { isListening } from './support/listeners.ts';
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
  ...more,
});

const start = (more: Record<string, string>): Promise<Service> =>
  startService(readConfig(environment(more)), pino({ level: 'silent' }));

const portOf = ({ url }: { url: string }): number => Number(new URL(url).port);

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
    // No loop of a service reads this table: whoever waits for it is the request.
    const locked = services.sql('begin; lock table application in access exclusive mode; select pg_sleep(1); commit');
    const isLocked = (granted: boolean) => async () => {
      const where = `where relation = 'application'::regclass and granted = ?`;
      return (await services.sql(`select pid from pg_locks ${where}`, [granted]))[0];
    };
    await until('the table is locked', isLocked(true));
    const answer = ask(stopping, story.tokens.alice, '{ application(name: "abc") { name } }');
    await until('the request waits', isLocked(false));
    const stopped = stopping.stop();
    await until('nobody listens any more', async () => !(await isListening(portOf(stopping))));
    expect(await answer).toMatchObject({ status: 200, errors: [{ extensions: { code: 'NOT_FOUND' } }] });
    await stopped;
    await locked;
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
    expect(error.message).toMatch(/^the database lacks \d+ migrations?: set DATABASE_MIGRATION_URL/);
    await bare.drop();
  });

  test('is refused with a role that could alter the record', async () => {
    const error = await refusal({ DATABASE_URL: services.database.ownerUrl });
    expect(error).toBeInstanceOf(ConfigError);
    for (const table of ['audit_record', 'operation_event']) {
      expect(error.message).toContain(`DATABASE_URL's role may change or delete rows of ${table}`);
    }
  });

  test('is refused where the database or the kubeconfig is not there', async () => {
    const nowhere = Object.assign(new URL(services.database.serviceUrl), { port: '1' }).toString();
    expect(await refusal({ DATABASE_URL: nowhere })).toBeInstanceOf(ConfigError);
    expect(await refusal({ KUBECONFIG: '/nowhere/kubeconfig' })).toBeInstanceOf(Error);
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
