import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pino from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KubernetesClusters } from '../../../src/adapters/kubernetes/kubernetes-clusters.ts';
import { ClusterAway, ClusterRefused, PatchConflict } from '../../../src/domain/cluster.ts';
import type { Cluster, DeploymentPatch } from '../../../src/domain/cluster.ts';
import { Relay } from '../../support/relay.ts';
import { until } from '../../support/wait.ts';
import { ScriptedApiServer, deployment, hang, json, list, replicaSet, reset, status } from './scripted-api-server.ts';
import { quick, watchCluster } from './watched-cluster.ts';

let server: ScriptedApiServer;

beforeEach(async () => {
  server = await ScriptedApiServer.start();
});

afterEach(() => server.stop());

const patch: DeploymentPatch = {
  type: 'application/strategic-merge-patch+json',
  body: { metadata: { resourceVersion: '1' } },
};

async function open(user?: object): Promise<Cluster> {
  const kubeconfig = await server.kubeconfig(user);
  return KubernetesClusters.load({ kubeconfig }, pino({ level: 'silent' }), quick).get('scripted')!;
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => new Error('it did not fail'),
    (error: unknown) => error as Error,
  );
}

test('a thousand requests, many of them at once, use a handful of sockets', async () => {
  const relay = await Relay.to(server.url);
  server.script = () => json(200, deployment('web'));
  const path = await server.kubeconfig();
  await writeFile(path, (await readFile(path, 'utf8')).replace(server.url, `http://127.0.0.1:${relay.port}`));
  const clusters = KubernetesClusters.load({ kubeconfig: path }, pino({ level: 'silent' }));
  const cluster = clusters.get('scripted')!;
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(Array.from({ length: 100 }, () => cluster.readDeployment('shop', 'web')));
  }
  expect(server.asked).toHaveLength(1000);
  expect(relay.accepted).toBeLessThanOrEqual(8);
  const stop = new AbortController();
  stop.abort();
  await clusters.run(stop.signal);
  await until('no socket is left', () => relay.open === 0);
  await relay.close();
});

test('a patch goes out as what it is, in our name', async () => {
  let body = '';
  server.script = ({ request }) => {
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    return json(200, deployment('web'));
  };
  await (await open()).patchDeployment('shop', 'web', patch);
  const { request, query } = server.asked[0]!;
  expect(request).toMatchObject({
    method: 'PATCH',
    url: expect.stringContaining('/apis/apps/v1/namespaces/shop/deployments/web'),
  });
  expect(request.headers).toMatchObject({
    'content-type': 'application/strategic-merge-patch+json',
    authorization: 'Bearer secret-token',
    'user-agent': 'cratos-redeploy',
  });
  expect(query.get('fieldManager')).toBe('cratos-redeploy');
  expect(JSON.parse(body)).toEqual(patch.body);
});

const outcomes: [
  string,
  NonNullable<ScriptedApiServer['script']> extends (asked: never) => infer A ? NonNullable<A> : never,
  unknown,
  string,
][] = [
  [
    'a conflict',
    status(409, 'Conflict', 'the object has been modified'),
    PatchConflict,
    'the object has been modified',
  ],
  [
    'a refusal',
    status(403, 'Forbidden', 'deployments.apps "web" is forbidden'),
    ClusterRefused,
    'deployments.apps "web" is forbidden',
  ],
  [
    'an invalid object',
    status(422, 'Invalid', 'spec.replicas: Invalid value'),
    ClusterRefused,
    'spec.replicas: Invalid value',
  ],
  [
    'a page that is not from Kubernetes',
    (response) => void response.writeHead(404).end('<html>'),
    ClusterRefused,
    'HTTP 404 Not Found',
  ],
  [
    'an overload',
    status(429, 'TooManyRequests', 'try later'),
    ClusterAway,
    'cluster "scripted" is away: HTTP 429, try later',
  ],
  [
    'an internal error',
    status(500, 'InternalError', 'etcd is gone'),
    ClusterAway,
    'cluster "scripted" is away: HTTP 500, etcd is gone',
  ],
  [
    'a gateway without a backend',
    (response) => void response.writeHead(503).end('no'),
    ClusterAway,
    'cluster "scripted" is away: HTTP 503 Service Unavailable',
  ],
  [
    'a sign-in that is not accepted',
    status(401, 'Unauthorized', 'Unauthorized'),
    ClusterAway,
    'cluster "scripted" is away: HTTP 401, Unauthorized',
  ],
  ['a reset', reset, ClusterAway, 'cluster "scripted" is away: read ECONNRESET'],
  [
    'a closed connection',
    (response) => void response.socket?.end(),
    ClusterAway,
    'cluster "scripted" is away: the connection was closed',
  ],
  ['no answer', hang, ClusterAway, 'cluster "scripted" is away: no answer within 0.5 s'],
  [
    'an answer that stops midway',
    (response) => void response.writeHead(200, { 'content-length': '900' }).write('{'),
    ClusterAway,
    'cluster "scripted" is away: no answer within 0.5 s',
  ],
];
test.for(outcomes)('%s is told as what it is', async ([, answer, kind, message]) => {
  server.script = () => answer;
  const error = await failure((await open()).patchDeployment('shop', 'web', patch));
  expect(error).toBeInstanceOf(kind);
  expect(error.message).toBe(message);
  expect(JSON.stringify([error.message, error.stack, String(error.cause)])).not.toContain('secret-token');
});

