import { z } from 'zod';
import { webhookFormats } from '../adapters/webhook/webhook-receiver.ts';
import { defaultFailFast } from '../domain/pod-failures.ts';
import { isAddressRange } from '../http/client-address.ts';
import { defaultEdge } from '../http/edge-settings.ts';
import { names, port, setting, url, wholeNumber, yesOrNo } from './setting-kinds.ts';

const { documents, connections } = defaultEdge;

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

const list = (of: string) => ({ format: `${of}, comma-separated` });
const postgresql = { format: '`postgresql://` URL', isSecret: true };

const dependencies = {
  DATABASE_URL: setting(
    url('postgresql:', 'postgres:'),
    "the service's own role in PostgreSQL; refused when it could alter the record",
    postgresql,
  ),
  DATABASE_MIGRATION_URL: setting(
    url('postgresql:', 'postgres:').optional(),
    "the owner's role, which migrates at start; leave it out where something else does",
    postgresql,
  ),
  REDIS_URL: setting(url('redis:', 'rediss:'), 'Redis or Valkey', {
    format: '`redis://` or `rediss://` URL',
    isSecret: true,
  }),
  KUBECONFIG: setting(z.string().optional(), 'as kubectl reads it', {
    format: 'path, or several',
    standard: "the pod's service account",
  }),
  KUBE_CONTEXTS: setting(names, 'the clusters: contexts of KUBECONFIG', {
    ...list('names'),
    standard: 'the current one',
  }),
  KUBE_NAMESPACES: setting(names, 'watched and redeployed in', { ...list('names'), standard: 'all' }),
};

const signIn = {
  OIDC_ISSUER: setting(
    url('https:', 'http:'),
    'issues the sign-in tokens; its keys come through its discovery document',
    {
      format: 'URL',
    },
  ),
  OIDC_AUDIENCE: setting(z.string().default('cratos-redeploy'), 'what `aud` of a sign-in token must hold'),
  OIDC_USERNAME_CLAIM: setting(z.string().default('preferred_username'), 'the name to show', {
    format: 'dotted path',
  }),
  OIDC_ROLES_CLAIM: setting(z.string().default('roles'), 'the roles: a list of names', { format: 'dotted path' }),
  OIDC_GROUPS_CLAIM: setting(z.string().default('groups'), 'the groups: a list of names', { format: 'dotted path' }),
};

