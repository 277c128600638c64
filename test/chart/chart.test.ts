import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { V1Deployment, V1Job, V1PodSpec } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadPolicies } from '../../src/settings/policy-file.ts';
import { readConfig } from '../../src/settings/config.ts';
import { chartFolder, helm, type Manifest, render, valuesOf } from '../support/helm.ts';
import { identityRules, namespaceRules } from '../support/service-account.ts';

// What the real helm makes of the chart.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'test-chart-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** All that can be switched on. */
const everything = {
  'ingress.enabled': 'true',
  'ingress.host': 'desk.test',
  'ingress.tlsSecretName': 'desk-tls',
  'metrics.serviceMonitor.enabled': 'true',
  'secret.settings': '{DATABASE_URL,REDIS_URL,WEBHOOK_URL,WEBHOOK_SECRET,AUDIT_SIGNING_KEY,KUBECONFIG}',
  policy: 'policies: []',
  applications: 'applications: []',
};
const only = (manifests: readonly Manifest[], kind: string): Manifest => {
  const [one, ...others] = manifests.filter((manifest) => manifest.kind === kind);
  expect(others).toEqual([]);
  return one!;
};
const podOf = (manifest: Manifest): V1PodSpec => (manifest as unknown as V1Deployment | V1Job).spec!.template.spec!;

test.for([{}, everything])('helm lint has nothing to say, with %o', async (values) => {
  const said = await helm('lint', '--strict', chartFolder, ...valuesOf(values));
  expect(said).not.toMatch(/\[(WARNING|ERROR)\]/);
  expect(said).toContain('0 chart(s) failed');
});

test('what is packaged makes the same manifests', async () => {
  await helm('package', chartFolder, '--destination', folder);
  const chart = join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.tgz'))!,
  );
  expect(await render(everything, { chart })).toEqual(await render(everything));
});

test.for([
  ['1.20.0', 'policy/v1beta1'],
  ['1.21.0', 'policy/v1'],
  ['1.34.0', 'policy/v1'],
])('on Kubernetes %s the disruption budget is of %s', async ([version, apiVersion]) => {
  const manifests = await render({}, { more: ['--kube-version', version!] });
  expect(only(manifests, 'PodDisruptionBudget').apiVersion).toBe(apiVersion);
});

describe('every pod', () => {
  let pods: V1PodSpec[];
  beforeAll(async () => {
    const manifests = await render(everything);
    pods = ['Deployment', 'Job'].map((kind) => podOf(only(manifests, kind)));
  });

  test('keeps to the restricted Pod Security Standard, with a root that is read-only', () => {
    for (const { securityContext, containers } of pods) {
      expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      for (const container of containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.resources?.limits).toHaveProperty('memory');
      }
    }
  });

  test('has its secrets from files alone, and only the one that migrates has the URL of the owner', () => {
    for (const { containers } of pods) {
      for (const { env = [], envFrom } of containers) {
        expect(envFrom).toBeUndefined();
        expect(env.filter(({ valueFrom }) => valueFrom)).toEqual([]);
      }
    }
    const [service, migration] = pods.map((pod) => JSON.stringify(pod));
    expect(service).not.toContain('OWNER');
    expect(service).not.toContain('DATABASE_MIGRATION_URL');
    expect(service).not.toContain('desk-owner');
    expect(migration).toContain('desk-owner');
  });

  test('has a token of Kubernetes only where it asks Kubernetes', () => {
    expect(pods.map(({ automountServiceAccountToken }) => automountServiceAccountToken)).toEqual([true, false]);
  });

  test('is given its grace beyond the time that the service takes to stop', async () => {
    const pod = podOf(only(await render({ 'settings.SHUTDOWN_SECONDS': '100' }), 'Deployment'));
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(105);
    expect(pods[0]!.terminationGracePeriodSeconds).toBeGreaterThan(35);
  });
});

test('the service takes the settings that it is given', async () => {
  const pod = podOf(only(await render({ ...everything, 'settings.TOKEN_HOURS': '1.5' }), 'Deployment'));
  const secrets: Record<string, string> = {
    DATABASE_URL: 'postgresql://service@db.test/redeploy',
    REDIS_URL: 'redis://redis.test:6379',
    WEBHOOK_URL: 'https://hooks.test/a',
    WEBHOOK_SECRET: 's'.repeat(32),
    AUDIT_SIGNING_KEY: 'a key',
    KUBECONFIG: 'a kubeconfig',
  };
  for (const [name, value] of Object.entries(secrets)) writeFileSync(join(folder, name), `${value}\n`);
  const env = Object.fromEntries(
    pod.containers[0]!.env!.map(({ name, value }) => [name, value!.replace('/etc/cratos-redeploy/secrets', folder)]),
  );
  const config = readConfig(env);
  expect(config).toMatchObject({
    host: '0.0.0.0',
    port: pod.containers[0]!.ports![0]!.containerPort,
    databaseUrl: secrets['DATABASE_URL'],
    redisUrl: secrets['REDIS_URL'],
    kubernetes: { kubeconfig: join(folder, 'KUBECONFIG') },
    audit: { signingKeyFile: join(folder, 'AUDIT_SIGNING_KEY') },
    webhook: { url: secrets['WEBHOOK_URL'], secret: secrets['WEBHOOK_SECRET'] },
    policyFile: '/etc/cratos-redeploy/files/policy.yaml',
    applicationsFile: '/etc/cratos-redeploy/files/applications.yaml',
    limits: { tokenHours: 1.5 },
  });
});

