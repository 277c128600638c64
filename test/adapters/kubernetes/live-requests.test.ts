import { text } from 'node:stream/consumers';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KubernetesClusters } from '../../../src/adapters/kubernetes/kubernetes-clusters.ts';
import { ClusterAway, ClusterRefused } from '../../../src/domain/cluster.ts';
import type { Cluster, KubernetesEvent } from '../../../src/domain/cluster.ts';
import { ScriptedApiServer, deployment, hang, json, list, replicaSet, reset, status } from './scripted-api-server.ts';
import { quick } from './watched-cluster.ts';

let server: ScriptedApiServer;
let cluster: Cluster;

beforeEach(async () => {
  server = await ScriptedApiServer.start();
  const settings = { kubeconfig: await server.kubeconfig() };
  cluster = KubernetesClusters.load(settings, pino({ level: 'silent' }), quick).get('scripted')!;
});
afterEach(() => server.stop());

/** Takes in what is sent, and answers with it or with something else. */
function answer(code: number, body?: object): { sent: () => Promise<unknown> } {
  let sent: Promise<string>;
  server.script = ({ request }) => {
    sent = text(request);
    return (response, asked) =>
      void sent.then((said) => json(code, body ?? (JSON.parse(said) as object))(response, asked));
  };
  return { sent: async () => JSON.parse(await sent) as unknown };
}
/** As it goes over the wire. */
const wire = (object: object) => JSON.parse(JSON.stringify(object)) as { metadata: object; spec: object };
const asked = () => server.asked[0]!.request;
const path = () => asked().url!.split('?')[0];

describe('a live read', () => {
  const template = {
    metadata: { labels: { app: 'web' }, annotations: { team: 'shop' } },
    spec: {
      containers: [{ name: 'app', image: 'web:v1', fieldOfTomorrow: { deep: [1, null] } }],
      anotherFieldOfTomorrow: 'kept',
    },
  };

  test('keeps the template as it came, unknown fields and all', async () => {
    const object = wire(deployment('web'));
    server.script = () => json(200, { ...object, spec: { ...object.spec, template } });
    expect((await cluster.readDeployment('shop', 'web'))!.template).toEqual(template);
    const set = wire(replicaSet('web-1', 'web'));
    server.script = () => json(200, list([{ ...set, spec: { ...set.spec, template } }], 1));
    expect((await cluster.readReplicaSets('shop', 'web-uid'))[0]!.template).toEqual(template);
  });

  test('of a Deployment has what a decision asks for', async () => {
    const object = wire(deployment('web'));
    server.script = () =>
      json(200, {
        ...object,
        metadata: {
          ...object.metadata,
          labels: { 'argocd.argoproj.io/instance': 'shop' },
          annotations: { note: 'by hand' },
          managedFields: [
            { manager: 'kubectl-edit', operation: 'Update', fieldsV1: { 'f:spec': {} } },
            { manager: 'argocd-controller', operation: 'Apply', fieldsV1: { 'f:spec': {}, 'f:metadata': {} } },
            { manager: 'kubectl-edit', operation: 'Apply', fieldsV1: { 'f:spec': {} } },
            { manager: 'labeller', operation: 'Update', fieldsV1: { 'f:metadata': {} } },
            { manager: 'hpa', operation: 'Update', subresource: 'scale', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
          ],
        },
        spec: {
          ...object.spec,
          progressDeadlineSeconds: 120,
          revisionHistoryLimit: 2,
          strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: '10%' } },
        },
      });
    expect(await cluster.readDeployment('shop', 'web')).toMatchObject({
      uid: 'web-uid',
      labels: { 'argocd.argoproj.io/instance': 'shop' },
      annotations: { note: 'by hand' },
      managers: ['kubectl-edit', 'argocd-controller'],
      progressDeadlineSeconds: 120,
      revisionHistoryLimit: 2,
      maxSurge: '1',
      maxUnavailable: '10%',
    });
  });

  test("has Kubernetes' defaults where nothing is said, and no surge with Recreate", async () => {
    server.script = () => json(200, deployment('web'));
    expect(await cluster.readDeployment('shop', 'web')).toMatchObject({
      labels: {},
      annotations: {},
      managers: [],
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      maxSurge: '25%',
      maxUnavailable: '25%',
    });
    const object = wire(deployment('web'));
    server.script = () => json(200, { ...object, spec: { ...object.spec, strategy: { type: 'Recreate' } } });
    expect(await cluster.readDeployment('shop', 'web')).toMatchObject({ maxSurge: null, maxUnavailable: null });
  });

  test('of ReplicaSets tells when and why they were made', async () => {
    const set = wire(replicaSet('web-1', 'web'));
    const metadata = {
      ...set.metadata,
      creationTimestamp: '2025-08-22T10:20:00Z',
      annotations: { 'kubernetes.io/change-cause': 'hotfix' },
    };
    server.script = () => json(200, list([{ ...set, metadata }, replicaSet('web-2', 'web')], 1));
    const [first, second] = await cluster.readReplicaSets('shop', 'web-uid');
    expect(first).toMatchObject({ changeCause: 'hotfix', createdAt: new Date('2025-08-22T10:20:00Z') });
    expect(second!.changeCause).toBeNull();
  });

  test.for([
    ['a Deployment', () => cluster.readDeployment('a/b', '../secrets')],
    ['a log', () => cluster.readLog('a/b', '../secrets', 'app', false)],
  ] as [string, () => Promise<unknown>][])('of %s by a name that is none stays in its path', async ([, read]) => {
    await read().catch(() => null);
    expect(path()).toContain('/namespaces/a%2Fb/');
    expect(path()).toContain('/..%2Fsecrets');
  });
});

