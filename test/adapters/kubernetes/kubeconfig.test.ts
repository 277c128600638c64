import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readKubeconfig, selectContexts } from '../../../src/adapters/kubernetes/kubeconfig.ts';
import { KubernetesClusters } from '../../../src/adapters/kubernetes/kubernetes-clusters.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
  await mkdir(join(directory, 'sub'));
});

afterAll(() => rm(directory, { recursive: true }));

async function write(name: string, config: object | string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, typeof config === 'string' ? config : JSON.stringify(config));
  return path;
}

function config(
  names: string[],
  current: string | undefined,
  server = 'https://127.0.0.1:1',
  user: object = {},
): object {
  return {
    clusters: names.map((name) => ({ name, cluster: { server } })),
    users: names.map((name) => ({ name, user })),
    contexts: names.map((name) => ({ name, context: { cluster: name, user: name } })),
    'current-context': current,
  };
}

const load = (kubeconfig: string, contexts?: string[]) =>
  KubernetesClusters.load({ kubeconfig, contexts }, pino({ level: 'silent' }));

test('without a choice there is the current context only', async () => {
  const clusters = load(await write('two', config(['prod', 'test'], 'test')));
  expect(clusters.names).toEqual(['test']);
  expect(clusters.get('test')?.name).toBe('test');
  expect(clusters.get('prod')).toBeUndefined();
});

test('chosen contexts are all there, in the order of the choice', async () => {
  expect(load(await write('two', config(['prod', 'test'], 'test')), ['test', 'prod']).names).toEqual(['test', 'prod']);
});

test('of equal names in several files the first counts, as for kubectl', async () => {
  const first = await write('first', config(['prod', 'shared'], undefined, 'https://127.0.0.1:1'));
  const second = await write('second', config(['shared', 'test'], 'test', 'https://127.0.0.1:2'));
  const merged = readKubeconfig([first, second].join(delimiter));
  expect(merged.currentContext).toBe('test');
  expect(merged.clusters.map(({ name, server }) => [name, server])).toEqual([
    ['prod', 'https://127.0.0.1:1'],
    ['shared', 'https://127.0.0.1:1'],
    ['test', 'https://127.0.0.1:2'],
  ]);
});

test('every fault is named at once', async () => {
  const path = await write('plain', config(['plain', 'good'], 'good', 'http://127.0.0.1:1'));
  expect(() => load(path, ['nobody', 'plain'])).toThrow(
    'the kubeconfig has no context "nobody"; the server of context "plain" is plain http, which needs insecure-skip-tls-verify: true',
  );
  const none = await write('none', config(['prod'], undefined));
  expect(() => load(none)).toThrow('the kubeconfig has no current context, and none was chosen');
});

test.for([
  ['YAML that does not parse', 'users: [{name: hunter2'],
  ['a user without a name', '{"users": [{"user": {"token": "hunter2"}}]}'],
  ['something else', 'hunter2'],
  ['an empty file', ''],
] as [string, string][])('%s is refused without a word of its content', async ([, content]) => {
  const path = await write('broken', content);
  expect(() => load(path)).toThrow(/^kubeconfig .*broken is not a valid kubeconfig$|no current context/);
  expect(() => load(path)).not.toThrow('hunter2');
});

test('a file that is not there is named', () => {
  expect(() => load(join(directory, 'absent'))).toThrow(/^kubeconfig .*absent cannot be read: ENOENT$/);
});

test('a tokenFile is found beside its kubeconfig', async () => {
  const path = await write('sub/config', config(['prod'], 'prod', undefined, { tokenFile: 'token', token: 'old' }));
  const user = selectContexts(readKubeconfig(path)).get('prod')!.getCurrentUser();
  expect(user).toMatchObject({
    token: undefined,
    authProvider: { config: { tokenFile: join(directory, 'sub/token') } },
  });
});
