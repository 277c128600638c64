import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../support/wait.ts';
import {
  ClusterClient,
  deploymentsPath as deployments,
  imagePatch,
  jsonPatchType,
  manifest,
  mergePatchType,
  strategicPatchType,
} from './cluster-client.ts';

let client: ClusterClient;

beforeAll(async () => {
  client = await ClusterClient.start();
  await client.deployed('web');
});
afterEach(() => {
  client.cluster.intercept = undefined;
});
afterAll(() => client.cluster.stop());

const invalid = (fault: string) => `Deployment.apps "web" is invalid: ${fault}`;
const modified =
  'Operation cannot be fulfilled on deployments.apps "web": the object has been modified; please apply your changes to the latest version and try again';
const rejected = 'the server rejected our request due to an error in our request';

// Each answer was taken from a real kube-apiserver 1.20.
test.each<
  [
    rule: string,
    method: string,
    path: string,
    type: string,
    body: object | string | undefined,
    code: number,
    message: string,
  ]
>([
  ['an unknown Deployment', 'GET', `${deployments}/nope`, '', undefined, 404, 'deployments.apps "nope" not found'],
  ['an unknown namespace', 'GET', '/api/v1/namespaces/nope', '', undefined, 404, 'namespaces "nope" not found'],
  [
    'an unknown resource',
    'GET',
    '/apis/apps/v1/nothings',
    '',
    undefined,
    404,
    'the server could not find the requested resource',
  ],
  [
    'a patch of nothing',
    'PATCH',
    `${deployments}/nope`,
    strategicPatchType,
    {},
    404,
    'deployments.apps "nope" not found',
  ],
  [
    'a stale patch',
    'PATCH',
    `${deployments}/web`,
    strategicPatchType,
    { metadata: { resourceVersion: '1', labels: { a: 'b' } } },
    409,
    modified,
  ],
  [
    'a stale JSON patch',
    'PATCH',
    `${deployments}/web`,
    jsonPatchType,
    [{ op: 'replace', path: '/metadata/resourceVersion', value: '1' }],
    409,
    modified,
  ],
  [
    'a stale update',
    'PUT',
    `${deployments}/web`,
    'application/json',
    { ...manifest('web'), metadata: { name: 'web', resourceVersion: '1' } },
    409,
    modified,
  ],
  [
    'a patch for another uid',
    'PATCH',
    `${deployments}/web`,
    strategicPatchType,
    { metadata: { uid: 'abc' } },
    422,
    invalid('metadata.uid: Invalid value: "abc": field is immutable'),
  ],
  [
    'a failing test',
    'PATCH',
    `${deployments}/web`,
    jsonPatchType,
    [{ op: 'test', path: '/metadata/uid', value: 'abc' }],
    422,
    rejected,
  ],
  [
    'an empty image',
    'PATCH',
    `${deployments}/web`,
    strategicPatchType,
    imagePatch(''),
    422,
    invalid('spec.template.spec.containers[0].image: Required value'),
  ],
  [
    'fewer than no replicas',
    'PATCH',
    `${deployments}/web`,
    mergePatchType,
    { spec: { replicas: -1 } },
    422,
    invalid('spec.replicas: Invalid value: -1: must be greater than or equal to 0'),
  ],
  [
    'another name',
    'PATCH',
    `${deployments}/web`,
    mergePatchType,
    { metadata: { name: 'w3' } },
    400,
    'the name of the object (w3) does not match the name on the URL (web)',
  ],
  ['an unknown patch type', 'PATCH', `${deployments}/web`, 'application/json', {}, 415, '415: Unsupported Media Type'],
  [
    'a second one of a name',
    'POST',
    deployments,
    'application/json',
    manifest('web'),
    409,
    'deployments.apps "web" already exists',
  ],
  [
    'a missing namespace',
    'POST',
    deployments.replace('default', 'nons'),
    'application/json',
    manifest('x'),
    404,
    'namespaces "nons" not found',
  ],
  [
    'an empty Deployment',
    'POST',
    deployments,
    'application/json',
    { metadata: { name: 'web' }, spec: {} },
    422,
    invalid(
      '[spec.selector: Required value, spec.template.metadata.labels: Invalid value: map[string]string(nil): `selector` does not match template `labels`, spec.template.spec.containers: Required value]',
    ),
  ],
  [
    'an unreadable selector',
    'GET',
    `${deployments}?labelSelector=a%20b`,
    '',
    undefined,
    400,
    "unable to parse requirement: found 'b', expected: '=', '!=', '==', 'in', notin'",
  ],
])('%s is refused as Kubernetes refuses it', async (_rule, method, path, type, body, code, message) => {
  const before = await client.deployment('web');
  const answer = await client.send(method, path, body, type);
  expect(answer.body).toMatchObject({ kind: 'Status', status: 'Failure', code, message });
  expect(answer.code).toBe(code);
  expect(await client.deployment('web')).toEqual(before);
});

