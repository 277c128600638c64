import { afterAll, beforeAll, expect, test } from 'vitest';
import { neededAccess } from '../../src/domain/cluster-access.ts';
import { openTestCluster, type TestCluster } from '../support/cluster.ts';
import { serveLogs } from '../support/kubelet-logs.ts';
import { identityAccess } from '../support/service-account.ts';
import { type Findings, findUnderRole } from './role-findings.ts';
import { readRoleTable } from './role-table.ts';

// The service acts under the chart's role on a real control plane, whole and with each verb taken out of it.

const lastWords = 'panic: out of luck\n';

let cluster: TestCluster;
let stopLogs: () => Promise<void>;
beforeAll(async () => {
  cluster = await openTestCluster();
  stopLogs = await serveLogs(cluster.api.core, lastWords);
});
afterAll(async () => {
  await stopLogs();
  await cluster.close();
});

const whole: Findings = {
  registration: 'done',
  preflight: 'nothing missing',
  'preflight of a creation': 'nothing missing',
  restart: 'COMPLETED',
  creation: 'COMPLETED',
  'crash log': lastWords,
  "Kubernetes' warnings": 'connection refused',
  'Events of ours': 'RedeployCompleted, RedeployStarted',
};

test('with the whole role nothing is missing', async () => {
  expect(await findUnderRole(undefined)).toEqual(whole);
});

const rows = readRoleTable();

test('every verb of the role is tried, and no other one', () => {
  const tried = rows.map(({ verb, group, resource }) => ({ verb, group, resource }));
  expect(tried).toEqual([...neededAccess, identityAccess]);
});

test.concurrent.for(rows)('without $verb $resource: $finding', async ({ finding, found, ...access }, { expect }) => {
  const findings = await findUnderRole(access);
  process.stdout.write(`without ${access.verb} ${access.resource}: ${finding}: ${findings[finding].trim()}\n`);
  expect(findings[finding]).toMatch(found);
  expect(findings[finding]).not.toBe(whole[finding]);
  const { verb, resource } = access;
  const named = new RegExp(`may not ${verb} ${resource} in|cannot ${verb} resource "${resource}"`);
  expect(`${findings.preflight}\n${findings['preflight of a creation']}`).toMatch(named);
});