test('a policy file is handed on as it is, and a change of it starts new pods', async () => {
  const example = join(chartFolder, '../../docs/policy.example.yaml');
  const manifests = await render({}, { more: ['--set-file', `policy=${example}`] });
  const [[name, text]] = Object.entries(only(manifests, 'ConfigMap')['data'] as Record<string, string>) as [
    [string, string],
  ];
  expect(name).toBe('policy.yaml');
  writeFileSync(join(folder, name), text);
  expect(await loadPolicies(join(folder, name))).toEqual(await loadPolicies(example));
  const annotationsOf = (all: Manifest[]) =>
    (only(all, 'Deployment') as unknown as V1Deployment).spec!.template.metadata!.annotations;
  expect(annotationsOf(manifests)).not.toEqual(annotationsOf(await render()));
});

describe('its role', () => {
  const rulesOf = (manifests: readonly Manifest[], kind: string) =>
    manifests.filter((manifest) => manifest.kind === kind).map(({ metadata, rules }) => [metadata.namespace, rules]);

  test('is the one of the files, in the whole cluster', async () => {
    const manifests = await render();
    expect(rulesOf(manifests, 'ClusterRole')).toEqual([[undefined, [...identityRules, ...namespaceRules]]]);
    expect(rulesOf(manifests, 'Role')).toEqual([]);
  });

  test('is one of each namespace where namespaces are named, and they alone are watched', async () => {
    const manifests = await render({ namespaces: '{shop,desk}' });
    expect(rulesOf(manifests, 'ClusterRole')).toEqual([[undefined, identityRules]]);
    expect(rulesOf(manifests, 'Role')).toEqual([
      ['shop', namespaceRules],
      ['desk', namespaceRules],
    ]);
    const { env } = podOf(only(manifests, 'Deployment')).containers[0]!;
    expect(env).toContainEqual({ name: 'KUBE_NAMESPACES', value: 'shop,desk' });
  });
});

describe('monitoring', () => {
  const alerts = {
    groups: [{ name: 'a', rules: [{ alert: 'A', expr: 'up == 0', labels: { value: '{{ $value }}' } }] }],
  };
  const dashboard = '{ "title": "{{instance}}" }';

  test('takes the alerts and the dashboard as they are', async () => {
    const chart = join(folder, 'chart');
    cpSync(chartFolder, chart, { recursive: true, dereference: true });
    writeFileSync(join(chart, 'files/alerts.yaml'), JSON.stringify(alerts));
    writeFileSync(join(chart, 'files/application-redeploy.json'), dashboard);
    const values = { 'metrics.prometheusRule.enabled': 'true', 'metrics.dashboard.enabled': 'true' };
    const manifests = await render(values, { chart });
    expect(only(manifests, 'PrometheusRule')['spec']).toEqual(alerts);
    const { data, metadata } = only(manifests, 'ConfigMap');
    expect(data).toEqual({ 'application-redeploy.json': dashboard });
    expect(metadata.labels).toHaveProperty('grafana_dashboard');
  });

  test('finds the metrics port by the names of the Service, and nothing of it is there where metrics are off', async () => {
    const manifests = await render(everything);
    const { selector, endpoints } = only(manifests, 'ServiceMonitor')['spec'] as {
      selector: { matchLabels: Record<string, string> };
      endpoints: { port: string }[];
    };
    const service = only(manifests, 'Service');
    expect(service.metadata.labels).toMatchObject(selector.matchLabels);
    expect((service['spec'] as { ports: { name: string }[] }).ports.map(({ name }) => name)).toContain(
      endpoints[0]!.port,
    );
    const off = await render({ ...everything, 'metrics.enabled': 'false' });
    expect(JSON.stringify(off)).not.toMatch(/metrics|ServiceMonitor/i);
  });
});

test.for([
  ['a secret among the settings', { 'settings.DATABASE_URL': 'postgresql://u:p@db/x' }, 'DATABASE_URL'],
  ['what the chart sets itself', { 'settings.PORT': '80' }, 'PORT'],
  ['an unknown value', { replica: '3' }, 'replica is not allowed'],
  ['no Secret', { 'secret.name': '' }, 'secret.name: name a Secret'],
  ['no Secret of the owner', { 'migration.secretName': '' }, 'migration.secretName: name a Secret'],
  ['no issuer', { 'settings.OIDC_ISSUER': '' }, 'settings.OIDC_ISSUER: who signs people in'],
  ['an Ingress without a host', { 'ingress.enabled': 'true' }, 'ingress.host'],
] as [string, Record<string, string>, string][])('%s is refused by name', async ([, values, says]) => {
  await expect(render(values)).rejects.toThrow(says);
});
