import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClusterAway } from '../../../src/domain/cluster.ts';
import { until } from '../../support/wait.ts';
import {
  ScriptedApiServer,
  deployment,
  hang,
  json,
  list,
  pod,
  replicaSet,
  reset,
  status,
} from './scripted-api-server.ts';
import type { Asked } from './scripted-api-server.ts';
import { quick, watchCluster } from './watched-cluster.ts';
import type { WatchedCluster } from './watched-cluster.ts';

let server: ScriptedApiServer;
let watched: WatchedCluster;

beforeEach(async () => {
  server = await ScriptedApiServer.start();
  server.items.deployments = [deployment('web')];
  server.items.replicasets = [replicaSet('web-1', 'web')];
  server.items.pods = [pod('web-1-a', 'web-1')];
});

afterEach(async () => {
  await watched.stop();
  await until('no socket is left', async () => (await server.connections()) === 0);
  await server.stop();
});

async function start(timing = {}): Promise<void> {
  watched = watchCluster({ kubeconfig: await server.kubeconfig() }, { ...quick, ...timing });
}

/** Watching all kinds, and past the first news. */
async function startAndWatch(timing = {}): Promise<void> {
  await start(timing);
  await until('all kinds are watched', watchesAll);
  watched.changes.length = 0;
}

const kinds = ['deployments', 'replicasets', 'pods', 'events'] as const;
const watchesAll = () => kinds.every((kind) => server.watching(kind) === 1);
const view = () => watched.snapshot('shop', 'web')!;
const podNames = () => view().pods.map(({ name }) => name);
const web = { namespace: 'shop', deploymentName: 'web' };

/** Answers the first that matches with this, and all others in the ordinary way. */
function once(matches: (asked: Asked) => boolean, answer: ReturnType<ScriptedApiServer['script']>): void {
  let isDone = false;
  server.script = (asked) => {
    if (isDone || !matches(asked)) return undefined;
    isDone = true;
    return answer;
  };
}
const isPodWatch = ({ kind, verb }: Asked) => kind === 'pods' && verb === 'watch';

test('each kind is listed in pages and then watched once from the list on, with bookmarks', async () => {
  server.script = ({ kind, verb, query }) => {
    if (kind !== 'pods' || verb !== 'list') return undefined;
    const from = query.get('continue');
    if (!from) return json(200, list([pod('web-1-a', 'web-1')], 7, 'page-2'));
    return json(200, list([pod(`web-1-${from}`, 'web-1')], 8));
  };
  await startAndWatch();
  expect(podNames().sort()).toEqual(['web-1-a', 'web-1-page-2']);
  expect(server.last('pods', 'list')!.query.get('limit')).toBe('500');
  expect(Object.fromEntries(server.last('pods', 'watch')!.query)).toMatchObject({
    resourceVersion: '8',
    allowWatchBookmarks: 'true',
    timeoutSeconds: expect.stringMatching(/^\d+$/),
  });
  expect(server.asked).toHaveLength(9);
});

test('the view is away until each kind has been listed, and then everything is told at once', async () => {
  server.script = ({ kind, verb }) =>
    kind === 'pods' && verb === 'list' ? status(503, 'ServiceUnavailable', 'not yet') : undefined;
  await start();
  await until('the pods were asked for again', () => server.count('pods', 'list') > 2);
  expect(() => watched.cluster.snapshot('shop', 'web')).toThrow(ClusterAway);
  expect(watched.changes).toEqual([]);
  server.script = () => undefined;
  await until('all kinds are watched', watchesAll);
  expect(watched.changes).toEqual(['all']);
  expect(view()).toMatchObject({
    deployment: { uid: 'web-uid' },
    replicaSets: [{ name: 'web-1' }],
    pods: [{ name: 'web-1-a' }],
  });
});

