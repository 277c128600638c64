import { expect, test } from 'vitest';
import { neededAccess } from '../../src/domain/cluster-access.ts';
import { readRoleTable } from '../rbac/role-table.ts';
import { accessesOf, identityAccess, identityRules, namespaceRules } from '../support/service-account.ts';

test("the chart's role grants exactly what the service says that it needs", () => {
  expect(accessesOf(namespaceRules)).toEqual(neededAccess);
  expect(accessesOf(identityRules)).toEqual([identityAccess]);
});

test('outside its namespaces it reads the namespace kube-system and nothing else', () => {
  expect(identityRules.map(({ resourceNames }) => resourceNames)).toEqual([['kube-system']]);
});

test('the documentation tells of each verb what it is for', () => {
  const told = readRoleTable().map(({ verb, group, resource }) => ({ verb, group, resource }));
  expect(told).toEqual([...neededAccess, identityAccess]);
});