test('a selector is immutable', async () => {
  const { code, body } = await client.patch('web', { spec: { selector: { matchLabels: { app: 'other' } } } });
  expect(code).toBe(422);
  expect(body.message).toContain('field is immutable');
});

test('a patch that changes nothing leaves the resourceVersion as it is', async () => {
  const before = await client.deployment('web');
  expect((await client.patch('web', imagePatch('web:v1'))).body).toEqual(before);
});

test('annotations are a new generation of a Deployment, labels are not', async () => {
  const generation = async (metadata: object) =>
    (await client.patch('web', { metadata })).body['metadata'] as { generation: number };
  const { generation: before } = (await client.deployment('web')).metadata;
  expect((await generation({ labels: { tier: 'front' } })).generation).toBe(before);
  expect((await generation({ annotations: { note: 'one' } })).generation).toBe((before ?? 0) + 1);
});

test('a dry run changes nothing', async () => {
  const { code } = await client.send('POST', `${deployments}?dryRun=All`, manifest('dry'));
  expect(code).toBe(201);
  expect((await client.send('GET', `${deployments}/dry`)).code).toBe(404);
});

test.each<[query: string, names: string[]]>([
  ['labelSelector=app%3Dweb', ['web']],
  ['labelSelector=app%21%3Dweb', []],
  ['labelSelector=app+in+(web,other)', ['web']],
  ['labelSelector=app+notin+(web)', []],
  ['labelSelector=%21app', []],
  ['labelSelector=app', ['web']],
  ['fieldSelector=metadata.name%3Dother', []],
  ['fieldSelector=metadata.name%3Dweb,metadata.namespace%3Ddefault', ['web']],
])('a list with %s gives %j, its items without kind and apiVersion', async (query, names) => {
  await client.patch('web', { metadata: { labels: { app: 'web' } } });
  const { body } = await client.send('GET', `/apis/apps/v1/deployments?${query}`);
  const items = body['items'] as { metadata: { name: string }; kind?: string }[];
  expect(items.map(({ metadata }) => metadata.name)).toEqual(names);
  expect(items.every((item) => !('kind' in item) && !('apiVersion' in item))).toBe(true);
});

test('the scale subresource changes the size and nothing else', async () => {
  await client.deployed('scaled', { replicas: 1 });
  const scale = (await client.send('GET', `${deployments}/scaled/scale`)).body;
  expect(scale).toMatchObject({
    kind: 'Scale',
    spec: { replicas: 1 },
    status: { replicas: 1, selector: 'app=scaled' },
  });
  await client.send('PUT', `${deployments}/scaled/scale`, { ...scale, spec: { replicas: 2 } });
  expect((await client.rolledOut('scaled')).spec.replicas).toBe(2);
  expect((await client.send('PUT', `${deployments}/scaled/scale`, scale)).code).toBe(409);
});

test('another bearer token and a page in a browser are turned away', async () => {
  const status = async (headers: Record<string, string>) =>
    (await fetch(`${client.cluster.url}/api/v1/pods`, { headers })).status;
  const token = /token: (\S+)/.exec(client.cluster.kubeconfig)?.[1] ?? '';
  expect(await status({ authorization: `Bearer ${token}` })).toBe(200);
  expect(await status({ authorization: 'Bearer other' })).toBe(401);
  expect(await status({ origin: 'http://example.com' })).toBe(403);
});

describe('an intercepted request', () => {
  const note = (value: string) => ({ metadata: { labels: { note: value } } });
  const noted = async () => (await client.deployment('web')).metadata.labels?.['note'];

  test('is answered with the refusal that it is given', async () => {
    client.cluster.intercept = ({ method }) =>
      method === 'PATCH' ? { status: 503, reason: 'ServiceUnavailable', message: 'try later' } : undefined;
    expect(await client.patch('web', note('refused'))).toMatchObject({ code: 503, body: { message: 'try later' } });
    expect(await noted()).toBeUndefined();
  });

  test('is lost with its connection before or after it is done', async () => {
    client.cluster.intercept = ({ method }) => (method === 'PATCH' ? 'reset' : undefined);
    await expect(client.patch('web', note('reset'))).rejects.toThrow(/ECONNRESET|hang up/);
    expect(await noted()).toBeUndefined();
    client.cluster.intercept = ({ method, body }) => {
      expect(method === 'PATCH' ? body : note('after')).toEqual(note('after'));
      return method === 'PATCH' ? 'reset-after' : undefined;
    };
    await expect(client.patch('web', note('after'))).rejects.toThrow(/ECONNRESET|hang up/);
    expect(await noted()).toBe('after');
  });

  test('hangs until the connection breaks', async () => {
    let isAsked = false;
    client.cluster.intercept = () => {
      isAsked = true;
      return 'hang';
    };
    const hanging = client.send('GET', '/api/v1/pods').catch((error: unknown) => error);
    await until('it is asked', () => isAsked);
    client.cluster.breakConnections();
    expect(await hanging).toBeInstanceOf(Error);
  });
});