test('how often each watch broke off is counted, and for how long it brings nothing', async () => {
  await startAndWatch();
  const fares = () =>
    watched.states().map(({ resource, restarts, outageSeconds }) => [resource, restarts, outageSeconds > 0]);
  const well = kinds.map((kind) => [kind, 0, false]);
  expect(fares()).toEqual(well);
  let answers = 0;
  server.script = (asked) =>
    isPodWatch(asked) && (answers += 1) <= 3 ? status(500, 'InternalError', 'not now') : undefined;
  server.send('pods', { type: 'ERROR', object: { code: 500, reason: 'InternalError', message: 'not now' } });
  await until('it is refused again and again', () => answers >= 3);
  expect(fares()[2]).toEqual(['pods', expect.any(Number), true]);
  await until('it stands again', () => server.watching('pods') === 1 && fares()[2]![2] === false);
  expect(fares()).toEqual(well.map(([kind]) => [kind, kind === 'pods' ? 4 : 0, false]));
});

test('a change of a Deployment, its ReplicaSet or its pod is in the view when the Deployment is told of it', async () => {
  await startAndWatch();
  const told: unknown[] = [];
  watched.cluster.onChange((change) => {
    const { deployment, replicaSets, pods } = view();
    told.push([change, deployment?.generation, replicaSets.length, pods.map(({ ready }) => ready)]);
  });
  server.send('deployments', { type: 'MODIFIED', object: deployment('web', 101, 2) });
  await until('the Deployment is told', () => told.length === 1);
  server.send('replicasets', { type: 'ADDED', object: replicaSet('web-2', 'web', 102) });
  await until('the ReplicaSet is told', () => told.length === 2);
  server.send('pods', { type: 'MODIFIED', object: pod('web-1-a', 'web-1', 103, false) });
  await until('the pod is told', () => told.length === 3);
  server.send('pods', { type: 'DELETED', object: pod('web-1-a', 'web-1', 104) });
  await until('the end of the pod is told', () => told.length === 4);
  server.send('deployments', { type: 'DELETED', object: deployment('web', 105) });
  await until('the end of the Deployment is told', () => told.length === 5);
  expect(told).toEqual([
    [web, 2, 1, [true]],
    [web, 2, 2, [true]],
    [web, 2, 2, [false]],
    [web, 2, 2, []],
    [web, undefined, 0, []],
  ]);
});

test('a watch that ends is taken up where it was, which bookmarks move, without a new list', async () => {
  await startAndWatch();
  server.send('pods', { type: 'BOOKMARK', object: { kind: 'Pod', metadata: { resourceVersion: '205' } } });
  server.endWatches('pods');
  await until('it watches again', () => server.count('pods', 'watch') === 2 && watchesAll());
  expect(server.last('pods', 'watch')!.query.get('resourceVersion')).toBe('205');
  server.send('pods', { type: 'ADDED', object: pod('web-1-b', 'web-1', 206) });
  await until('the pod is seen', () => podNames().includes('web-1-b'));
  server.endWatches('pods');
  await until('it watches again', () => server.count('pods', 'watch') === 3 && watchesAll());
  expect(server.last('pods', 'watch')!.query.get('resourceVersion')).toBe('206');
  expect(server.count('pods', 'list')).toBe(1);
  expect(watched.changes).toEqual([web]);
});

