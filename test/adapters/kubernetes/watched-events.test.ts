import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../support/wait.ts';
import { ScriptedApiServer, deployment, pod, podEvent, replicaSet, reset, status } from './scripted-api-server.ts';
import type { Kind } from './scripted-api-server.ts';
import { quick, watchCluster } from './watched-cluster.ts';
import type { WatchedCluster } from './watched-cluster.ts';

let server: ScriptedApiServer;
let watched: WatchedCluster;
const needed: Kind[] = ['deployments', 'replicasets', 'pods'];
const warnings = () => watched.snapshot('shop', 'web')!.warnings.map(({ message }) => message);
const outage = () => watched.cluster.outage('shop');

beforeEach(async () => {
  server = await ScriptedApiServer.start();
  server.items.deployments = [deployment('web')];
  server.items.replicasets = [replicaSet('web-1', 'web')];
  server.items.pods = [pod('web-1-a', 'web-1', 1, false)];
  watched = watchCluster({ kubeconfig: await server.kubeconfig() }, quick);
});

afterEach(async () => {
  await watched.stop();
  await server.stop();
});

test('only warnings about pods are asked for, in the list and in the watch', async () => {
  server.items.events = [podEvent('one', 'web-1-a', { message: 'listed' })];
  await until('they are watched', () => server.watching('events') === 1);
  for (const verb of ['list', 'watch'] as const) {
    expect(server.last('events', verb)!.query.get('fieldSelector')).toBe('involvedObject.kind=Pod,type=Warning');
    expect(server.last('pods', verb)!.query.has('fieldSelector')).toBe(false);
  }
  expect(server.last('events', 'list')!.request.url).toMatch(/^\/api\/v1\/events\?/);
  await until('what was listed is in the view', () => warnings().includes('listed'));
  const before = watched.changes.length;
  server.send('events', { type: 'MODIFIED', object: podEvent('one', 'web-1-a', { message: 'watched' }, 2) });
  await until('what happened is in the view', () => warnings().includes('watched'));
  expect(watched.changes.slice(before)).toEqual([{ namespace: 'shop', deploymentName: 'web' }]);
});

test('a service that may not read Events works without, says so once, and has them when it may', async () => {
  server.script = ({ kind }) => (kind === 'events' ? status(403, 'Forbidden', 'events is forbidden') : undefined);
  server.items.events = [podEvent('one', 'web-1-a')];
  await until('the others are watched', () => needed.every((kind) => server.watching(kind) === 1));
  await until('the Events were asked for some times', () => server.count('events', 'list') >= 5);
  expect(watched.snapshot('shop', 'web')).toMatchObject({ deployment: { uid: 'web-uid' }, warnings: [] });
  expect(watched.logged.filter(({ level }) => level >= 40)).toMatchObject([{ why: 'events is forbidden' }]);
  expect(outage()).toBeNull();
  server.script = () => undefined;
  await until('they are in the view', () => warnings().length === 1);
});

test('an Events watch ends before it could be taken for dead: the API server sends no bookmarks of them', async () => {
  await until('all are watched', () => server.watching('events') === 1 && server.watching('pods') === 1);
  const seconds = (kind: Kind) => Number(server.last(kind, 'watch')!.query.get('timeoutSeconds'));
  expect(seconds('events')).toBeLessThanOrEqual(60);
  expect(seconds('pods')).toBeGreaterThan(75);
});

test('while something needed could never be listed there is no view, and why is told', async () => {
  await watched.stop();
  server.script = ({ kind }) => (kind === 'pods' ? status(403, 'Forbidden', 'pods is forbidden') : undefined);
  watched = watchCluster({ kubeconfig: await server.kubeconfig() }, quick);
  await until('it is known', () => outage() !== null);
  expect(() => watched.cluster.snapshot('shop', 'web')).toThrow(
    'cluster "scripted" is away: its Deployments, ReplicaSets and Pods have not been listed yet: pods is forbidden',
  );
});

test('while a watch that is needed is broken the view is old, and since when and why is known', async () => {
  await until('all are watched', () => needed.every((kind) => server.watching(kind) === 1));
  expect(outage()).toBeNull();
  server.script = ({ kind }) => (kind === 'pods' ? reset : undefined);
  server.endWatches('pods');
  await until('it is known', () => outage()?.message === 'cluster "scripted" is away: read ECONNRESET');
  const { milliseconds } = outage()!;
  await until('it grows', () => outage()!.milliseconds > milliseconds);
  expect(watched.snapshot('shop', 'web')!.pods).toHaveLength(1);
  server.script = () => undefined;
  await until('it is over as soon as the watch stands', () => outage() === null);
  expect(server.watching('pods')).toBe(1);
});
