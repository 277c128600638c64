import { randomBytes } from 'node:crypto';
import { createClient, type SubscribePayload } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { MainProcess } from './support/main-process.ts';
import { openTestServices, type TestServices } from './support/service.ts';
import { type CollectedSpan, SpanCollector } from './support/span-collector.ts';
import { redeploy, Story } from './support/story.ts';
import { until } from './support/wait.ts';

type Line = Record<string, unknown>;
const linesOf = ({ lines }: MainProcess): Line[] => lines.map((line) => JSON.parse(line) as Line);
const newTrace = () => {
  const traceId = randomBytes(16).toString('hex');
  const spanId = randomBytes(8).toString('hex');
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-01` };
};

let services: TestServices;
let collector: SpanCollector;
const settings = (): Record<string, string> => ({
  DATABASE_URL: services.database.serviceUrl,
  REDIS_URL: services.redisUrl,
  KUBECONFIG: services.cluster.settings.kubeconfig,
  OIDC_ISSUER: services.issuer.url,
});
const startTraced = () => MainProcess.start({ ...settings(), OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
const storyAt = ({ url, subscriptionsUrl }: MainProcess) => Story.open(services, { url, subscriptionsUrl });

/** Asks as alice, in a trace that the client has begun. */
async function askInTrace({ url }: MainProcess, query: string, variables: object, traceparent: string): Promise<void> {
  const authorization = `Bearer ${story.tokens.alice}`;
  const headers = { 'content-type': 'application/json', authorization, traceparent };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  expect(await answer.json()).not.toHaveProperty('errors');
}

let story: Story;
let replicas: [MainProcess, MainProcess];
const redeployed = newTrace();
const overSocket = newTrace();
const openingSocket = newTrace();
const handedOver = newTrace();

/** What was sent: a process that stops sends all that it has. */
beforeAll(async () => {
  [services, collector] = await Promise.all([openTestServices({ readyMilliseconds: 20 }), SpanCollector.open()]);
  replicas = [await startTraced(), await startTraced()];
  const [one, other] = replicas;
  story = await storyAt(one);
  const good = await story.place({});
  await story.authorized(good.applicationName);
  await askInTrace(one, redeploy, { input: { applicationName: good.applicationName } }, redeployed.traceparent);
  const isOver =
    (event: string, count = 1) =>
    () =>
      replicas.flatMap(linesOf).filter((line) => line['event'] === event).length === count;
  await until('it is completed', isOver('REDEPLOY_SUCCESS'));
  const query = 'query Mine($name: String!) { application(name: $name) { name } }';
  const extensions = { traceparent: overSocket.traceparent };
  await askOverSocket(one, { query, variables: { name: good.applicationName }, extensions });
  const [{ operationId = '' } = {}] = replicas.flatMap(linesOf).filter(({ event }) => event === 'REDEPLOY_SUCCESS');
  const subscription = `subscription { rolloutStatus(operationId: "${String(operationId)}", after: 0) { status } }`;
  await askOverSocket(one, { query: subscription }, { traceparent: openingSocket.traceparent });
  await story.refusal('bob', 'mutation { approve(input: { ticketNo: "a1" }) { ticketNo } }');

  const stuck = await story.place({ image: 'web:unready', isUp: false });
  await story.authorized(stuck.applicationName);
  await askInTrace(one, redeploy, { input: { applicationName: stuck.applicationName } }, handedOver.traceparent);
  await one.stop();
  await until('the other one follows it', isOver('OPERATION_TAKE_OVER'));
  const { namespace, deploymentName: name } = stuck;
  await services.cluster.api.apps.deleteNamespacedDeployment({ namespace, name });
  await until('it has failed', isOver('REDEPLOY_FAILED'));
  await other.stop();
}, 120_000);
afterAll(async () => {
  await services.close();
  await collector.close();
});

/** As alice, with these headers in the request that opens the WebSocket. */
async function askOverSocket(
  { subscriptionsUrl }: MainProcess,
  payload: SubscribePayload,
  headers: Record<string, string> = {},
): Promise<void> {
  class Socket extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols, { headers });
    }
  }
  const connectionParams = { authorization: `Bearer ${story.tokens.alice}` };
  const client = createClient({ url: subscriptionsUrl, connectionParams, retryAttempts: 0, webSocketImpl: Socket });
  for await (const { errors } of client.iterate(payload)) {
    if (errors) throw new Error(JSON.stringify(errors));
  }
  await client.dispose();
}

const pathsOf = (traceId: string): string[] =>
  collector.trace(traceId).map((span) => collector.pathTo(span).join(' > '));
const named = (traceId: string, name: string): CollectedSpan => {
  const [span] = collector.trace(traceId).filter((one) => one.name === name);
  if (!span) throw new Error(`no span ${name} among ${pathsOf(traceId).join('\n')}`);
  return span;
};

describe('a redeploy is one trace', () => {
  test('that goes on with the trace of whoever asks', () => {
    expect(named(redeployed.traceId, 'POST /graphql')).toMatchObject({
      service: 'cratos-redeploy',
      parentSpanId: redeployed.spanId,
      kind: 2,
      attributes: { 'http.request.method': 'POST', 'http.route': '/graphql', 'http.response.status_code': 200 },
    });
  });

  test('over the mutation, PostgreSQL, Redis and the patch, to the verdict', () => {
    const paths = pathsOf(redeployed.traceId);
    const mutation = 'POST /graphql > mutation';
    for (const path of [
      `${mutation} > BEGIN`,
      `${mutation} > INSERT operation UPDATE ticket UPDATE redeploy_grant INSERT audit_record INSERT operation_event`,
      `${mutation} > COMMIT`,
      `${mutation} > GET`,
      `${mutation} > POST selfsubjectaccessreviews`,
      `${mutation} > GET deployments`,
      `${mutation} > PUBLISH`,
      `${mutation} > rollout`,
      `${mutation} > rollout > PATCH deployments`,
      `${mutation} > rollout > UPDATE ticket UPDATE operation INSERT audit_record INSERT operation_event`,
      `${mutation} > rollout > PUBLISH`,
    ]) {
      expect(paths).toContain(path);
    }
    const rollout = named(redeployed.traceId, 'rollout');
    expect(rollout.events.at(-1)).toBe('COMPLETED');
    expect(rollout).toMatchObject({ attributes: { 'cratos.rollout.status': 'COMPLETED' }, status: { code: 0 } });
  });

  test('whose patch says what it was sent for and how it was answered', () => {
    const { attributes, kind } = named(redeployed.traceId, 'PATCH deployments');
    expect(kind).toBe(3);
    expect(attributes).toMatchObject({ 'http.request.method': 'PATCH', 'http.response.status_code': 200 });
    expect(attributes['url.path']).toMatch(/^\/apis\/apps\/v1\/namespaces\/[^/]+\/deployments\/app-/);
  });

  test('whose id its log lines bear, from the request to the verdict; lines of nothing bear none', () => {
    const lines = replicas.flatMap(linesOf).filter(({ traceId }) => traceId === redeployed.traceId);
    expect(lines.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['TOKEN_USE', 'REDEPLOY_START', 'DEPLOYMENT_UPDATE', 'REDEPLOY_SUCCESS']),
    );
    expect(linesOf(replicas[0]).find(({ msg }) => msg === 'serving')).not.toHaveProperty('traceId');
  });

  test('which another process goes on with when the first one has handed over', () => {
    const rollouts = collector.trace(handedOver.traceId).filter(({ name }) => name === 'rollout');
    const mutation = named(handedOver.traceId, 'mutation').spanId;
    expect(rollouts.map(({ parentSpanId }) => parentSpanId)).toEqual([mutation, mutation]);
    expect(rollouts.map(({ status }) => status)).toEqual([
      { code: 0, message: '' },
      { code: 2, message: 'FAILED' },
    ]);
    const lines = linesOf(replicas[1]).filter(({ traceId }) => traceId === handedOver.traceId);
    expect(lines.map(({ event }) => event)).toContain('REDEPLOY_FAILED');
  });
});

test('an operation over a WebSocket goes on with the trace in its extensions', () => {
  const { parentSpanId, kind, attributes } = named(overSocket.traceId, 'query');
  expect({ parentSpanId, kind, attributes }).toEqual({
    parentSpanId: overSocket.spanId,
    kind: 2,
    attributes: { 'graphql.operation.type': 'query', 'graphql.operation.name': 'Mine' },
  });
  expect(pathsOf(overSocket.traceId)).toContain('query > SELECT application');
});

test('or else with that of the request which opened the WebSocket; a subscription until it is open', () => {
  const { parentSpanId, kind } = named(openingSocket.traceId, 'subscription');
  expect({ parentSpanId, kind }).toEqual({ parentSpanId: openingSocket.spanId, kind: 2 });
});

test('a refusal is told by its code', () => {
  const refused = collector.spans.filter(({ status }) => status.message === 'FORBIDDEN');
  expect(refused.map(({ name }) => name)).toEqual(['mutation']);
});

test('what the service does by itself begins no trace, and no part of one is without the rest', () => {
  const asked = [redeployed, overSocket, openingSocket, handedOver].map(({ spanId }) => spanId);
  const ids = new Set([...asked, ...collector.spans.map(({ spanId }) => spanId)]);
  const firsts = collector.spans.filter(({ parentSpanId }) => !ids.has(parentSpanId));
  expect(new Set(firsts.map(({ name }) => name))).toEqual(new Set(['POST /graphql']));
  expect(collector.spans.filter(({ parentSpanId }) => parentSpanId !== '' && !ids.has(parentSpanId))).toEqual([]);
});

test('spans hold neither secrets nor what was sent to PostgreSQL', () => {
  const { password } = new URL(services.database.serviceUrl);
  const secrets = [
    ...Object.values(story.tokens),
    'Bearer',
    'it answers 500',
    'subject-of-alice',
    password || 'Bearer',
  ];
  expect(collector.raw.length).toBeGreaterThan(10_000);
  expect(secrets.filter((secret) => collector.raw.includes(secret))).toEqual([]);
});

describe('where no collector is named', () => {
  /** Refuses to load anything of OpenTelemetry but its interfaces, which Prometheus' client asks for. */
  const hook = `import { registerHooks } from 'node:module';
    registerHooks({ resolve(name, context, next) {
      if (/^@opentelemetry\\/(?!api$)/.test(name)) throw new Error('loaded: ' + name);
      return next(name, context);
    } });`;
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(hook)}`;

  test('nothing that makes spans is loaded, and no line bears a trace', async () => {
    const service = await MainProcess.start({ ...settings(), NODE_OPTIONS });
    const own = await storyAt(service);
    await own.place({ isUp: false });
    expect(await service.stop()).toBe(0);
    expect(linesOf(service).filter((line) => 'traceId' in line)).toEqual([]);
    const traced = MainProcess.start({ ...settings(), NODE_OPTIONS, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    await expect(traced).rejects.toThrow('loaded: @opentelemetry');
  });
});