const refusals: [string, NonNullable<ReturnType<ScriptedApiServer['script']>>][] = [
  ['a 500', status(500, 'InternalError', 'etcd is gone')],
  ['a 429', status(429, 'TooManyRequests', 'later')],
  ['a 403', status(403, 'Forbidden', 'RBAC is not ready')],
  ['a 401 that stays', status(401, 'Unauthorized', 'who are you')],
  ['a reset', reset],
  ['no answer at all', hang],
  ['an answer that ends at once', (response) => void response.writeHead(200).end()],
  ['a page of a proxy', (response) => void response.writeHead(502).end('<html>Bad gateway</html>')],
];
test.for(refusals)('%s as answer to a watch is outlived, three times in a row too', async ([, answer]) => {
  await startAndWatch({ requestMilliseconds: 200 });
  let left = 3;
  server.script = (asked) => (isPodWatch(asked) && left-- > 0 ? answer : undefined);
  // Something happened in it, so that its end is an ordinary one.
  server.send('pods', { type: 'BOOKMARK', object: { metadata: { resourceVersion: '100' } } });
  server.endWatches('pods');
  await until('it watches again', () => left < 0 && watchesAll());
  expect(server.last('pods', 'watch')!.query.get('resourceVersion')).toBe('100');
  expect(server.count('pods', 'list')).toBe(1);
  server.send('pods', { type: 'ADDED', object: pod('web-1-b', 'web-1', 101) });
  await until('the pod is seen', () => podNames().includes('web-1-b'));
  expect(server.count('deployments', 'watch')).toBe(1);
  const warnings = watched.logged.filter(({ level }) => level >= 40);
  expect(warnings).toHaveLength(1);
});

const expiries: [string, NonNullable<ReturnType<ScriptedApiServer['script']>>][] = [
  ['status', status(410, 'Expired', 'too old resource version')],
  [
    'event',
    (response) =>
      void response
        .writeHead(200)
        .end(`${JSON.stringify({ type: 'ERROR', object: { code: 410, reason: 'Expired' } })}\n`),
  ],
];
test.for(expiries)(
  'a 410 as %s lists anew: what was deleted meanwhile is gone, what came is there, all are told',
  async ([, answer]) => {
    await startAndWatch();
    server.items.pods = [pod('web-1-b', 'web-1', 150)];
    server.version = 160;
    once(isPodWatch, answer);
    server.endWatches('pods');
    await until(
      'it watches again',
      () => server.last('pods', 'watch')!.query.get('resourceVersion') === '160' && watchesAll(),
    );
    expect(podNames()).toEqual(['web-1-b']);
    expect(watched.changes).toEqual(['all']);
  },
);

test('a Deployment that was deleted while the watch was away is null after the new list', async () => {
  await startAndWatch();
  server.items.deployments = [];
  once(({ kind, verb }) => kind === 'deployments' && verb === 'watch', status(410, 'Expired', 'too old'));
  server.endWatches('deployments');
  await until('all are told', () => watched.changes.includes('all'));
  expect(view()).toEqual({ deployment: null, replicaSets: [], pods: [], warnings: [] });
});

test('a list that breaks off midway leaves the view as it was, and an expired page starts the list anew', async () => {
  await startAndWatch();
  const answers: [string | null, ReturnType<ScriptedApiServer['script']>][] = [
    [null, json(200, list([pod('web-1-x', 'web-1')], 300, 'two'))],
    ['two', status(410, 'Expired', 'The provided continue parameter is too old')],
    [null, json(200, list([pod('web-1-y', 'web-1')], 301, 'two'))],
    ['two', reset],
  ];
  const between: string[][] = [];
  let first = true;
  server.script = (asked) => {
    if (asked.kind !== 'pods') return undefined;
    if (asked.verb === 'watch' && first) {
      first = false;
      return status(410, 'Expired', 'too old');
    }
    if (asked.verb === 'watch' || answers.length === 0) return undefined;
    between.push(podNames());
    const [from, answer] = answers.shift()!;
    expect(asked.query.get('continue')).toBe(from);
    return answer;
  };
  server.items.pods = [pod('web-1-z', 'web-1')];
  server.endWatches('pods');
  await until('all are told', () => watched.changes.includes('all'));
  expect(between).toEqual([['web-1-a'], ['web-1-a'], ['web-1-a'], ['web-1-a']]);
  expect(podNames()).toEqual(['web-1-z']);
});

test('a watch that stays open and silent is cut and taken up again', async () => {
  await startAndWatch({ silentMilliseconds: 300 });
  await until('the pods are watched for the second time', () => server.count('pods', 'watch') >= 2 && watchesAll());
  expect(server.last('pods', 'watch')!.query.get('resourceVersion')).toBe('100');
  expect(server.count('pods', 'list')).toBe(1);
});

