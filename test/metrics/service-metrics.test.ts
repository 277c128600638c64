import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Service } from '../../src/service.ts';
import { noPromtool, promtool, runPromtool } from '../support/prometheus.ts';
import { Relay } from '../support/relay.ts';
import { watchRollout } from '../support/rollout-watch.ts';
import { Scrape } from '../support/scrape.ts';
import { openTestServices, type TestServices } from '../support/service.ts';
import { type Placed, Story } from '../support/story.ts';
import { until } from '../support/wait.ts';

let services: TestServices;
let replicas: [Service, Service];
let story: Story;
let good: Placed;
let bad: Placed;
beforeAll(async () => {
  services = await openTestServices({ readyMilliseconds: 20 });
  replicas = [await services.start({ METRICS_PORT: '0' }), await services.start({ METRICS_PORT: '0' })];
  story = await Story.open(services, replicas[0]);
  good = await story.place({ tags: { env: 'production' } });
  bad = await story.place({ image: 'web:crash', isUp: false });
  for (const { applicationName } of [good, bad]) await story.authorized(applicationName);
  const operationId = await story.redeployed(good.applicationName);
  await watchRollout(replicas[1], story.tokens.alice, { operationId, after: 0 }).ended;
  const doomed = await story.redeployed(bad.applicationName);
  await services.cluster.api.apps.deleteNamespacedDeployment({ namespace: bad.namespace, name: bad.deploymentName });
  await until('it has failed', async () => (await story.operation(doomed))['success'] === false);
});
afterAll(() => services.close());

/** Once both operations are in it: the record is read anew every few seconds only. */
const scrape = (service: Service = replicas[0]): Promise<Scrape> =>
  until('the record is told as it is', async () => {
    const told = await Scrape.of(service);
    return (
      told.value('app_redeploy_operations_total', { application: bad.applicationName, result: 'failed' }) === 1 && told
    );
  });

