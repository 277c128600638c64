import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Service } from '../../src/service.ts';
import { noPrometheus, prometheus, TestPrometheus } from '../support/prometheus.ts';
import { watchRollout } from '../support/rollout-watch.ts';
import { Scrape } from '../support/scrape.ts';
import { openTestServices, type TestServices } from '../support/service.ts';
import { Story } from '../support/story.ts';
import { until } from '../support/wait.ts';

const deploy = join(import.meta.dirname, '../../deploy');
const alertsFile = join(deploy, 'prometheus/alerts.yaml');
type Dashboard = { panels: { type: string; title: string; targets?: { expr: string }[] }[] };
const dashboard = JSON.parse(readFileSync(join(deploy, 'grafana/application-redeploy.json'), 'utf8')) as Dashboard;
const alerts = parse(readFileSync(alertsFile, 'utf8')) as { groups: { rules: { alert: string; expr: string }[] }[] };

/** As Grafana sends it with everything chosen. */
const asSent = (expr: string): string =>
  expr
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$__range', '1h')
    .replaceAll(/\$(application|job)/g, '.*')
    .replaceAll('$window', '24h');
const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }, place): [title: string, place: number, expr: string] => [title, place, asSent(expr)]),
);
const rules = alerts.groups.flatMap((group) => group.rules);
const metricsIn = (expr: string): string[] => expr.match(/\b(app_redeploy|cratos_redeploy|process|nodejs)_\w+/g) ?? [];

let services: TestServices;
let replicas: Service[];
let story: Story;
let application: string;
beforeAll(async () => {
  services = await openTestServices({ readyMilliseconds: 20 });
  replicas = [await services.start({ METRICS_PORT: '0' }), await services.start({ METRICS_PORT: '0' })];
  story = await Story.open(services, replicas[0]!);
  application = (await story.place({ tags: { env: 'production' } })).applicationName;
  await story.authorized(application);
  const operationId = await story.redeployed(application);
  await watchRollout(replicas[1]!, story.tokens.alice, { operationId, after: 0 }).ended;
  await story.refusal('bob', 'mutation { approve(input: { ticketNo: "a1" }) { ticketNo } }');
});
afterAll(() => services.close());

test('every metric that the alerts and the dashboard name is told', async () => {
  const { types } = await Scrape.of(replicas[0]!);
  const told = Object.entries(types).flatMap(([name, type]) =>
    type === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name],
  );
  const named = [...queries.map(([, , expr]) => expr), ...rules.map(({ expr }) => expr)].flatMap(metricsIn);
  expect(new Set(named).size).toBeGreaterThan(20);
  expect(named.filter((name) => !told.includes(name))).toEqual([]);
});

test('the dashboard shows each of the eight figures of the record, and every one of the service', async () => {
  const { types } = await Scrape.of(replicas[0]!);
  const shown = queries
    .flatMap(([, , expr]) => metricsIn(expr))
    .map((name) => name.replace(/_(bucket|sum|count)$/, ''));
  const own = Object.keys(types).filter((name) => /^(app|cratos)_redeploy_/.test(name));
  expect(own.filter((name) => !shown.includes(name.replace(/_count$/, '')))).toEqual([]);
});

describe('a real Prometheus', () => {
  let server: TestPrometheus | undefined;
  beforeAll(async () => {
    if (!prometheus) return;
    server = await TestPrometheus.open(
      replicas.map(({ metricsUrl }) => metricsUrl!),
      [alertsFile],
    );
    const ended = (count: number) => async () => {
      const found = await server!.query(`app_redeploy_operations_total{application="${application}"} == ${count}`);
      return found.length === replicas.length;
    };
    await until('both replicas have told of the redeploy', ended(1), 30);
    await story.completed(application);
    await until('both have told of another one', ended(2), 30);
  }, 120_000);
  afterAll(() => server?.close());

  test('scrapes every replica', async ({ skip }) => {
    skip(!prometheus, noPrometheus);
    expect((await server!.query('up')).map(({ value }) => value[1])).toEqual(['1', '1']);
  });

  test('counts a redeploy once, however many replicas tell of it', async ({ skip }) => {
    skip(!prometheus, noPrometheus);
    const counted = `sum(max without (instance, pod) (app_redeploy_operations_total{application="${application}"}))`;
    expect((await server!.query(counted)).map(({ value }) => value[1])).toEqual(['2']);
  });

  test('takes the alerts and evaluates them', async ({ skip }) => {
    skip(!prometheus, noPrometheus);
    type Rules = { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
    const evaluated = () => server!.get<Rules>('rules').then(({ groups }) => groups.flatMap((group) => group.rules));
    await until('all are evaluated', async () => (await evaluated()).every(({ health }) => health !== 'unknown'));
    expect((await evaluated()).map(({ name, health }) => [name, health])).toEqual(
      rules.map(({ alert }) => [alert, 'ok']),
    );
  });

  test.for(queries)('answers the panel "%s", query %i', async ([, , expr], { skip }) => {
    skip(!prometheus, noPrometheus);
    expect((await server!.query(expr)).length).toBeGreaterThan(0);
  });
});