test('an API server that does not listen is away', async () => {
  const closed = await Relay.to(server.url);
  await closed.close();
  const path = await server.kubeconfig();
  await writeFile(path, (await readFile(path, 'utf8')).replace(server.url, `http://127.0.0.1:${closed.port}`));
  const cluster = KubernetesClusters.load({ kubeconfig: path }, pino({ level: 'silent' })).get('scripted')!;
  const error = await failure(cluster.readDeployment('shop', 'web'));
  expect(error).toBeInstanceOf(ClusterAway);
  expect(error.message).toBe('cluster "scripted" is away: connect ECONNREFUSED');
});

test('only the words of Kubernetes make a Deployment missing', async () => {
  const cluster = await open();
  server.script = () => status(404, 'NotFound', 'deployments.apps "web" not found');
  expect(await cluster.readDeployment('shop', 'web')).toBeNull();
  server.script = () => (response) => void response.writeHead(404).end('404 page not found');
  expect(await failure(cluster.readDeployment('shop', 'web'))).toBeInstanceOf(ClusterRefused);
});

test('the ReplicaSets of a Deployment are read over all pages', async () => {
  server.script = ({ query }) =>
    query.get('continue')
      ? json(200, list([replicaSet('web-2', 'web')], 2))
      : json(200, list([replicaSet('web-1', 'web'), replicaSet('other-1', 'other')], 2, 'more'));
  const owned = await (await open()).readReplicaSets('shop', 'web-uid');
  expect(owned.map(({ name }) => name)).toEqual(['web-1', 'web-2']);
});

test('the identity is asked for once, and again only after a failure', async () => {
  const cluster = await open();
  server.script = () => status(503, 'ServiceUnavailable', 'starting');
  expect(await failure(cluster.identity())).toBeInstanceOf(ClusterAway);
  server.script = () => json(200, { metadata: { name: 'kube-system', uid: 'the-uid' } });
  expect(await Promise.all([cluster.identity(), cluster.identity()])).toEqual(['the-uid', 'the-uid']);
  expect(await cluster.identity()).toBe('the-uid');
  expect(server.asked).toHaveLength(2);
});

test('a namespace that is not watched is refused and never looks empty', async () => {
  const watched = watchCluster({ kubeconfig: await server.kubeconfig(), namespaces: ['shop', 'stock'] });
  await until(
    'both namespaces are watched',
    () => server.watching('pods') === 2 && server.watching('events') === 2 && watched.changes.length === 2,
  );
  const listed = server.asked.filter(({ verb }) => verb === 'list').map(({ request }) => request.url?.split('?')[0]);
  expect(listed).toHaveLength(8);
  expect(new Set(listed)).toEqual(
    new Set([
      '/api/v1/namespaces/shop/events',
      '/api/v1/namespaces/stock/events',
      '/api/v1/namespaces/shop/pods',
      '/api/v1/namespaces/stock/pods',
      '/apis/apps/v1/namespaces/shop/deployments',
      '/apis/apps/v1/namespaces/shop/replicasets',
      '/apis/apps/v1/namespaces/stock/deployments',
      '/apis/apps/v1/namespaces/stock/replicasets',
    ]),
  );
  expect(watched.snapshot('shop', 'web')).toBeDefined();
  expect(() => watched.cluster.snapshot('elsewhere', 'web')).toThrow(ClusterAway);
  expect(await failure(watched.cluster.readDeployment('elsewhere', 'web'))).toBeInstanceOf(ClusterRefused);
  expect(await failure(watched.cluster.patchDeployment('elsewhere', 'web', patch))).toBeInstanceOf(ClusterRefused);
  await watched.stop();
});