const serving = {
  HOST: setting(z.string().default('127.0.0.1'), 'where it listens; `0.0.0.0` in a container', { format: 'address' }),
  PORT: setting(port.default(4000), 'for clients and health checks'),
  TRUSTED_PROXIES: setting(
    names.refine(
      (ranges) => ranges?.every(isAddressRange) ?? true,
      'must be addresses or CIDR ranges such as 10.0.0.0/8',
    ),
    "their `X-Forwarded-For`, else `Forwarded`, tells the client's address",
    list('addresses, CIDR ranges'),
  ),
  CORS_ORIGINS: setting(
    names.refine(
      (origins) => origins?.every(isOrigin) ?? true,
      'must be origins such as https://desk.example.com, without a path',
    ),
    'sites whose scripts may use the API',
    list('origins'),
  ),
  SHUTDOWN_SECONDS: setting(wholeNumber(1, 30), 'from SIGTERM to the end; what is not done by then is cut off'),
  SHUTDOWN_DELAY_SECONDS: setting(
    wholeNumber(0, 5),
    'of these, how long it goes on serving while `/readyz` is 503, until load balancers know',
  ),
  LOG_LEVEL: setting(
    z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
    'of what is logged',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting(
    url('http:', 'https:').optional(),
    'an OpenTelemetry collector that traces go to: `http://otel-collector:4318`',
    { format: 'URL', standard: 'off' },
  ),
  METRICS_PORT: setting(port.optional(), 'serves `/metrics` without a sign-in, on a port of its own', {
    standard: 'not served',
  }),
  METRICS_HOST: setting(z.string().default('127.0.0.1'), 'where these are listened for', { format: 'address' }),
  METRICS_LABEL_VALUES: setting(
    wholeNumber(1, 200),
    'applications and people with label values of their own; later ones are `other`',
  ),
  GRAPHIQL: setting(yesOrNo.default('false'), 'shows GraphiQL to browsers at `/graphql`'),
  INTROSPECTION: setting(yesOrNo.optional(), 'whether the schema may be asked for', { standard: 'as `GRAPHIQL`' }),
};

const rules = {
  APPLICATIONS_FILE: setting(
    z.string().optional(),
    'applications to register at start, taken whole or not at all: YAML or JSON, `applications:` with the fields of `RegisterApplicationInput`',
    { format: 'path' },
  ),
  POLICY_FILE: setting(z.string().optional(), 'who must approve what: [policy.example.yaml](policy.example.yaml)', {
    format: 'path',
  }),
  TOKEN_HOURS: setting(z.coerce.number().positive().max(24).default(2), 'how long a redeploy token holds'),
  PENDING_TICKET_HOURS: setting(z.coerce.number().positive().default(24), 'after which an undecided ticket expires'),
  BREAK_GLASS_AFTER_MINUTES: setting(
    wholeNumber(0, 15),
    'how long a ticket must have been undecided before the glass may be broken, where no policy says otherwise',
  ),
  REDEPLOYS_PER_MINUTE: setting(wholeNumber(1, 1), 'of one application'),
  REDEPLOYS_PER_HOUR: setting(wholeNumber(1, 10), 'of one application'),
  REDEPLOYS_PER_USER_PER_MINUTE: setting(wholeNumber(1, 5), 'of one person, whatever the application'),
  REDEPLOYS_PER_USER_PER_HOUR: setting(wholeNumber(1, 30), 'of one person, whatever the application'),
};

const rollouts = {
  TOKEN_ISSUE_SECONDS: setting(
    wholeNumber(1, 30),
    'how long Redis may be away after the last approval before the ticket fails',
  ),
  PATCH_WITHIN_SECONDS: setting(
    wholeNumber(1, 60),
    'how long the API server may be away before a redeploy is given up, its token not spent',
  ),
  ROLLOUT_TIMEOUT_SECONDS: setting(wholeNumber(1, 900), "our own time-out, beside Kubernetes' progress deadline"),
  VERIFY_TIMEOUT_SECONDS: setting(wholeNumber(1, 300), 'how long the pods may take to be ready after the rollout'),
  PULL_ERROR_SECONDS: setting(
    wholeNumber(0, defaultFailFast.pullErrorSeconds),
    'how long every new pod must fail to pull its image before the rollout has failed',
  ),
  CONFIG_ERROR_SECONDS: setting(
    wholeNumber(0, defaultFailFast.configErrorSeconds),
    'how long every new pod must be held up by its configuration',
  ),
  CRASH_LOOP_RESTARTS: setting(
    wholeNumber(1, defaultFailFast.crashLoopRestarts),
    'how often every new pod must have restarted',
  ),
};

const record = {
  AUDIT_SEAL_SECONDS: setting(wholeNumber(1, 15), 'how often what was recorded is sealed'),
  AUDIT_SIGNING_KEY_FILE: setting(
    z.string().optional(),
    'signs the seals; without it they are links of a chain and no more',
    { format: 'path of Ed25519 keys in PEM' },
  ),
  AUDIT_CHECKPOINT_FILE: setting(
    z.string().optional(),
    "where every checkpoint is appended beside the log; keep it out of the database's reach",
    { format: 'path' },
  ),
  WEBHOOK_URL: setting(
    url('https:', 'http:')
      .refine((value) => !/^\w+:\/\/[^/?#]*@/.test(value), 'must not hold a user or password')
      .optional(),
    'who is told of tickets, decisions, redeploys and tokens about to expire: [webhooks.md](webhooks.md)',
    { format: '`https://` URL', standard: 'nobody', isSecret: true },
  ),
  WEBHOOK_SECRET: setting(
    z.string().refine(isWebhookSecret, 'must have at least 32 characters, after whsec_ in base64').optional(),
    'signs what is sent; must be set where WEBHOOK_URL is',
    { format: '32 characters or more, or `whsec_…`', isSecret: true },
  ),
  WEBHOOK_FORMAT: setting(z.enum(webhookFormats).default('cloudevents'), 'of what is sent'),
  WEBHOOK_ALLOW_HTTP: setting(yesOrNo.default('false'), 'whether WEBHOOK_URL may be `http://` beyond loopback'),
  TOKEN_EXPIRES_SOON_MINUTES: setting(wholeNumber(1, 15, 1440), 'how long before its end a token is about to expire'),
};

const edge = {
  DOCUMENT_LEVELS: setting(wholeNumber(1, documents.levels), 'the deepest that one GraphQL operation may nest'),
  DOCUMENT_ROOT_FIELDS: setting(wholeNumber(1, documents.rootFields), 'the most root fields'),
  DOCUMENT_ALIASES: setting(wholeNumber(0, documents.aliases), 'the most aliases'),
  DOCUMENT_FIELDS: setting(wholeNumber(1, documents.fields), 'the most fields, fragments spread'),
  DOCUMENT_NODES: setting(wholeNumber(1, documents.nodes), 'the most objects that nested pages may hold together'),
  SUBSCRIPTIONS_PER_CONNECTION: setting(
    wholeNumber(1, connections.subscriptionsPerConnection),
    'the most on one WebSocket',
  ),
  SUBSCRIPTIONS_PER_USER: setting(
    wholeNumber(1, connections.subscriptionsPerUser),
    'the most at one replica, streams of server-sent events counted in',
  ),
  CONNECTIONS_PER_USER: setting(wholeNumber(1, connections.connectionsPerUser), 'the most WebSockets at one replica'),
  IDLE_CONNECTION_SECONDS: setting(
    wholeNumber(1, connections.idleConnectionSeconds, 86_400),
    'after which a WebSocket without a subscription is closed with 1001',
  ),
};

/** In the order of the table. */
export const settingGroups: readonly (readonly [title: string, settings: Readonly<Record<string, z.ZodType>>])[] = [
  ['What it depends on', dependencies],
  ['Who signs in', signIn],
  ['How it serves', serving],
  ['What is allowed', rules],
  ['When a rollout has failed', rollouts],
  ['The record, and who is told', record],
  ['The most that clients may ask', edge],
];

/** What settings demand of each other; told together with what is wrong with each of them. */
export const environment = z
  .object({ ...dependencies, ...signIn, ...serving, ...rules, ...rollouts, ...record, ...edge })
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
  .refine(({ KUBECONFIG, KUBE_CONTEXTS }) => !KUBE_CONTEXTS?.length || KUBECONFIG !== undefined, {
    path: ['KUBE_CONTEXTS'],
    message: 'names contexts of KUBECONFIG, which is not set',
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

export type Settings = z.output<typeof environment>;