describe('what is told from the record', () => {
  test('has the names, types and labels of the guide', async () => {
    const { types, samples } = await scrape();
    const labelsOf = (name: string) => [
      ...new Set(
        samples
          .filter((one) => one.name.replace(/_(bucket|sum|count)$/, '') === name || one.name === name)
          .flatMap(({ labels }) => Object.keys(labels)),
      ),
    ];
    const guide: [string, string, string[]][] = [
      ['app_redeploy_ticket_created_total', 'counter', ['application', 'username', 'env']],
      ['app_redeploy_token_created_total', 'counter', ['application', 'username', 'result']],
      ['app_redeploy_token_expired_total', 'counter', ['application', 'username']],
      ['app_redeploy_operations_total', 'counter', ['application', 'namespace', 'username', 'result']],
      ['app_redeploy_token_active_count', 'gauge', []],
      ['app_redeploy_duration_seconds', 'histogram', ['application', 'namespace', 'result', 'le']],
      ['app_redeploy_success_rate', 'gauge', ['application', 'time_window']],
      ['app_redeploy_rollout_duration_seconds', 'histogram', ['application', 'namespace', 'strategy', 'le']],
    ];
    for (const [name, type, labels] of guide) {
      expect(types).toHaveProperty(name, type);
      expect([name, ...labelsOf(name)]).toEqual([name, ...labels]);
    }
  });

  test('is what happened', async () => {
    const told = await scrape();
    const { applicationName: application, namespace } = good;
    const operation = { application, namespace };
    const username = 'alice';
    const values: [string, Record<string, string>, number][] = [
      ['app_redeploy_ticket_created_total', { application, username, env: 'production' }, 1],
      ['app_redeploy_ticket_created_total', { application: bad.applicationName, username, env: '' }, 1],
      ['app_redeploy_token_created_total', { application, username, result: 'success' }, 1],
      ['app_redeploy_token_created_total', { application, username, result: 'failed' }, 0],
      ['app_redeploy_token_expired_total', { application, username }, 0],
      ['app_redeploy_operations_total', { ...operation, username, result: 'success' }, 1],
      ['app_redeploy_operations_total', { ...operation, username, result: 'failed' }, 0],
      ['app_redeploy_token_active_count', {}, 2],
      ['app_redeploy_duration_seconds_count', { ...operation, result: 'success' }, 1],
      ['app_redeploy_duration_seconds_count', { ...operation, result: 'failed' }, 0],
      ['app_redeploy_duration_seconds_bucket', { ...operation, result: 'success', le: '600' }, 1],
      ['app_redeploy_success_rate', { application, time_window: '1h' }, 1],
      ['app_redeploy_success_rate', { application: bad.applicationName, time_window: '7d' }, 0],
      ['app_redeploy_rollout_duration_seconds_count', { ...operation, strategy: 'RollingUpdate' }, 1],
      ['app_redeploy_rollout_duration_seconds_count', { application: bad.applicationName }, 0],
    ];
    const found = values.map(([name, labels]) => [name, labels, told.value(name, labels)]);
    expect(found).toEqual(values);
  });

  test('has room in its buckets behind what the alert asks for', async () => {
    const told = await scrape();
    for (const name of ['app_redeploy_duration_seconds_bucket', 'app_redeploy_rollout_duration_seconds_bucket']) {
      const bounds = told
        .all(name, { application: good.applicationName })
        .map(({ labels }) => Number(labels['le']?.replace('+', '')));
      expect(bounds).toContain(600);
      expect(bounds.filter((bound) => bound > 600 && bound < Infinity).length).toBeGreaterThan(1);
    }
  });

  test('has no more applications and people than METRICS_LABEL_VALUES, in all', async () => {
    const bounded = await services.start({ METRICS_PORT: '0', METRICS_LABEL_VALUES: '1' });
    const told = await Scrape.of(bounded);
    const values = (label: string) => new Set(told.samples.flatMap(({ labels }) => labels[label] ?? []));
    expect(values('application')).toEqual(new Set([good.applicationName, 'other']));
    expect(values('username')).toEqual(new Set(['alice']));
    expect(
      told.value('app_redeploy_operations_total', { application: 'other', namespace: 'other', result: 'failed' }),
    ).toBe(1);
  });

  test('is the same in every replica, and in one that starts afterwards', async () => {
    const later = await services.start({ METRICS_PORT: '0' });
    const told = await Promise.all([...replicas, later].map(scrape));
    expect(told[1]!.record).toEqual(told[0]!.record);
    expect(told[2]!.record).toEqual(told[0]!.record);
  });
});

test('promtool has nothing against it but the one name that the guide gave', async ({ skip }) => {
  skip(!promtool, noPromtool);
  const { said } = runPromtool(['check', 'metrics'], { input: (await scrape()).text });
  expect(said.trim().split('\n')).toEqual([
    'app_redeploy_token_active_count non-histogram and non-summary metrics should not have "_count" suffix',
  ]);
});

