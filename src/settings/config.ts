import { z } from 'zod';
import type { KubernetesSettings } from '../adapters/kubernetes/kubernetes-clusters.ts';
import type { OidcSettings } from '../adapters/oidc/oidc-sign-in.ts';
import { webhookFormats, type WebhookSettings } from '../adapters/webhook/webhook-receiver.ts';
import { defaultFailFast } from '../domain/pod-failures.ts';
import { isAddressRange } from '../http/client-address.ts';
import { defaultEdge, type EdgeSettings } from '../http/edge-settings.ts';
import type { GraphiqlSettings } from '../graphiql/page.ts';
import type { MetricsSettings } from '../metrics/metrics.ts';
import type { Limits } from '../operations/dependencies.ts';
import { type Environment, readSecretFiles } from './secret-files.ts';

export type Config = {
  host: string;
  port: number;
  databaseUrl: string;
  /** The owner's; null where somebody else migrates. */
  databaseMigrationUrl: string | null;
  redisUrl: string;
  kubernetes: KubernetesSettings;
  oidc: OidcSettings;
  /** Applications to register at start; null for none. */
  applicationsFile: string | null;
  /** Approval policies; null for the built-in ones alone. */
  policyFile: string | null;
  logLevel: string;
  /** From the signal to the end, of which it goes on serving for the delay. */
  shutdown: { seconds: number; delaySeconds: number };
  /** Null where GraphiQL is not served. */
  graphiql: GraphiqlSettings | null;
  limits: Limits;
  edge: EdgeSettings;
  audit: AuditSettings;
  /** Where spans are sent; null where there are none. */
  tracesUrl: string | null;
  /** Null where they are not served. */
  metrics: MetricsSettings | null;
  /** Null where nobody outside is told. */
  webhook: (WebhookSettings & { tokenExpiresSoonMinutes: number }) | null;
};

export type AuditSettings = {
  /** Records are sealed so often. */
  sealSeconds: number;
  /** With what checkpoints are signed; null where they are not. */
  signingKeyFile: string | null;
  /** Where checkpoints are kept beside the log; null for nowhere. */
  checkpointFile: string | null;
};

/** The settings as they stand in the environment cannot be used; says everything that is wrong with them. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const url = (...protocols: string[]) =>
  z.string().refine(
    (value) => {
      return URL.canParse(value) && protocols.includes(new URL(value).protocol);
    },
    `must be a URL beginning with ${protocols.join('// or ')}//`,
  );

const wholeNumber = (least: number, standard: number) => z.coerce.number().int().min(least).default(standard);

const { documents, connections } = defaultEdge;

const names = z
  .string()
  .transform((value) =>
    value
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  )
  .optional();

/** A bearer of its own, or in the form of Standard Webhooks: 24 bytes and more in base64. */
const isWebhookSecret = (value: string): boolean =>
  value.startsWith('whsec_') ? /^whsec_[A-Za-z0-9+/]{32,}={0,2}$/.test(value) : value.length >= 32;

/** As a browser writes it: neither a path nor a standard port, and never all of them. */
const isOrigin = (value: string): boolean =>
  URL.canParse(value) && /^https?:/.test(value) && new URL(value).origin === value;

