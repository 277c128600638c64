import { describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../src/settings/config.ts';

type Environment = Parameters<typeof readConfig>[0];

const enough = {
  DATABASE_URL: 'postgresql://service@db.test/redeploy',
  REDIS_URL: 'redis://redis.test:6379',
  OIDC_ISSUER: 'https://issuer.test',
};

const faultsOf = (env: Environment): string[] => {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
};

test('what must be set is enough, and everything else has a sound default', () => {
  expect(readConfig(enough)).toMatchObject({
    host: '127.0.0.1',
    port: 4000,
    databaseUrl: enough.DATABASE_URL,
    databaseMigrationUrl: null,
    redisUrl: enough.REDIS_URL,
    kubernetes: {},
    oidc: {
      issuer: enough.OIDC_ISSUER,
      audience: 'cratos-redeploy',
      usernameClaim: 'preferred_username',
      rolesClaim: 'roles',
      groupsClaim: 'groups',
    },
    policyFile: null,
    logLevel: 'info',
    graphiql: null,
    edge: {
      documents: { levels: 12, rootFields: 20, aliases: 200, fields: 1000, nodes: 20_000, introspection: false },
      connections: {
        subscriptionsPerConnection: 20,
        subscriptionsPerUser: 100,
        connectionsPerUser: 20,
        idleConnectionSeconds: 300,
      },
      corsOrigins: [],
      trustedProxies: [],
    },
    audit: { sealSeconds: 15, signingKeyFile: null, checkpointFile: null },
    limits: {
      tokenHours: 2,
      pendingTicketHours: 24,
      tokenIssueSeconds: 30,
      redeploysPerMinute: 1,
      redeploysPerHour: 10,
      redeploysPerUserPerMinute: 5,
      redeploysPerUserPerHour: 30,
      breakGlassAfterMinutes: 15,
      patchWithinSeconds: 60,
      rolloutTimeoutSeconds: 900,
      verifyTimeoutSeconds: 300,
      failFast: { pullErrorSeconds: 30, configErrorSeconds: 10, crashLoopRestarts: 3 },
    },
  });
});

test('every setting is taken over', () => {
  const config = readConfig({
    ...enough,
    HOST: '::1',
    PORT: '8080',
    DATABASE_MIGRATION_URL: 'postgres://owner@db.test/redeploy',
    KUBECONFIG: '/etc/kubeconfig',
    KUBE_CONTEXTS: 'main, spare ,',
    TRUSTED_PROXIES: '10.0.0.0/8, ::1',
    KUBE_NAMESPACES: 'production',
    OIDC_AUDIENCE: 'desk',
    OIDC_USERNAME_CLAIM: 'email',
    OIDC_ROLES_CLAIM: 'realm_access.roles',
    OIDC_GROUPS_CLAIM: 'teams',
    LOG_LEVEL: 'debug',
    GRAPHIQL: 'true',
    POLICY_FILE: '/etc/policy.yaml',
    TOKEN_HOURS: '0.5',
    BREAK_GLASS_AFTER_MINUTES: '0',
    REDEPLOYS_PER_USER_PER_HOUR: '3',
    ROLLOUT_TIMEOUT_SECONDS: '60',
    PULL_ERROR_SECONDS: '0',
    AUDIT_SEAL_SECONDS: '60',
    AUDIT_SIGNING_KEY_FILE: '/etc/audit.pem',
    AUDIT_CHECKPOINT_FILE: '/var/checkpoints.ndjson',
  });
  expect(config).toMatchObject({
    audit: { sealSeconds: 60, signingKeyFile: '/etc/audit.pem', checkpointFile: '/var/checkpoints.ndjson' },
    host: '::1',
    port: 8080,
    databaseMigrationUrl: 'postgres://owner@db.test/redeploy',
    kubernetes: { kubeconfig: '/etc/kubeconfig', contexts: ['main', 'spare'], namespaces: ['production'] },
    oidc: { audience: 'desk', usernameClaim: 'email', rolesClaim: 'realm_access.roles', groupsClaim: 'teams' },
    logLevel: 'debug',
    policyFile: '/etc/policy.yaml',
    graphiql: { people: [] },
    edge: { trustedProxies: ['10.0.0.0/8', '::1'] },
    limits: {
      tokenHours: 0.5,
      breakGlassAfterMinutes: 0,
      redeploysPerUserPerHour: 3,
      rolloutTimeoutSeconds: 60,
      failFast: { pullErrorSeconds: 0 },
    },
  });
});

test('what is missing is named, all of it at once', () => {
  expect(faultsOf({})).toEqual(['DATABASE_URL is not set', 'REDIS_URL is not set', 'OIDC_ISSUER is not set']);
});

test('what is missing and what is wrong is named together, one line each', () => {
  const faults = faultsOf({
    REDIS_URL: 'http://redis.test',
    OIDC_ISSUER: 'issuer.test',
    PORT: '65536',
    LOG_LEVEL: 'loud',
    TOKEN_HOURS: '25',
    REDEPLOYS_PER_HOUR: '1.5',
    ROLLOUT_TIMEOUT_SECONDS: 'soon',
  });
  expect(faults.map((fault) => fault.replace(/ .*/, '')).sort()).toEqual([
    'DATABASE_URL',
    'LOG_LEVEL',
    'OIDC_ISSUER',
    'PORT',
    'REDEPLOYS_PER_HOUR',
    'REDIS_URL',
    'ROLLOUT_TIMEOUT_SECONDS',
    'TOKEN_HOURS',
  ]);
});

describe('an empty value counts as unset', () => {
  test.for(['', ' '])('%j', (empty) => {
    const blank = Object.fromEntries(
      ['HOST', 'PORT', 'TOKEN_HOURS', 'KUBECONFIG', 'LOG_LEVEL'].map((name) => [name, empty]),
    );
    expect(readConfig({ ...enough, ...blank })).toEqual(readConfig(enough));
    expect(faultsOf({ ...enough, REDIS_URL: empty })).toEqual(['REDIS_URL is not set']);
  });
});

test.for([
  ['PORT', '-1'],
  ['PORT', 'http'],
  ['TOKEN_HOURS', '0'],
  ['PENDING_TICKET_HOURS', '-1'],
  ['REDEPLOYS_PER_MINUTE', '0'],
  ['REDEPLOYS_PER_HOUR', 'Infinity'],
  ['REDEPLOYS_PER_USER_PER_MINUTE', '0'],
  ['REDEPLOYS_PER_USER_PER_HOUR', '0'],
  ['BREAK_GLASS_AFTER_MINUTES', '-1'],
  ['PATCH_WITHIN_SECONDS', '0'],
  ['ROLLOUT_TIMEOUT_SECONDS', '0'],
  ['VERIFY_TIMEOUT_SECONDS', '0'],
  ['DOCUMENT_LEVELS', '0'],
  ['SUBSCRIPTIONS_PER_USER', '0'],
  ['IDLE_CONNECTION_SECONDS', '0'],
  ['INTROSPECTION', 'yes'],
  ['CORS_ORIGINS', '*'],
  ['CORS_ORIGINS', 'https://desk.test,https://desk.test/path'],
  ['CORS_ORIGINS', 'null'],
  ['TRUSTED_PROXIES', '10.0.0.0/8, proxy.test'],
  ['TRUSTED_PROXIES', '10.0.0.0/33'],
  ['CRASH_LOOP_RESTARTS', '0'],
  ['CONFIG_ERROR_SECONDS', '-1'],
  ['DATABASE_URL', 'mysql://db.test/redeploy'],
  ['DATABASE_MIGRATION_URL', 'db.test'],
  ['OIDC_ISSUER', 'ftp://issuer.test'],
] as const)('%s cannot be %s', ([name, value]) => {
  expect(faultsOf({ ...enough, [name]: value })).toEqual([expect.stringMatching(`^${name} `)]);
});

test('no fault repeats the value: it may hold a password', () => {
  const secret = 's3cr3t-p4ss';
  const wrong = Object.fromEntries(
    ['DATABASE_URL', 'DATABASE_MIGRATION_URL', 'REDIS_URL', 'OIDC_ISSUER', 'PORT', 'LOG_LEVEL', 'TOKEN_HOURS'].map(
      (name) => [name, `postgresql//service:${secret}@db.test:port/redeploy`],
    ),
  );
  const faults = faultsOf(wrong);
  expect(faults).toHaveLength(7);
  expect(faults.join('\n')).not.toContain(secret);
  expect(faults.join('\n')).not.toContain('db.test');
});

describe('settings that contradict each other are refused by name', () => {
  test.for([
    [
      { SHUTDOWN_SECONDS: '5', SHUTDOWN_DELAY_SECONDS: '5' },
      'SHUTDOWN_DELAY_SECONDS must be less than SHUTDOWN_SECONDS',
    ],
    [{ SHUTDOWN_SECONDS: '3' }, 'SHUTDOWN_DELAY_SECONDS must be less than SHUTDOWN_SECONDS'],
    [{ KUBE_CONTEXTS: 'main' }, 'KUBE_CONTEXTS names contexts of KUBECONFIG, which is not set'],
  ] as [Record<string, string>, string][])('%j', ([settings, fault]) => {
    expect(faultsOf({ ...enough, ...settings })).toEqual([fault]);
  });
});

describe('traces', () => {
  test('are sent nowhere unless a collector is named, and then below its address', () => {
    expect(readConfig(enough).tracesUrl).toBeNull();
    for (const OTEL_EXPORTER_OTLP_ENDPOINT of ['http://otel:4318', 'http://otel:4318/']) {
      expect(readConfig({ ...enough, OTEL_EXPORTER_OTLP_ENDPOINT }).tracesUrl).toBe('http://otel:4318/v1/traces');
    }
  });

  test('are sent over HTTP only', () => {
    expect(faultsOf({ ...enough, OTEL_EXPORTER_OTLP_ENDPOINT: 'otel:4317' })).toEqual([
      'OTEL_EXPORTER_OTLP_ENDPOINT must be a URL beginning with http:// or https://',
    ]);
  });
});

describe('metrics', () => {
  test('are not served unless a port is set, and then on loopback', () => {
    expect(readConfig({ ...enough, METRICS_HOST: '0.0.0.0' }).metrics).toBeNull();
    const served = { host: '127.0.0.1', port: 9464, labelValues: 200 };
    expect(readConfig({ ...enough, METRICS_PORT: '9464' }).metrics).toEqual(served);
    const chosen = { METRICS_PORT: '0', METRICS_HOST: '0.0.0.0', METRICS_LABEL_VALUES: '50' };
    expect(readConfig({ ...enough, ...chosen }).metrics).toEqual({ host: '0.0.0.0', port: 0, labelValues: 50 });
  });

  test('are never served on the port that clients use', () => {
    const fault = 'METRICS_PORT must differ from PORT, which is open to clients';
    expect(faultsOf({ ...enough, METRICS_PORT: '4000' })).toEqual([fault]);
    expect(faultsOf({ ...enough, PORT: '80', METRICS_PORT: '80', METRICS_HOST: '10.0.0.1' })).toEqual([fault]);
    expect(faultsOf({ ...enough, PORT: '0', METRICS_PORT: '0' })).toEqual([]);
  });

  test.for([
    ['METRICS_PORT', 'on'],
    ['METRICS_PORT', '65536'],
    ['METRICS_LABEL_VALUES', '0'],
  ] as const)('%s cannot be %s', ([name, value]) => {
    expect(faultsOf({ ...enough, [name]: value })).toEqual([expect.stringMatching(`^${name} `)]);
  });
});

describe('the webhook', () => {
  const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';
  const webhook = { WEBHOOK_URL: 'https://hooks.test/in', WEBHOOK_SECRET: secret };

  test('is off without an address, whatever else is set', () => {
    expect(readConfig(enough).webhook).toBeNull();
    expect(readConfig({ ...enough, ...webhook, WEBHOOK_URL: '' }).webhook).toBeNull();
  });

  test('needs no more than address and secret', () => {
    const standard = { url: webhook.WEBHOOK_URL, secret, format: 'cloudevents', tokenExpiresSoonMinutes: 15 };
    expect(readConfig({ ...enough, ...webhook }).webhook).toEqual(standard);
    const chosen = { WEBHOOK_FORMAT: 'slack', TOKEN_EXPIRES_SOON_MINUTES: '30' };
    expect(readConfig({ ...enough, ...webhook, ...chosen }).webhook).toEqual({
      ...standard,
      format: 'slack',
      tokenExpiresSoonMinutes: 30,
    });
  });

  test.for(['https://hooks.test', 'http://127.0.0.1:1', 'http://localhost:1', 'http://[::1]:1', 'http://127.9.9.9'])(
    'may be at %s',
    (address) => {
      expect(readConfig({ ...enough, ...webhook, WEBHOOK_URL: address }).webhook?.url).toBe(address);
    },
  );

  test.for(['http://hooks.test', 'http://10.0.0.1', 'http://127.0.0.1.nip.test', 'http://localhost.test'])(
    'may be at %s only where that is allowed',
    (address) => {
      expect(faultsOf({ ...enough, ...webhook, WEBHOOK_URL: address })).toEqual([
        expect.stringMatching(/^WEBHOOK_URL must begin with https:/),
      ]);
      expect(faultsOf({ ...enough, ...webhook, WEBHOOK_URL: address, WEBHOOK_ALLOW_HTTP: 'true' })).toEqual([]);
    },
  );

  test.for([
    ['WEBHOOK_URL', 'ftp://hooks.test'],
    ['WEBHOOK_URL', 'https://user:password@hooks.test'],
    ['WEBHOOK_SECRET', 'a'.repeat(31)],
    ['WEBHOOK_SECRET', `whsec_${'A'.repeat(31)}`],
    ['WEBHOOK_SECRET', `whsec_${'not in base64 at all '.repeat(3)}`],
    ['WEBHOOK_SECRET', ''],
    ['WEBHOOK_FORMAT', 'teams'],
    ['WEBHOOK_ALLOW_HTTP', 'yes'],
    ['TOKEN_EXPIRES_SOON_MINUTES', '0'],
    ['TOKEN_EXPIRES_SOON_MINUTES', '1441'],
  ] as const)('%s cannot be "%s", and the fault tells neither address nor secret', ([name, value]) => {
    const faults = faultsOf({ ...enough, ...webhook, [name]: value });
    expect(faults).toEqual([expect.stringMatching(`^${name} `)]);
    expect(faults.join()).not.toMatch(/hooks\.test|whsec_C2FV|password@|aaaa/);
  });

  test('its faults are named with all the others', () => {
    expect(
      faultsOf({ WEBHOOK_URL: 'http://hooks.test' })
        .map((fault) => fault.replace(/ .*/, ''))
        .sort(),
    ).toEqual(['DATABASE_URL', 'OIDC_ISSUER', 'REDIS_URL', 'WEBHOOK_SECRET', 'WEBHOOK_URL']);
  });
});