describe('a log', () => {
  const read = (previous = false) => cluster.readLog('shop', 'web-1-a', 'app', previous);
  const lines = (response: { end(said: string): unknown }) => void response.end('one\ntwo\0\n');

  test('is asked for by its end, of this run or of the one before', async () => {
    server.script = () => lines;
    expect(await read()).toBe('one\ntwo\n');
    await read(true);
    const [first, second] = server.asked;
    expect(path()).toBe('/api/v1/namespaces/shop/pods/web-1-a/log');
    expect(Object.fromEntries(first!.query)).toEqual({ container: 'app', tailLines: '20', limitBytes: '4096' });
    expect(second!.query.get('previous')).toBe('true');
  });

  test.for([
    ['the pod is gone', status(404, 'NotFound', 'pods "web-1-a" not found')],
    ['there was no run before', status(400, 'BadRequest', 'previous terminated container "app" not found')],
    ['the service may not', status(403, 'Forbidden', 'pods/log is forbidden')],
    ['there is no way to the node', status(500, 'InternalError', 'Get "https://10.0.0.1:10250/…": dial tcp: timeout')],
    ['the gateway has none', status(503, 'ServiceUnavailable', 'no')],
  ] as [string, ReturnType<typeof status>][])('is null where %s', async ([, answered]) => {
    server.script = () => answered;
    expect(await read()).toBeNull();
  });

  test.for([
    ['is reset', reset],
    ['has no answer', hang],
  ] as [string, typeof reset][])('of an API server that %s makes it away', async ([, answered]) => {
    server.script = () => answered;
    await expect(read()).rejects.toBeInstanceOf(ClusterAway);
  });
});

describe('a Deployment that is created', () => {
  test('goes out as it stands, unknown fields and all, in our name', async () => {
    const { spec, ...rest } = wire(deployment('web'));
    const object = { ...rest, spec: { ...spec, fieldOfTomorrow: [1] } };
    const { sent } = answer(201);
    expect(await cluster.createDeployment('shop', object)).toMatchObject({ uid: 'web-uid', generation: 1 });
    expect(await sent()).toEqual(object);
    expect(asked()).toMatchObject({ method: 'POST' });
    expect(asked().url).toBe('/apis/apps/v1/namespaces/shop/deployments?fieldManager=cratos-redeploy');
    expect(asked().headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'cratos-redeploy',
      authorization: 'Bearer secret-token',
    });
  });

  test('and exists already is refused, saying so', async () => {
    server.script = () => status(409, 'AlreadyExists', 'deployments.apps "web" already exists');
    const created = cluster.createDeployment('shop', deployment('web'));
    await expect(created).rejects.toMatchObject({ name: 'ClusterRefused', reason: 'AlreadyExists', status: 409 });
  });

  test('without an answer may have been created', async () => {
    server.script = () => reset;
    await expect(cluster.createDeployment('shop', deployment('web'))).rejects.toBeInstanceOf(ClusterAway);
  });
});

describe('an Event', () => {
  const event: KubernetesEvent = {
    name: 'web.op-1.started',
    type: 'Normal',
    reason: 'RedeployStarted',
    message: 'alice restarts it',
    at: new Date('2025-08-22T10:20:00.750Z'),
    deploymentName: 'web',
    deploymentUid: 'web-uid',
  };

  test('is about the Deployment and comes from us', async () => {
    const { sent } = answer(201);
    await cluster.createEvent('shop', event);
    expect(path()).toBe('/api/v1/namespaces/shop/events');
    expect(await sent()).toEqual({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace: 'shop', name: 'web.op-1.started' },
      involvedObject: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web', uid: 'web-uid' },
      type: 'Normal',
      reason: 'RedeployStarted',
      message: 'alice restarts it',
      source: { component: 'cratos-redeploy' },
      reportingComponent: 'cratos-redeploy',
      firstTimestamp: '2025-08-22T10:20:00Z',
      lastTimestamp: '2025-08-22T10:20:00Z',
      count: 1,
    });
  });

  test('that exists already is left as it is', async () => {
    server.script = () => status(409, 'AlreadyExists', 'events "web.op-1.started" already exists');
    await expect(cluster.createEvent('shop', event)).resolves.toBeUndefined();
  });

  test('that is not allowed is refused', async () => {
    server.script = () => status(403, 'Forbidden', 'events is forbidden');
    await expect(cluster.createEvent('shop', event)).rejects.toBeInstanceOf(ClusterRefused);
  });
});

describe('what the service may do', () => {
  const reviewed = (allowed: unknown) => answer(201, { status: { allowed } });

  test('is asked of Kubernetes itself', async () => {
    const { sent } = reviewed(true);
    expect(await cluster.isAllowed('shop', { verb: 'patch', group: 'apps', resource: 'deployments' })).toBe(true);
    expect(path()).toBe('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews');
    expect(await sent()).toEqual({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { namespace: 'shop', verb: 'patch', group: 'apps', resource: 'deployments' } },
    });
  });

  test('about a subresource, too', async () => {
    const { sent } = reviewed(true);
    await cluster.isAllowed('shop', { verb: 'get', group: '', resource: 'pods/log' });
    expect(await sent()).toMatchObject({
      spec: { resourceAttributes: { group: '', resource: 'pods', subresource: 'log' } },
    });
  });

  test.for([false, undefined, 'true'])('is no where the answer is %s', async (allowed) => {
    reviewed(allowed);
    expect(await cluster.isAllowed('shop', { verb: 'patch', group: 'apps', resource: 'deployments' })).toBe(false);
  });

  test('is unknown while the API server is away', async () => {
    server.script = () => reset;
    const asks = cluster.isAllowed('shop', { verb: 'patch', group: 'apps', resource: 'deployments' });
    await expect(asks).rejects.toBeInstanceOf(ClusterAway);
  });
});
