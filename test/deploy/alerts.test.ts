import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { noPromtool, promtool, runPromtool } from '../support/prometheus.ts';

const folder = join(import.meta.dirname, '../../deploy/prometheus');
type Rule = { alert: string; for: string; labels: { severity: string }; annotations: Record<string, string> };
type Case = { name: string; alert_rule_test: { alertname: string; exp_alerts: object[] }[] };
const read = (file: string): unknown => parse(readFileSync(join(folder, file), 'utf8'));
const { groups } = read('alerts.yaml') as { groups: { name: string; rules: Rule[] }[] };
const { tests } = read('alerts.test.yaml') as { tests: Case[] };
const rules = groups.flatMap((group) => group.rules);

test("are the guide's five, each with its patience and severity", () => {
  expect(groups.map(({ name }) => name)).toEqual(['application-redeploy']);
  expect(rules.map((rule) => [rule.alert, rule.for, rule.labels.severity, rule.annotations['summary']])).toEqual([
    ['TooManyRedeployTokens', '5m', 'warning', '重部署Token数量过多'],
    ['RedeployFailureRate', '3m', 'critical', '重部署失败率过高'],
    ['RedeployDurationTooLong', '5m', 'warning', '重部署耗时过长'],
    ['TokenProcessingFailure', '3m', 'warning', '重部署Token创建失败率异常'],
    ['FrequentRedeployOperations', '10m', 'info', '重部署操作过于频繁'],
  ]);
});

describe.for(rules.map(({ alert }) => alert))('%s', (alert) => {
  const expected = tests.flatMap(({ alert_rule_test: cases }) => cases.filter(({ alertname }) => alertname === alert));

  test('has a case in which it fires', () => {
    expect(expected.filter(({ exp_alerts: alerts }) => alerts.length > 0)).not.toEqual([]);
  });

  test('has a story in which it never does', () => {
    const silent = tests.filter(
      ({ alert_rule_test: cases }) =>
        cases.some(({ alertname }) => alertname === alert) &&
        cases.every(({ exp_alerts: alerts }) => alerts.length === 0),
    );
    expect(silent).not.toEqual([]);
  });
});

test('are in order, and fire and are silent as their cases say', ({ skip }) => {
  skip(!promtool, noPromtool);
  expect(runPromtool(['check', 'rules', 'alerts.yaml'], { cwd: folder })).toMatchObject({ status: 0 });
  const { status, said } = runPromtool(['test', 'rules', 'alerts.test.yaml'], { cwd: folder });
  expect({ status, said }).toMatchObject({ status: 0, said: expect.stringContaining('SUCCESS') });
});