describe('what is told of the process', () => {
  /** An operation that somebody watches at each replica, and that does not end by itself. */
  async function watched() {
    const placed = await story.place({ image: 'web:unready', isUp: false });
    await story.authorized(placed.applicationName);
    const operationId = await story.redeployed(placed.applicationName);
    const watches = replicas.map((service) => watchRollout(service, story.tokens.alice, { operationId }));
    await until('the first event is there', () => watches.every(({ events }) => events.length > 0));
    return {
      end: async () => {
        const { namespace, deploymentName: name } = placed;
        await services.cluster.api.apps.deleteNamespacedDeployment({ namespace, name });
        for (const { ended } of watches) expect(await ended).toEqual({ completed: true });
      },
    };
  }

  test('is what is open, followed and waited for', async () => {
    const { end } = await watched();
    const told = await scrape();
    expect(told.value('cratos_redeploy_open_connections')).toBe(1);
    expect(told.value('cratos_redeploy_open_subscriptions')).toBe(1);
    expect(told.value('cratos_redeploy_followed_operations')).toBe(1);
    expect(told.value('cratos_redeploy_outbox_waiting')).toBe(0);
    expect(told.value('cratos_redeploy_outbox_age_seconds')).toBe(0);
    expect(told.value('cratos_redeploy_record_up')).toBe(1);
    expect(told.value('cratos_redeploy_database_waiting')).toBe(0);
    const [busy, idle] = ['busy', 'idle'].map((state) =>
      told.value('cratos_redeploy_database_connections', { state })!,
    );
    expect(busy! + idle!).toBeGreaterThan(0);
    await end();
  });

  test('is how long events take to the record, and from there to the subscribers of each replica', async () => {
    const lags = async (service: Service, stage: string) =>
      (await Scrape.of(service)).value('cratos_redeploy_event_lag_seconds_count', { stage })!;
    const { end } = await watched();
    const recorded = await lags(replicas[0], 'record');
    const delivered = await Promise.all(replicas.map((service) => lags(service, 'delivery')));
    await end();
    expect(await lags(replicas[0], 'record')).toBeGreaterThan(recorded);
    for (const [place, service] of replicas.entries()) {
      expect(await lags(service, 'delivery')).toBeGreaterThan(delivered[place]!);
    }
    const told = await Scrape.of(replicas[1]);
    expect(told.value('cratos_redeploy_event_lag_seconds_sum', { stage: 'delivery' })).toBeLessThan(60);
  });

  test('is how each watch of Kubernetes fares', async () => {
    const told = await scrape();
    for (const name of ['cratos_redeploy_watch_restarts_total', 'cratos_redeploy_watch_outage_seconds']) {
      const watches = told.all(name, { cluster: services.cluster.contextName });
      expect(watches.map(({ labels }) => labels['resource'])).toEqual(['deployments', 'replicasets', 'pods', 'events']);
    }
  });
});

test('while PostgreSQL is away the rest is told, and that the record is not', async () => {
  const relay = await Relay.to(services.database.serviceUrl);
  const DATABASE_URL = Object.assign(new URL(services.database.serviceUrl), { port: String(relay.port) }).toString();
  const alone = await services.start({ METRICS_PORT: '0', DATABASE_URL });
  await relay.close();
  const told = await until('it is not read', async () => {
    const told = await Scrape.of(alone);
    return told.value('cratos_redeploy_record_up') === 0 && told;
  });
  expect(told.record).toEqual([]);
  expect(told.value('cratos_redeploy_outbox_waiting')).toBeUndefined();
  expect(told.value('cratos_redeploy_open_connections')).toBe(0);
  expect(told.value('process_resident_memory_bytes')).toBeGreaterThan(0);
});

describe('where it is told', () => {
  test('is nowhere unless a port is set, and never the port that clients use', async () => {
    const without = await services.start();
    expect(without.metricsUrl).toBeNull();
    for (const service of [without, replicas[0]]) {
      const response = await fetch(new URL('/metrics', service.url));
      expect(response.status).toBe(404);
      expect(await response.text()).not.toContain('app_redeploy');
    }
  });

  test('is loopback unless a host is set', () => {
    expect(new URL(replicas[0].metricsUrl!).hostname).toBe('127.0.0.1');
  });

  test.for([
    ['GET', '/', 404],
    ['GET', '//', 404],
    ['GET', '/graphql', 404],
    ['POST', '/metrics', 405],
    ['HEAD', '/metrics', 200],
  ] as const)('%s %s answers %i', async ([method, path, status]) => {
    const response = await fetch(new URL(replicas[0].metricsUrl!).origin + path, { method });
    expect(response.status).toBe(status);
  });

  test('is no more when the service stops', async () => {
    const stopping = await services.start({ METRICS_PORT: '0' });
    await Scrape.of(stopping);
    await stopping.stop();
    await expect(Scrape.of(stopping)).rejects.toThrow('fetch failed');
  });
});
