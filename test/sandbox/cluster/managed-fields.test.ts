import { expect, test } from 'vitest';
import type { JsonObject } from '../../../src/sandbox/cluster/json.ts';
import { managedFields, managerOf } from '../../../src/sandbox/cluster/managed-fields.ts';

const owned = (entries: JsonObject[]) =>
  Object.fromEntries(entries.map(({ manager, fieldsV1 }) => [manager as string, fieldsV1]));
const web = (spec: JsonObject, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', ...metadata },
  spec,
  status: {},
});

test('who creates an object manages what it says, but for what the API server keeps itself', () => {
  const created = web({ replicas: 1, template: { containers: [{ name: 'a' }] } }, { labels: { app: 'web' }, uid: 'u' });
  expect(managedFields({}, created, 'kubectl')).toMatchObject([
    { manager: 'kubectl', operation: 'Update', apiVersion: 'apps/v1', fieldsType: 'FieldsV1' },
  ]);
  expect(owned(managedFields({}, created, 'kubectl'))).toEqual({
    kubectl: {
      'f:metadata': { 'f:labels': { 'f:app': {} } },
      'f:spec': { 'f:replicas': {}, 'f:template': { 'f:containers': {} } },
    },
  });
});

test('who changes a field takes it over from the one who managed it', () => {
  const before = web({ replicas: 1, paused: false });
  const entries = managedFields({}, before, 'argocd-controller');
  const after = (spec: JsonObject) => web(spec, { managedFields: entries });
  expect(owned(managedFields(before, after({ replicas: 3, paused: false }), 'kubectl'))).toEqual({
    'argocd-controller': { 'f:spec': { 'f:paused': {} } },
    kubectl: { 'f:spec': { 'f:replicas': {} } },
  });
  expect(Object.keys(owned(managedFields(before, after({ replicas: 3, paused: true }), 'kubectl')))).toEqual([
    'kubectl',
  ]);
  expect(managedFields(before, after({ replicas: 1, paused: false }), 'kubectl')).toEqual(entries);
});

test('a manager is named by the request, or by the program that sends it', () => {
  expect(managerOf(new URLSearchParams('fieldManager=desk'), 'kubectl/v1.20.2')).toBe('desk');
  expect(managerOf(new URLSearchParams(), 'kubectl/v1.20.2 (linux/amd64)')).toBe('kubectl');
  expect(managerOf(new URLSearchParams())).toBe('unknown');
});
