import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { tooManyRequests } from '../../../src/sandbox/cluster/simulated-cluster.ts';
import { until } from '../../support/wait.ts';
import { ClusterClient, deploymentsPath, manifest } from './cluster-client.ts';

let client: ClusterClient;

beforeAll(async () => {
  client = await ClusterClient.start();
});
afterEach(() => {
  client.cluster.intercept = undefined;
});
afterAll(() => client.cluster.stop());

const idle = (name: string) => client.send('POST', deploymentsPath, manifest(name, { replicas: 0, paused: true }));
const watchPath = `${deploymentsPath}?watch=1`;

test('too many requests are refused as an API server does, with the time to come again', async () => {
  client.cluster.intercept = () => tooManyRequests;
  for (const path of [deploymentsPath, watchPath]) {
    const { code, headers, text } = await client.text(path);
    expect([code, headers['retry-after'], headers['content-type']]).toEqual([429, '1', 'text/plain; charset=utf-8']);
    expect(text).toBe('Too many requests, please try again later.\n');
  }
});

test('a refusal can say when to come again', async () => {
  client.cluster.intercept = () => ({
    status: 429,
    reason: 'TooManyRequests',
    message: 'later',
    retryAfterSeconds: 7,
  });
  const { headers, text } = await client.text(deploymentsPath);
  expect(headers['retry-after']).toBe('7');
  expect(JSON.parse(text)).toMatchObject({ code: 429, details: { retryAfterSeconds: 7 } });
});

const broken = { status: 500, reason: 'InternalError', message: 'etcdserver: request timed out' };

test('a list and a watch can fail, the watch also after it has begun', async () => {
  client.cluster.intercept = () => broken;
  for (const path of [deploymentsPath, watchPath]) expect((await client.text(path)).code).toBe(500);
  client.cluster.intercept = () => ({ ...broken, isEvent: true });
  const watching = await client.watch(watchPath);
  await watching.ended;
  expect(watching.events).toMatchObject([{ type: 'ERROR', object: { kind: 'Status', code: 500 } }]);
});

test('a watch can begin and stay silent', async () => {
  client.cluster.intercept = ({ query }) => (query.has('watch') ? 'silent' : undefined);
  const silent = await client.watch(watchPath);
  await idle('unseen');
  client.cluster.intercept = undefined;
  const other = await client.watch(watchPath);
  await until('another watch sees it', () => other.events.length > 0);
  expect(silent.events).toEqual([]);
  for (const watching of [silent, other]) watching.stop();
});

test('watches that are open can fall silent, and one that begins afterwards does not', async () => {
  const watching = await client.watch(watchPath);
  await idle('before');
  await until('it is seen', () => watching.events.some(({ object }) => object.metadata.name === 'before'));
  client.cluster.silenceWatches();
  await idle('after');
  const fresh = await client.watch(watchPath);
  await until('a new watch sees it', () => fresh.events.some(({ object }) => object.metadata.name === 'after'));
  // What was told before may still be on its way.
  expect(watching.events.filter(({ object }) => object.metadata.name === 'after')).toEqual([]);
  for (const one of [watching, fresh]) one.stop();
});

test('an answer comes late where the test takes its time', async () => {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  let isAsked = false;
  client.cluster.intercept = () => {
    isAsked = true;
    return promise;
  };
  const answer = client.send('GET', deploymentsPath);
  await until('it is asked', () => isAsked);
  resolve(undefined);
  expect((await answer).code).toBe(200);
});
