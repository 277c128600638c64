import { expect, test } from 'vitest';
import type { DeploymentReading } from '../../src/domain/cluster.ts';
import { deploymentWarnings, permissionWarning, tokenWarning } from '../../src/domain/redeploy-warnings.ts';
import { deployment } from '../support/rollout-snapshots.ts';

const probes = { readinessProbe: {}, livenessProbe: {} };
/** As the guide asks for. */
const sound = (changes: Partial<DeploymentReading> = {}): DeploymentReading => ({
  ...deployment(),
  template: { spec: { containers: [{ name: 'app', image: 'web:v1', ...probes }] } },
  labels: { app: 'web' },
  annotations: {},
  managers: ['kubectl', 'kube-controller-manager'],
  progressDeadlineSeconds: 600,
  revisionHistoryLimit: 10,
  maxSurge: '25%',
  maxUnavailable: '25%',
  ...changes,
});

test('a Deployment as the guide asks for has no warning', () => {
  expect(deploymentWarnings(sound())).toEqual([]);
});

const containers = (...all: object[]) => ({
  template: { spec: { containers: all.map((one, index) => ({ name: `c${index}`, ...one })) } },
});

test.for<[reason: string, message: string, changes: Partial<DeploymentReading>]>([
  ['Recreate', 'every old pod ends', { strategy: 'Recreate', maxSurge: null, maxUnavailable: null }],
  ['NoReplica', 'zero replicas', { replicas: 0 }],
  ['SingleReplica', 'one replica', { replicas: 1 }],
  [
    'NoReadinessProbe',
    'without a readiness probe: c0, c2',
    containers({ livenessProbe: {} }, probes, { livenessProbe: {} }),
  ],
  ['NoLivenessProbe', 'without a liveness probe: c1', containers(probes, { readinessProbe: {} })],
  ['MaxUnavailable', 'maxUnavailable is 1', { maxUnavailable: '1' }],
  ['MaxSurge', 'maxSurge is 100%', { maxSurge: '100%' }],
  ['ProgressDeadline', 'progressDeadlineSeconds is 60', { progressDeadlineSeconds: 60 }],
  ['RevisionHistoryLimit', 'revisionHistoryLimit is 0', { revisionHistoryLimit: 0 }],
  ['ManagedElsewhere', 'Argo CD manages it', { labels: { 'argocd.argoproj.io/instance': 'web' } }],
  [
    'ManagedElsewhere',
    'Argo CD manages it',
    { annotations: { 'argocd.argoproj.io/tracking-id': 'web:apps/Deployment' } },
  ],
  ['ManagedElsewhere', 'Argo CD manages it', { managers: ['argocd-controller'] }],
  ['ManagedElsewhere', 'Flux manages it', { labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' } }],
  ['ManagedElsewhere', 'Flux manages it', { managers: ['helm-controller'] }],
  ['ManagedElsewhere', 'Helm manages it', { annotations: { 'meta.helm.sh/release-name': 'web' } }],
  ['ManagedElsewhere', 'Helm manages it', { labels: { 'app.kubernetes.io/managed-by': 'Helm' } }],
])('%s is told: %s', ([reason, message, changes]) => {
  const warnings = deploymentWarnings(sound(changes));
  expect(warnings.map((warning) => warning.reason)).toEqual([reason]);
  expect(warnings[0]!.message).toContain(message);
  expect(warnings[0]!.advice).toMatch(/\w.*\.$/);
});

test('a token that outlives the longest rollout is no warning, one that does not says how long is left', () => {
  const now = new Date('2025-08-22T10:00:00Z');
  expect(tokenWarning(new Date('2025-08-22T10:20:00Z'), now, 1200)).toEqual([]);
  expect(tokenWarning(new Date('2025-08-22T10:19:59Z'), now, 1200)).toMatchObject([
    { reason: 'TokenExpiresSoon', message: 'the token is valid for 1199 s more, a rollout may take 1200 s' },
  ]);
});

test('missing permissions are named with the namespace', () => {
  expect(permissionWarning('production', ['list pods', 'create events']).message).toBe(
    'this service may not list pods, create events in namespace production',
  );
});
