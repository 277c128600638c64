import { expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../src/settings/config.ts';

const enough = {
  DATABASE_URL: 'postgresql://service@db.test/redeploy',
  REDIS_URL: 'redis://redis.test:6379',
  OIDC_ISSUER: 'https://issuer.test',
};

const faultsWith = (env: Record<string, string | undefined>): string[] => {
  try {
    readConfig({ ...enough, ...env });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
};

test.for([
  ['OIDC_AUDIENZ', 'OIDC_AUDIENCE'],
  ['AUDIT_SEAL_MINUTES', 'AUDIT_SEAL_SECONDS'],
  ['AUDIT_SIGNING_KEY', 'AUDIT_SIGNING_KEY_FILE'],
  ['WEBHOOK_SECRET_KEY', 'WEBHOOK_SECRET'],
  ['METRICS_HOSTNAME', 'METRICS_HOST'],
  ['KUBE_CONTEXT', 'KUBE_CONTEXTS'],
  ['KUBE_NAMESPACE', 'KUBE_NAMESPACES'],
  ['KUBE_CONFIG', 'KUBECONFIG'],
  ['POLICY_FILES', 'POLICY_FILE'],
  ['APPLICATION_FILE', 'APPLICATIONS_FILE'],
  ['LOGLEVEL', 'LOG_LEVEL'],
  ['DATABASE_MIGRATIONS_URL', 'DATABASE_MIGRATION_URL'],
  ['ROLLOUT_TIMEOUT', 'ROLLOUT_TIMEOUT_SECONDS'],
  ['PATCH_WITHIN_MINUTES', 'PATCH_WITHIN_SECONDS'],
  ['REDEPLOYS_PER_HOURS', 'REDEPLOYS_PER_HOUR'],
  ['graphiql', 'GRAPHIQL'],
] as const)('%s is no setting: the fault asks whether %s was meant', ([name, meant]) => {
  expect(faultsWith({ [name]: 'something' })).toEqual([`${name} is no setting; did you mean ${meant}?`]);
});

test.for(['OIDC_X', 'AUDIT_RETENTION_POLICY_YEARS'])('%s begins like ours and is none of them, nor nearly', (name) => {
  expect(faultsWith({ [name]: 'something' })).toEqual([`${name} is no setting`]);
});

test('only secrets are read from files', () => {
  expect(faultsWith({ OIDC_ISSUER_FILE: '/run/issuer' })).toEqual([
    'OIDC_ISSUER_FILE is no setting: only secrets are read from files',
  ]);
});

test('a fault tells the name alone, never the value, and stands beside all others', () => {
  const faults = faultsWith({ DATABASE_URL: '', WEBHOOK_SECRETS: 's3cr3t-p4ss' });
  expect(faults).toEqual(['WEBHOOK_SECRETS is no setting; did you mean WEBHOOK_SECRET?', 'DATABASE_URL is not set']);
});

test('what is nearly one of ours is left alone where ours is set: it is for somebody else', () => {
  expect(faultsWith({ REDIS_URI: 'redis://other.test' })).toEqual([]);
  expect(faultsWith({ REDIS_URL: undefined, REDIS_URI: 'redis://other.test' })).toContain(
    'REDIS_URI is no setting; did you mean REDIS_URL?',
  );
});

test('what the environment holds besides is none of its business', () => {
  const others = {
    ...Object.fromEntries(
      ['PATH', 'HOSTNAME', 'LANG', 'TERM', 'SHELL', 'TOKEN', 'USER', 'NODE_ENV', 'NODE_OPTIONS', 'TZ'].map((name) => [
        name,
        'x',
      ]),
    ),
    // Of a shell, a CI job, npm, kubectl, an SDK.
    ...Object.fromEntries(
      ['KUBE_EDITOR', 'KUBE_TOKEN', 'CI_PIPELINE_ID', 'npm_config_user_agent', 'OTEL_SERVICE_NAME', 'DEBUG'].map(
        (name) => [name, 'x'],
      ),
    ),
    // What Kubernetes tells every container of the Services beside it.
    ...Object.fromEntries(
      [
        'KUBERNETES_SERVICE_HOST',
        'REDIS_SERVICE_HOST',
        'REDIS_SERVICE_PORT_CLIENT',
        'REDIS_PORT',
        'REDIS_PORT_6379_TCP',
        'REDIS_PORT_6379_TCP_ADDR',
        'WEBHOOK_PORT_80_TCP_PROTO',
        'OIDC_SERVICE_PORT',
      ].map((name) => [name, 'tcp://10.0.0.1:6379']),
    ),
    HOME: undefined,
    WEBHOOK_TYPO: '',
  };
  expect(faultsWith(others)).toEqual([]);
  expect(readConfig({ ...enough, ...others })).toEqual(readConfig(enough));
});
