import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pod } from '../../../src/sandbox/cluster/objects.ts';
import { until } from '../../support/wait.ts';
import { ClusterClient, deploymentsPath, manifest } from './cluster-client.ts';

let client: ClusterClient;
const pods: Record<string, string> = {};

const create = async (name: string, containers: object[], more: object, isThere: (pod: Pod) => boolean) => {
  const template = { metadata: { labels: { app: name } }, spec: { containers, ...more } };
  await client.send('POST', deploymentsPath, manifest(name, { replicas: 1, template }));
  pods[name] = await until(`${name} is there`, async () => {
    const [pod] = await client.pods(`app=${name}`);
    return pod !== undefined && isThere(pod) && pod.metadata.name;
  });
};
const waits = (reason: string) => (pod: Pod) => pod.status.containerStatuses?.[0]?.state.waiting?.reason === reason;

beforeAll(async () => {
  client = await ClusterClient.start();
  const web = (tag: string) => [{ name: 'web', image: `web:${tag}` }];
  await Promise.all([
    create('crashed', web('crash'), {}, waits('CrashLoopBackOff')),
    create('pulling', web('bad-image'), {}, waits('ImagePullBackOff')),
    create('placing', web('unschedulable'), {}, () => true),
    create('well', web('v1'), {}, (pod) => pod.status.containerStatuses?.[0]?.ready === true),
    create(
      'several',
      [...web('v1'), { name: 'sidecar', image: 's:v1' }],
      { initContainers: [{ name: 'setup', image: 's:v1' }] },
      (pod) => pod.status.phase === 'Running',
    ),
  ]);
});
afterAll(() => client.cluster.stop());

const log = (name: string, query = '') => client.text(`/api/v1/namespaces/default/pods/${pods[name]}/log?${query}`);

test('a container that crashed has left its last lines, and the run before it too', async () => {
  const { code, headers, text } = await log('crashed', 'container=web');
  expect([code, headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
  expect(text.trimEnd().split('\n').at(-1)).toBe('exiting with code 1');
  expect((await log('crashed', 'container=web&previous=true')).text).toBe(text);
  expect((await log('crashed', 'tailLines=2')).text).toBe('    at start (/app/main.js:7:3)\nexiting with code 1\n');
  expect((await log('crashed', 'tailLines=2&limitBytes=7')).text).toBe('    at ');
});

test('what a container still writes can be read, an init container that is over too', async () => {
  expect((await log('well')).text).toContain('listening on :8080');
  expect((await log('several', 'container=setup')).text).toMatch(/starting setup \(s:v1\)[^]*done\n$/);
});

test('a pod that no node has taken has no log', async () => {
  expect(await log('placing')).toMatchObject({ code: 204, text: '' });
});

// The words are those of kube-apiserver and kubelet 1.20.
test.each<[rule: string, name: string, query: string, code: number, message: (pod: string) => string]>([
  [
    'a container that waits for its image',
    'pulling',
    'container=web',
    400,
    (pod) => `container "web" in pod "${pod}" is waiting to start: trying and failing to pull image`,
  ],
  [
    'a run that never was',
    'well',
    'container=web&previous=true',
    400,
    (pod) => `previous terminated container "web" in pod "${pod}" not found`,
  ],
  ['an unknown container', 'well', 'container=nope', 400, (pod) => `container nope is not valid for pod ${pod}`],
  [
    'one container of several that is not named',
    'several',
    '',
    400,
    (pod) =>
      `a container name must be specified for pod ${pod}, choose one of: [web sidecar] or one of the init containers: [setup]`,
  ],
  ['an unknown pod', 'nope', '', 404, () => 'pods "undefined" not found'],
  [
    'a negative number of lines',
    'well',
    'tailLines=-1',
    422,
    (pod) => `PodLogOptions "${pod}" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0`,
  ],
])('the log of %s is refused as Kubernetes refuses it', async (_rule, name, query, code, message) => {
  const answer = await log(name, query);
  expect(JSON.parse(answer.text)).toMatchObject({ kind: 'Status', code, message: message(pods[name] ?? '') });
  expect(answer.code).toBe(code);
});
