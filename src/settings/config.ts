import type { z } from 'zod';
import type { KubernetesSettings } from '../adapters/kubernetes/kubernetes-clusters.ts';
import type { OidcSettings } from '../adapters/oidc/oidc-sign-in.ts';
import type { WebhookSettings } from '../adapters/webhook/webhook-receiver.ts';
import type { EdgeSettings } from '../http/edge-settings.ts';
import type { GraphiqlSettings } from '../graphiql/page.ts';
import type { MetricsSettings } from '../metrics/metrics.ts';
import type { Limits } from '../operations/dependencies.ts';
import { type Environment, readSecretFiles } from './secret-files.ts';
import { isSecret } from './setting-kinds.ts';
import { environment, settingGroups, type Settings } from './settings.ts';
import { unknownSettings } from './unknown-settings.ts';

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

const schemas = Object.assign({}, ...settingGroups.map(([, settings]) => settings)) as Record<string, z.ZodType>;
const known = Object.keys(schemas);
const secrets = known.filter((name) => isSecret(schemas[name]!));

/** The one way to read settings: an empty value counts as none, and every fault is named at once. Throws ConfigError. */
export function readConfig(env: Environment): Config {
  const { given, faults } = readSecretFiles(env, secrets);
  faults.push(...unknownSettings(Object.keys(given), known, secrets));
  const result = environment.safeParse(given);
  for (const { path, message, code } of result.error?.issues ?? []) {
    const name = path.join('.');
    // What is wrong with it by itself comes first, and what is wrong with its file before that.
    if (faults.some((fault) => fault.name === name || fault.name === `${name}_FILE`)) continue;
    const isMissing = code === 'invalid_type' && given[name] === undefined;
    faults.push({ name, message: isMissing ? 'is not set' : message });
  }
  if (!result.success || faults.length > 0) {
    throw new ConfigError(faults.map(({ name, message }) => `${name} ${message}`).join('\n'));
  }
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

function edgeOf(settings: Settings): EdgeSettings {
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
function tracesUrlOf({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }: Settings): string | null {
  return endpoint === undefined ? null : `${endpoint.replace(/\/+$/, '')}/v1/traces`;
}

function metricsOf(settings: Settings): MetricsSettings | null {
  const { METRICS_HOST: host, METRICS_PORT: port, METRICS_LABEL_VALUES: labelValues } = settings;
  return port === undefined ? null : { host, port, labelValues };
}

function webhookOf(settings: Settings): Config['webhook'] {
  const { WEBHOOK_URL: url, WEBHOOK_SECRET: secret, WEBHOOK_FORMAT: format } = settings;
  if (url === undefined || secret === undefined) return null;
  return { url, secret, format, tokenExpiresSoonMinutes: settings.TOKEN_EXPIRES_SOON_MINUTES };
}
