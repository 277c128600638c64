import { describe, expect, test } from 'vitest';
import type { PodTemplate } from '../../src/domain/cluster.ts';
import { imagePattern, repositoryOf } from '../../src/domain/images.ts';
import {
  deploymentToCreate,
  isSameTemplate,
  rollbackPatch,
  templatePatch,
  withdrawalPatch,
} from '../../src/domain/rollout-patches.ts';

const precondition = { uid: 'uid-1', resourceVersion: '500' };
const by = { operationId: 'op-1', ticketNo: 'abcd1234', username: 'alice', reason: 'it leaks' };
const attributed = {
  'redeploy.cratos.dev/operation': 'op-1',
  'redeploy.cratos.dev/ticket': 'abcd1234',
  'redeploy.cratos.dev/user': 'alice',
  'redeploy.cratos.dev/reason': 'it leaks',
  'kubernetes.io/change-cause': 'emergency redeploy by alice, ticket abcd1234: it leaks',
};
const marked = {
  'kubectl.kubernetes.io/restartedAt': '2025-08-22T10:00:00Z',
  'redeploy.cratos.dev/operation': 'op-1',
};
const at = '2025-08-22T10:00:00Z';

test('a restart changes the annotations of Deployment and template, and nothing else', () => {
  expect(templatePatch(precondition, by, at)).toEqual({
    type: 'application/strategic-merge-patch+json',
    body: {
      metadata: { ...precondition, annotations: attributed },
      spec: { template: { metadata: { annotations: marked } } },
    },
  });
});

test('an image update is the same with the images of the named containers', () => {
  expect(templatePatch(precondition, by, at, [{ container: 'app', image: 'web:v2' }]).body).toMatchObject({
    spec: { template: { metadata: { annotations: marked }, spec: { containers: [{ name: 'app', image: 'web:v2' }] } } },
  });
});

test("a rollback replaces the template whole, keeps others' annotations, and leaves its id out of the template", () => {
  const template: PodTemplate = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'app' }] } };
  const { type, body } = rollbackPatch(precondition, by, template);
  expect(type).toBe('application/json-patch+json');
  expect(body).toEqual([
    { op: 'replace', path: '/metadata/uid', value: 'uid-1' },
    { op: 'replace', path: '/metadata/resourceVersion', value: '500' },
    ...Object.entries(attributed).map(([name, value]) => ({
      op: 'add',
      path: `/metadata/annotations/${name.replace('/', '~1')}`,
      value,
    })),
    { op: 'replace', path: '/spec/template', value: template },
  ]);
});

test('a creation is the manifest under the registered name, marked as ours; what it says itself stays', () => {
  const manifest = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { labels: { app: 'web' }, annotations: { team: 'backend' } },
    spec: { replicas: 2, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } } },
  };
  expect(deploymentToCreate(manifest, 'web-deployment', 'production', by, at)).toEqual({
    ...manifest,
    metadata: {
      labels: { app: 'web' },
      name: 'web-deployment',
      namespace: 'production',
      annotations: { team: 'backend', ...attributed },
    },
    spec: {
      replicas: 2,
      template: { metadata: { labels: { app: 'web' }, annotations: marked }, spec: { containers: [] } },
    },
  });
});

test('a withdrawal touches no template', () => {
  expect(withdrawalPatch(precondition, 'op-1').body).toEqual({
    metadata: { ...precondition, annotations: { 'redeploy.cratos.dev/withdrawn': 'op-1' } },
  });
});

test('templates are the same whatever ReplicaSet they come from, and differ in anything else', () => {
  const template = (labels: Record<string, string>, image = 'web:v1'): PodTemplate => ({
    metadata: { labels },
    spec: { containers: [{ name: 'app', image }] },
  });
  expect(isSameTemplate(template({ app: 'web', 'pod-template-hash': 'x' }), template({ app: 'web' }))).toBe(true);
  expect(isSameTemplate(template({ app: 'web' }), template({ app: 'api' }))).toBe(false);
  expect(isSameTemplate(template({ app: 'web' }), template({ app: 'web' }, 'web:v2'))).toBe(false);
});

const digest = `sha256:${'a'.repeat(64)}`;

describe('images', () => {
  test.for([
    ['web', 'web'],
    ['web:v1', 'web'],
    ['registry.local:5000/team/web:v1', 'registry.local:5000/team/web'],
    ['registry.local:5000/team/web', 'registry.local:5000/team/web'],
    [`web@${digest}`, 'web'],
    [`web:v1@${digest}`, 'web'],
  ])('%s is of the repository %s', ([image, repository]) => {
    expect(imagePattern.test(image!)).toBe(true);
    expect(repositoryOf(image!)).toBe(repository);
  });

  test.for(['', ' ', 'web:', ':v1', 'web v1', 'web:v1\n', 'http://x/web', 'web@sha256:1', 'web/', '/web', 'web:a/b'])(
    '%j is no image',
    (image) => {
      expect(imagePattern.test(image)).toBe(false);
    },
  );
});