/** Whether others on the way could read it. */
function isExposed(address: string | undefined): boolean {
  if (address === undefined || !URL.canParse(address)) return false;
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

const settingsAlone = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(4000),
  DATABASE_URL: url('postgresql:', 'postgres:'),
  DATABASE_MIGRATION_URL: url('postgresql:', 'postgres:').optional(),
  REDIS_URL: url('redis:', 'rediss:'),
  KUBECONFIG: z.string().optional(),
  KUBE_CONTEXTS: names,
  KUBE_NAMESPACES: names,
  OIDC_ISSUER: url('https:', 'http:'),
  OIDC_AUDIENCE: z.string().default('cratos-redeploy'),
  OIDC_USERNAME_CLAIM: z.string().default('preferred_username'),
  OIDC_ROLES_CLAIM: z.string().default('roles'),
  OIDC_GROUPS_CLAIM: z.string().default('groups'),
  APPLICATIONS_FILE: z.string().optional(),
  POLICY_FILE: z.string().optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: url('http:', 'https:').optional(),
  METRICS_HOST: z.string().default('127.0.0.1'),
  METRICS_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  METRICS_LABEL_VALUES: wholeNumber(1, 200),
  SHUTDOWN_SECONDS: wholeNumber(1, 30),
  SHUTDOWN_DELAY_SECONDS: wholeNumber(0, 5),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  GRAPHIQL: z.enum(['true', 'false']).default('false'),
  INTROSPECTION: z.enum(['true', 'false']).optional(),
  DOCUMENT_LEVELS: wholeNumber(1, documents.levels),
  DOCUMENT_ROOT_FIELDS: wholeNumber(1, documents.rootFields),
  DOCUMENT_ALIASES: wholeNumber(0, documents.aliases),
  DOCUMENT_FIELDS: wholeNumber(1, documents.fields),
  DOCUMENT_NODES: wholeNumber(1, documents.nodes),
  SUBSCRIPTIONS_PER_CONNECTION: wholeNumber(1, connections.subscriptionsPerConnection),
  SUBSCRIPTIONS_PER_USER: wholeNumber(1, connections.subscriptionsPerUser),
  CONNECTIONS_PER_USER: wholeNumber(1, connections.connectionsPerUser),
  IDLE_CONNECTION_SECONDS: z.coerce.number().int().min(1).max(86_400).default(connections.idleConnectionSeconds),
  CORS_ORIGINS: names.refine(
    (origins) => origins?.every(isOrigin) ?? true,
    'must be origins such as https://desk.example.com, without a path',
  ),
  TRUSTED_PROXIES: names.refine(
    (ranges) => ranges?.every(isAddressRange) ?? true,
    'must be addresses or CIDR ranges such as 10.0.0.0/8',
  ),
  TOKEN_HOURS: z.coerce.number().positive().max(24).default(2),
  PENDING_TICKET_HOURS: z.coerce.number().positive().default(24),
  TOKEN_ISSUE_SECONDS: wholeNumber(1, 30),
  REDEPLOYS_PER_MINUTE: wholeNumber(1, 1),
  REDEPLOYS_PER_HOUR: wholeNumber(1, 10),
  REDEPLOYS_PER_USER_PER_MINUTE: wholeNumber(1, 5),
  REDEPLOYS_PER_USER_PER_HOUR: wholeNumber(1, 30),
  BREAK_GLASS_AFTER_MINUTES: wholeNumber(0, 15),
  PATCH_WITHIN_SECONDS: wholeNumber(1, 60),
  ROLLOUT_TIMEOUT_SECONDS: wholeNumber(1, 900),
  VERIFY_TIMEOUT_SECONDS: wholeNumber(1, 300),
  PULL_ERROR_SECONDS: wholeNumber(0, defaultFailFast.pullErrorSeconds),
  CONFIG_ERROR_SECONDS: wholeNumber(0, defaultFailFast.configErrorSeconds),
  CRASH_LOOP_RESTARTS: wholeNumber(1, defaultFailFast.crashLoopRestarts),
  AUDIT_SEAL_SECONDS: wholeNumber(1, 15),
  AUDIT_SIGNING_KEY_FILE: z.string().optional(),
  AUDIT_CHECKPOINT_FILE: z.string().optional(),
  WEBHOOK_URL: url('https:', 'http:')
    .refine((value) => !/^\w+:\/\/[^/?#]*@/.test(value), 'must not hold a user or password')
    .optional(),
  WEBHOOK_ALLOW_HTTP: z.enum(['true', 'false']).default('false'),
  WEBHOOK_SECRET: z
    .string()
    .refine(isWebhookSecret, 'must have at least 32 characters, after whsec_ in base64')
    .optional(),
  WEBHOOK_FORMAT: z.enum(webhookFormats).default('cloudevents'),
  TOKEN_EXPIRES_SOON_MINUTES: z.coerce.number().int().min(1).max(1440).default(15),
});

/** What settings demand of each other; told together with what is wrong with each of them. */
const environment = settingsAlone
  .refine(({ WEBHOOK_URL, WEBHOOK_SECRET }) => WEBHOOK_URL === undefined || WEBHOOK_SECRET !== undefined, {
    path: ['WEBHOOK_SECRET'],
    message: 'is not set, but WEBHOOK_URL is',
    when: () => true,
  })
  .refine(({ WEBHOOK_URL, WEBHOOK_ALLOW_HTTP }) => WEBHOOK_ALLOW_HTTP === 'true' || !isExposed(WEBHOOK_URL), {
    path: ['WEBHOOK_URL'],
    message: 'must begin with https:// unless it is on loopback or WEBHOOK_ALLOW_HTTP is true',
    when: () => true,
  })
  .refine(({ SHUTDOWN_SECONDS, SHUTDOWN_DELAY_SECONDS }) => !(SHUTDOWN_DELAY_SECONDS >= SHUTDOWN_SECONDS), {
    path: ['SHUTDOWN_DELAY_SECONDS'],
    message: 'must be less than SHUTDOWN_SECONDS',
    when: () => true,
  })
  .refine(({ METRICS_PORT, PORT }) => !METRICS_PORT || METRICS_PORT !== PORT, {
    path: ['METRICS_PORT'],
    message: 'must differ from PORT, which is open to clients',
    when: () => true,
  });

/** The one way to read settings: an empty value counts as none, and every fault is named at once. Throws ConfigError. */
export function readConfig(env: Environment): Config {
  const secrets = readSecretFiles(env);
  const given = Object.fromEntries(
    Object.entries(secrets.env).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const result = environment.safeParse(given);
  const issues = result.error?.issues ?? [];
  const faults = issues.flatMap(({ path, message, code }) => {
    const name = String(path[0]);
    const isMissing = code === 'invalid_type' && given[name] === undefined;
    // What its file did not tell is not missing twice.
    if (isMissing && secrets.faults.some((fault) => fault.startsWith(`${name}_FILE `))) return [];
    return `${path.join('.')} ${isMissing ? 'is not set' : message}`;
  });
  if (!result.success || secrets.faults.length > 0) throw new ConfigError([...secrets.faults, ...faults].join('\n'));
  const settings = result.data;
  return {
    host: settings.HOST,
    port: settings.PORT,
    databaseUrl: settings.DATABASE_URL,
    databaseMigrationUrl: settings.DATABASE_MIGRATION_URL ?? null,
    redisUrl: settings.REDIS_URL,
    kubernetes: {
      ...(settings.KUBECONFIG === undefined ? {} : { kubeconfig: settings.KUBECONFIG }),
      ...(settings.KUBE_CONTEXTS === undefined ? {} : { contexts: settings.KUBE_CONTEXTS }),
      ...(settings.KUBE_NAMESPACES === undefined ? {} : { namespaces: settings.KUBE_NAMESPACES }),
    },
    oidc: {
      issuer: settings.OIDC_ISSUER,
      audience: settings.OIDC_AUDIENCE,
      usernameClaim: settings.OIDC_USERNAME_CLAIM,
      rolesClaim: settings.OIDC_ROLES_CLAIM,
      groupsClaim: settings.OIDC_GROUPS_CLAIM,
    },
    applicationsFile: settings.APPLICATIONS_FILE ?? null,
    policyFile: settings.POLICY_FILE ?? null,
    logLevel: settings.LOG_LEVEL,
    shutdown: { seconds: settings.SHUTDOWN_SECONDS, delaySeconds: settings.SHUTDOWN_DELAY_SECONDS },
    graphiql: settings.GRAPHIQL === 'true' ? { people: [] } : null,
    limits: {
      tokenHours: settings.TOKEN_HOURS,
      pendingTicketHours: settings.PENDING_TICKET_HOURS,
      tokenIssueSeconds: settings.TOKEN_ISSUE_SECONDS,
      redeploysPerMinute: settings.REDEPLOYS_PER_MINUTE,
      redeploysPerHour: settings.REDEPLOYS_PER_HOUR,
      redeploysPerUserPerMinute: settings.REDEPLOYS_PER_USER_PER_MINUTE,
      redeploysPerUserPerHour: settings.REDEPLOYS_PER_USER_PER_HOUR,
      breakGlassAfterMinutes: settings.BREAK_GLASS_AFTER_MINUTES,
      patchWithinSeconds: settings.PATCH_WITHIN_SECONDS,
      rolloutTimeoutSeconds: settings.ROLLOUT_TIMEOUT_SECONDS,
      verifyTimeoutSeconds: settings.VERIFY_TIMEOUT_SECONDS,
      failFast: {
        pullErrorSeconds: settings.PULL_ERROR_SECONDS,
        configErrorSeconds: settings.CONFIG_ERROR_SECONDS,
        crashLoopRestarts: settings.CRASH_LOOP_RESTARTS,
      },
    },
    edge: edgeOf(settings),
    audit: {
      sealSeconds: settings.AUDIT_SEAL_SECONDS,
      signingKeyFile: settings.AUDIT_SIGNING_KEY_FILE ?? null,
      checkpointFile: settings.AUDIT_CHECKPOINT_FILE ?? null,
    },
    tracesUrl: tracesUrlOf(settings),
    metrics: metricsOf(settings),
    webhook: webhookOf(settings),
  };
}

function edgeOf(settings: z.output<typeof environment>): EdgeSettings {
  return {
    documents: {
      levels: settings.DOCUMENT_LEVELS,
      rootFields: settings.DOCUMENT_ROOT_FIELDS,
      aliases: settings.DOCUMENT_ALIASES,
      fields: settings.DOCUMENT_FIELDS,
      nodes: settings.DOCUMENT_NODES,
      // GraphiQL is of little use without it.
      introspection: (settings.INTROSPECTION ?? settings.GRAPHIQL) === 'true',
    },
    connections: {
      subscriptionsPerConnection: settings.SUBSCRIPTIONS_PER_CONNECTION,
      subscriptionsPerUser: settings.SUBSCRIPTIONS_PER_USER,
      connectionsPerUser: settings.CONNECTIONS_PER_USER,
      idleConnectionSeconds: settings.IDLE_CONNECTION_SECONDS,
    },
    corsOrigins: settings.CORS_ORIGINS ?? [],
    trustedProxies: settings.TRUSTED_PROXIES ?? [],
  };
}

/** Of the collector's address, as OpenTelemetry has it. */
function tracesUrlOf({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }: z.output<typeof environment>): string | null {
  return endpoint === undefined ? null : `${endpoint.replace(/\/+$/, '')}/v1/traces`;
}

function metricsOf(settings: z.output<typeof environment>): MetricsSettings | null {
  const { METRICS_HOST: host, METRICS_PORT: port, METRICS_LABEL_VALUES: labelValues } = settings;
  return port === undefined ? null : { host, port, labelValues };
}

function webhookOf(settings: z.output<typeof environment>): Config['webhook'] {
  const { WEBHOOK_URL: url, WEBHOOK_SECRET: secret, WEBHOOK_FORMAT: format } = settings;
  if (url === undefined || secret === undefined) return null;
  return { url, secret, format, tokenExpiresSoonMinutes: settings.TOKEN_EXPIRES_SOON_MINUTES };
}
