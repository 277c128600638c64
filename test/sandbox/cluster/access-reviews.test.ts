import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ClusterClient, deploymentsPath } from './cluster-client.ts';

let client: ClusterClient;
const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

beforeAll(async () => {
  client = await ClusterClient.start();
});
afterEach(() => {
  client.cluster.isAllowed = () => true;
});
afterAll(() => client.cluster.stop());

const patching = { verb: 'patch', group: 'apps', resource: 'deployments', namespace: 'default' };
const review = (resourceAttributes: object) => client.send('POST', reviews, { spec: { resourceAttributes } });

test('everything is allowed unless a test says otherwise, and discovery names the review', async () => {
  const { code, body } = await review(patching);
  expect(code).toBe(201);
  expect(body).toMatchObject({
    kind: 'SelfSubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    spec: { resourceAttributes: patching },
    status: { allowed: true },
  });
  const found = (await client.send('GET', '/apis/authorization.k8s.io/v1')).body['resources'];
  expect(found).toMatchObject([{ name: 'selfsubjectaccessreviews', verbs: ['create'] }]);
  expect((await client.send('GET', reviews)).code).toBe(405);
});

test('what is not allowed is told by the review and refused when it is tried, as by RBAC', async () => {
  client.cluster.isAllowed = ({ verb, resource, subresource }) =>
    verb !== 'patch' && `${resource}/${subresource}` !== 'pods/log' && verb !== 'watch';
  expect((await review(patching)).body['status']).toEqual({ allowed: false });
  expect((await review({ ...patching, verb: 'get' })).body['status']).toEqual({ allowed: true });
  expect((await review({ verb: 'get', resource: 'pods', subresource: 'log' })).body['status']).toEqual({
    allowed: false,
  });
  const refused = await client.patch('web', { spec: { paused: true } });
  expect(refused).toMatchObject({ code: 403, body: { reason: 'Forbidden' } });
  expect(refused.body.message).toMatch(
    /^deployments\.apps "web" is forbidden: User "\w+" cannot patch resource "deployments" in API group "apps" in the namespace "default"$/,
  );
  expect((await client.send('GET', '/api/v1/namespaces/default/pods/x/log')).code).toBe(403);
  const watched = await client.send('GET', '/api/v1/pods?watch=1');
  expect(watched.body.message).toMatch(/ cannot watch resource "pods" in API group "" at the cluster scope$/);
  expect((await client.send('GET', deploymentsPath)).code).toBe(200);
});

test('a review of nothing is refused', async () => {
  const { code, body } = await client.send('POST', reviews, { spec: {} });
  expect(code).toBe(422);
  expect(body.message).toContain('exactly one of nonResourceAttributes or resourceAttributes must be specified');
});