// An exec plugin that gives another token each time it runs, and counts its runs in a file.
async function execPlugin(): Promise<{ user: object; runs: () => Promise<number>; remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'plugin-'));
  const [plugin, count] = [join(directory, 'plugin.mjs'), join(directory, 'count')];
  await writeFile(count, '');
  await writeFile(
    plugin,
    `import { appendFileSync, readFileSync } from 'node:fs';
     appendFileSync(${JSON.stringify(count)}, 'x');
     const token = 'secret-' + readFileSync(${JSON.stringify(count)}, 'utf8').length;
     console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token } }));`,
  );
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: [plugin] };
  const runs = async () => (await readFile(count, 'utf8')).length;
  return { user: { exec }, runs, remove: () => rm(directory, { recursive: true }) };
}

test('an exec plugin runs once for all who ask, and again when its token is no longer accepted', async () => {
  const plugin = await execPlugin();
  let accepted = 'Bearer secret-1';
  server.script = ({ request }) =>
    request.headers.authorization === accepted
      ? json(200, deployment('web'))
      : status(401, 'Unauthorized', 'Unauthorized');
  const path = await server.kubeconfig(plugin.user);
  const timing = { requestMilliseconds: 10_000 };
  const cluster = KubernetesClusters.load({ kubeconfig: path }, pino({ level: 'silent' }), timing).get('scripted')!;
  const ask = () => Promise.all(Array.from({ length: 5 }, () => cluster.readDeployment('shop', 'web')));
  await ask();
  expect(await plugin.runs()).toBe(1);
  accepted = 'Bearer secret-2';
  await ask();
  expect(await plugin.runs()).toBe(2);
  await plugin.remove();
});

test.for([
  ['fails', ['-e', 'console.error("secret-in-stderr"); process.exit(1)']],
  ['prints nonsense', ['-e', 'console.log("secret-in-stdout")']],
] as [string, string[]][])('an exec plugin that %s makes the cluster away and tells no secret', async ([, args]) => {
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args };
  const path = await server.kubeconfig({ exec });
  const watched = watchCluster({ kubeconfig: path }, { ...quick, requestMilliseconds: 10_000 });
  const error = await failure(watched.cluster.readDeployment('shop', 'web'));
  expect(error).toBeInstanceOf(ClusterAway);
  expect(error.message).toBe('cluster "scripted" is away: its credentials could not be had');
  await until('the watches failed too', () => watched.logged.length >= 3);
  await watched.stop();
  expect(JSON.stringify([error.stack, error.cause, watched.logged])).not.toContain('secret');
});

test('an exec plugin that hangs does not hold a request or a stop', async () => {
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: process.execPath,
    args: ['-e', 'setTimeout(() => {}, 3000)'],
  };
  const watched = watchCluster({ kubeconfig: await server.kubeconfig({ exec }) }, quick);
  const error = await failure(watched.cluster.readDeployment('shop', 'web'));
  expect(error.message).toMatch(
    /^cluster "scripted" is away: (its credentials did not come in time|no answer within 0.5 s)$/,
  );
  await watched.stop();
});

test('a process whose watches are stopped ends by itself, while its API server hangs, resets and pauses', async () => {
  server.script = ({ kind }) => (kind === 'pods' ? hang : kind === 'replicasets' ? reset : undefined);
  const script = `
    import pino from 'pino';
    import { KubernetesClusters } from './src/adapters/kubernetes/kubernetes-clusters.ts';
    const stop = new AbortController();
    const settings = { kubeconfig: ${JSON.stringify(await server.kubeconfig())} };
    const clusters = KubernetesClusters.load(settings, pino({ level: 'silent' }), { firstPauseMilliseconds: 600_000, longestPauseMilliseconds: 600_000 });
    const running = clusters.run(stop.signal);
    process.stdin.once('data', async () => { stop.abort(); await running; console.log('stopped'); process.stdin.destroy(); });`;
  const child = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
  await until(
    'one kind is watched, one hangs, one pauses',
    () => server.watching('deployments') === 1 && server.count('pods', 'list') === 1,
  );
  child.child.stdin!.write('stop\n');
  expect((await child).stdout).toBe('stopped\n');
});
