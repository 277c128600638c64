import { randomUUID } from 'node:crypto';
import { AuthorizationV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import type { V1PolicyRule } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KubernetesRequests } from '../../src/adapters/kubernetes/kubernetes-requests.ts';
import { chartFolder, helm, type Manifest, render, valuesOf } from '../support/helm.ts';
import { accessesOf, identityAccess, identityRules, namespaceRules } from '../support/service-account.ts';
import { until } from '../support/wait.ts';

// The chart on a real control plane. Its Job is no part of an install here: no container runs, so it would never end.

const config = new KubeConfig();
let core: CoreV1Api;
let name: string;
beforeAll(async () => {
  config.loadFromDefault();
  core = config.makeApiClient(CoreV1Api);
  name = `desk-${randomUUID().slice(0, 8)}`;
  for (const namespace of [name, `${name}-shop`, `${name}-other`]) {
    await core.createNamespace({ body: { metadata: { name: namespace } } });
  }
});
afterAll(async () => {
  for (const namespace of [name, `${name}-shop`, `${name}-other`]) await core.deleteNamespace({ name: namespace });
});

const release = (command: string, values: Readonly<Record<string, string>>) =>
  helm(command, name, chartFolder, '--namespace', name, '--no-hooks', '--wait', ...valuesOf(values));

/** What the account of the release may do, by the API server's own word. */
async function reviews(): Promise<{ mayDo: (namespace: string) => Promise<V1PolicyRule[]> }> {
  const { items } = await core.listNamespacedServiceAccount({ namespace: name });
  const account = items.find(({ metadata }) => metadata!.name !== 'default')!.metadata!.name!;
  const body = { spec: { audiences: [], expirationSeconds: 3600 } };
  const { status } = await core.createNamespacedServiceAccountToken({ name: account, namespace: name, body });
  const own = new KubeConfig();
  own.loadFromClusterAndUser(config.getCurrentCluster()!, { name: account, token: status!.token });
  const api = own.makeApiClient(AuthorizationV1Api);
  return {
    mayDo: async (namespace) => {
      const review = await api.createSelfSubjectRulesReview({ body: { spec: { namespace } } });
      // What every account may do.
      return review.status!.resourceRules.filter(({ apiGroups }) => !apiGroups!.includes('authorization.k8s.io'));
    },
  };
}

const sorted = (rules: readonly V1PolicyRule[]): string[] =>
  accessesOf(rules)
    .map(({ verb, group, resource }) => `${verb} ${resource}.${group}`)
    .toSorted();

/** Where an object of this kind is created. */
function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const plural = `${kind.toLowerCase().replace(/y$/, 'ie')}s`.replace(/sss$/, 'sses');
  return kind.startsWith('Cluster')
    ? `${group}/${plural}`
    : `${group}/namespaces/${metadata.namespace ?? name}/${plural}`;
}

test('every manifest is taken by the API server, and none of its fields is unknown to it', async () => {
  const requests = new KubernetesRequests('test', config, 10_000);
  const manifests = await render(
    { 'ingress.enabled': 'true', 'ingress.host': 'desk.test', policy: 'policies: []', namespaces: `{${name}-shop}` },
    { more: ['--namespace', name, '--kube-version', '1.20.2'] },
  );
  for (const manifest of manifests) {
    // It answers with what it would keep.
    expect(await requests.postJson(pathOf(manifest), { dryRun: 'All' }, manifest)).toMatchObject(manifest);
  }
  await requests.close();
  expect(manifests.map(({ kind }) => kind).toSorted()).toEqual([
    'ClusterRole',
    'ClusterRoleBinding',
    'ConfigMap',
    'Deployment',
    'Ingress',
    'Job',
    'NetworkPolicy',
    'PodDisruptionBudget',
    'Role',
    'RoleBinding',
    'Service',
    'ServiceAccount',
  ]);
});

describe('a release', () => {
  beforeAll(() => release('install', { namespaces: `{${name}-shop}` }));
  afterAll(() => helm('uninstall', name, '--namespace', name));

  test('may do what is needed in the namespaces named, and in others only identify the cluster', async () => {
    const { mayDo } = await reviews();
    expect(sorted(await mayDo(`${name}-shop`))).toEqual(sorted([...namespaceRules, ...identityRules]));
    expect(await mayDo(`${name}-other`)).toMatchObject(identityRules);
  });

  test('is upgraded to more replicas, and to every namespace', async () => {
    await release('upgrade', { replicas: '3' });
    const { items } = await core.listNamespacedPod({ namespace: name });
    const ready = items.filter(({ status }) =>
      status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
    );
    expect(ready.length).toBeGreaterThanOrEqual(3);
    const { mayDo } = await reviews();
    const needed = sorted([...namespaceRules, ...identityRules]);
    await until('the role is known', async () => sorted(await mayDo(`${name}-other`)).length === needed.length);
    expect(sorted(await mayDo(`${name}-other`))).toEqual(needed);
    expect(needed).toContain(`${identityAccess.verb} ${identityAccess.resource}.`);
  });
});
