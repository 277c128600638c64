import { z } from 'zod';
import type { KubernetesSettings } from './adapters/kubernetes/kubernetes-clusters.ts';
import type { OidcSettings } from './adapters/oidc/oidc-sign-in.ts';
import { defaultFailFast } from './domain/pod-failures.ts';
import type { GraphiqlSettings } from './graphiql/page.ts';
import type { Limits } from './operations/dependencies.ts';

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
  logLevel: string;
  /** Null where GraphiQL is not served. */
  graphiql: GraphiqlSettings | null;
  limits: Limits;
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

const names = z
  .string()
  .transform((value) =>
    value
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  )
  .optional();

const environment = z.object({
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
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  GRAPHIQL: z.enum(['true', 'false']).default('false'),
  TOKEN_HOURS: z.coerce.number().positive().max(24).default(2),
  PENDING_TICKET_HOURS: z.coerce.number().positive().default(24),
  TOKEN_ISSUE_SECONDS: wholeNumber(1, 30),
  REDEPLOYS_PER_MINUTE: wholeNumber(1, 1),
  REDEPLOYS_PER_HOUR: wholeNumber(1, 10),
  PATCH_WITHIN_SECONDS: wholeNumber(1, 60),
  ROLLOUT_TIMEOUT_SECONDS: wholeNumber(1, 900),
  VERIFY_TIMEOUT_SECONDS: wholeNumber(1, 300),
  PULL_ERROR_SECONDS: wholeNumber(0, defaultFailFast.pullErrorSeconds),
  CONFIG_ERROR_SECONDS: wholeNumber(0, defaultFailFast.configErrorSeconds),
  CRASH_LOOP_RESTARTS: wholeNumber(1, defaultFailFast.crashLoopRestarts),
});

/** The one way to read settings: an empty value counts as none, and every fault is named at once. Throws ConfigError. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const result = environment.safeParse(given);
  if (!result.success) {
    const faults = result.error.issues.map(({ path, message, code }) => {
      const isMissing = code === 'invalid_type' && given[String(path[0])] === undefined;
      return `${path.join('.')} ${isMissing ? 'is not set' : message}`;
    });
    throw new ConfigError(faults.join('\n'));
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
    logLevel: settings.LOG_LEVEL,
    graphiql: settings.GRAPHIQL === 'true' ? { people: [] } : null,
    limits: {
      tokenHours: settings.TOKEN_HOURS,
      pendingTicketHours: settings.PENDING_TICKET_HOURS,
      tokenIssueSeconds: settings.TOKEN_ISSUE_SECONDS,
      redeploysPerMinute: settings.REDEPLOYS_PER_MINUTE,
      redeploysPerHour: settings.REDEPLOYS_PER_HOUR,
      patchWithinSeconds: settings.PATCH_WITHIN_SECONDS,
      rolloutTimeoutSeconds: settings.ROLLOUT_TIMEOUT_SECONDS,
      verifyTimeoutSeconds: settings.VERIFY_TIMEOUT_SECONDS,
      failFast: {
        pullErrorSeconds: settings.PULL_ERROR_SECONDS,
        configErrorSeconds: settings.CONFIG_ERROR_SECONDS,
        crashLoopRestarts: settings.CRASH_LOOP_RESTARTS,
      },
    },
  };
}
