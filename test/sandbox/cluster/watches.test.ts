import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../support/wait.ts';
import { ClusterClient, deploymentsPath, manifest } from './cluster-client.ts';

let client: ClusterClient;

beforeAll(async () => {
  client = await ClusterClient.start();
});
afterAll(() => client.cluster.stop());

const version = async (): Promise<string> => {
  const { body } = await client.send('GET', '/apis/apps/v1/deployments');
  return (body['metadata'] as { resourceVersion: string }).resourceVersion;
};
const idle = (name: string) => manifest(name, { replicas: 0, paused: true });
const annotated = (name: string, value: string) => client.patch(name, { metadata: { annotations: { value } } });

test('a watch from a list misses nothing and repeats nothing', async () => {
  const since = await version();
  await client.send('POST', deploymentsPath, idle('one'));
  await annotated('one', 'before');
  const watching = await client.watch(`/apis/apps/v1/deployments?watch=1&resourceVersion=${since}`);
  await annotated('one', 'after');
  await client.send('DELETE', `${deploymentsPath}/one`);
  await until('the deletion is seen', () => watching.events.some(({ type }) => type === 'DELETED'));
  watching.stop();
  const versions = watching.events.map(({ object }) => Number(object.metadata.resourceVersion));
  expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
  expect([watching.events[0]?.type, watching.events.at(-1)?.type]).toEqual(['ADDED', 'DELETED']);
  expect(watching.events.every(({ object }) => object.kind === 'Deployment')).toBe(true);
});

test('a watch without a version begins with everything there is', async () => {
  await client.send('POST', deploymentsPath, idle('here'));
  const watching = await client.watch(`${deploymentsPath}?watch=true&fieldSelector=metadata.name%3Dhere`);
  await until('it is seen', () => watching.events.length > 0);
  watching.stop();
  expect(watching.events[0]).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'here' } } });
});

test('through a selector, what stops matching is deleted and what starts to match is added', async () => {
  await client.send('POST', deploymentsPath, idle('turning'));
  const watching = await client.watch(`${deploymentsPath}?watch=1&resourceVersion=${await version()}&labelSelector=on`);
  await client.patch('turning', { metadata: { labels: { on: 'yes' } } });
  await client.patch('turning', { metadata: { labels: { on: null } } });
  await until('the end is seen', () => watching.events.at(-1)?.type === 'DELETED');
  watching.stop();
  expect(watching.events[0]?.type).toBe('ADDED');
  expect(watching.events.at(-1)?.object).toMatchObject({ metadata: { labels: { on: 'yes' } } });
});

test('bookmarks tell how far a quiet watch has come, and its time ends it', async () => {
  const since = await version();
  const path = `/api/v1/pods?watch=1&resourceVersion=${since}&allowWatchBookmarks=true&timeoutSeconds=1`;
  const watching = await client.watch(path);
  await client.send('POST', deploymentsPath, idle('elsewhere'));
  await watching.ended;
  const last = watching.events.at(-1);
  expect(last).toMatchObject({ type: 'BOOKMARK', object: { kind: 'Pod', apiVersion: 'v1' } });
  expect(Number(last?.object.metadata.resourceVersion)).toBeGreaterThan(Number(since));
});

test('after a compaction an older version is gone, and a watch that is open goes on', async () => {
  const since = await version();
  const open = await client.watch(`${deploymentsPath}?watch=1&resourceVersion=${since}`);
  await client.send('POST', deploymentsPath, idle('compacted'));
  client.cluster.compact();
  const late = await client.watch(`${deploymentsPath}?watch=1&resourceVersion=${since}`);
  await late.ended;
  expect(late.events).toMatchObject([{ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }]);
  const count = open.events.length;
  await annotated('compacted', 'still');
  await until('the open watch goes on', () => open.events.length > count);
  open.stop();
  const fresh = await client.watch(`${deploymentsPath}?watch=1&resourceVersion=${await version()}`);
  await annotated('compacted', 'again');
  await until('a new watch works', () => fresh.events.length > 0);
  fresh.stop();
});

test('broken connections end every watch, and the next one goes on from where it was', async () => {
  const since = await version();
  const watching = await client.watch(`${deploymentsPath}?watch=1&resourceVersion=${since}`);
  client.cluster.breakConnections();
  await watching.ended;
  await client.send('POST', deploymentsPath, idle('meanwhile'));
  const next = await client.watch(`${deploymentsPath}?watch=1&resourceVersion=${since}`);
  const seen = await until('what came meanwhile is seen', () =>
    next.events.find(({ object }) => object.metadata.name === 'meanwhile'),
  );
  next.stop();
  expect(seen.type).toBe('ADDED');
});