test('an event in pieces is read whole, and a piece that is left over is not read at all', async () => {
  await startAndWatch();
  const line = Buffer.from(`${JSON.stringify({ type: 'ADDED', object: pod('web-1-bär', 'web-1', 101) })}\n`);
  const cut = line.indexOf(0xc3) + 1;
  once(isPodWatch, (response, asked) => {
    server.watch(response, asked);
    response.write(line.subarray(0, 10));
    setImmediate(() => response.write(line.subarray(10, cut)));
    setImmediate(() =>
      setImmediate(() => response.end(Buffer.concat([line.subarray(cut), Buffer.from('{"type":"DEL')]))),
    );
  });
  server.endWatches('pods');
  await until('it watches on', () => server.last('pods', 'watch')!.query.get('resourceVersion') === '101');
  expect(podNames()).toEqual(['web-1-a', 'web-1-bär']);
  expect(server.count('pods', 'list')).toBe(1);
});

const unusable: [string, string][] = [
  ['that is not JSON', '{"type":"ADDED","object":{"env":"hunter2"\n'],
  [
    'without a uid',
    '{"type":"ADDED","object":{"metadata":{"ownerReferences":[{"controller":true,"kind":"ReplicaSet","apiVersion":"apps/v1","uid":"u","name":"hunter2"}]}}}\n',
  ],
  ['without an object', '{"type":"ADDED"}\n'],
];
test.for(unusable)('a line %s is logged once, without its content, and causes a new list', async ([, line]) => {
  await startAndWatch();
  server.items.pods = [pod('web-1-b', 'web-1', 150)];
  server.version = 160;
  server.send('pods', line);
  await until(
    'it watches on',
    () => server.last('pods', 'watch')!.query.get('resourceVersion') === '160' && watchesAll(),
  );
  expect(podNames()).toEqual(['web-1-b']);
  expect(watched.logged.filter(({ level }) => level >= 50)).toHaveLength(1);
  expect(JSON.stringify(watched.logged)).not.toContain('hunter2');
});

test('a listener that throws harms neither the others nor the watch', async () => {
  await startAndWatch();
  const heard: unknown[] = [];
  watched.cluster.onChange(() => {
    throw new Error('a bad listener');
  });
  const end = watched.cluster.onChange((change) => heard.push(change));
  server.send('deployments', { type: 'MODIFIED', object: deployment('web', 101, 2) });
  await until('the change is heard', () => heard.length === 1);
  end();
  server.send('deployments', { type: 'MODIFIED', object: deployment('web', 102, 3) });
  await until('the second change is in the view', () => view().deployment?.generation === 3);
  expect(heard).toHaveLength(1);
  expect([server.count('deployments', 'list'), server.count('deployments', 'watch')]).toEqual([1, 1]);
});

test('after some failures in a row the view is listed anew, since versions may have begun again', async () => {
  await startAndWatch();
  let left = 4;
  server.script = (asked) => (isPodWatch(asked) && left-- > 0 ? reset : undefined);
  server.version = 3;
  server.endWatches('pods');
  await until('it watches again', () => left < 0 && watchesAll());
  expect(server.last('pods', 'watch')!.query.get('resourceVersion')).toBe('3');
});

test('a stop in the midst of everything ends every socket', async () => {
  server.script = ({ kind, verb }) =>
    kind === 'pods' && verb === 'list' ? hang : kind === 'replicasets' ? reset : undefined;
  await start({ longestPauseMilliseconds: 5_000, firstPauseMilliseconds: 5_000 });
  await until(
    'one kind is watched, one hangs, one waits',
    () => server.watching('deployments') === 1 && server.count('pods', 'list') === 1,
  );
  await watched.stop();
  await until('no socket is left', async () => (await server.connections()) === 0);
  const { length } = server.asked;
  server.endWatches();
  expect(server.asked).toHaveLength(length);
});
