import { describe, expect, test } from 'vitest';
import type { PodSnapshot } from '../../src/domain/cluster.ts';
import { defaultFailFast, graceSeconds, podFailures } from '../../src/domain/pod-failures.ts';
import { container, crashingPod, pod, waitingPod } from '../support/rollout-snapshots.ts';

const pullErrors = ['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName'];
const configErrors = ['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'];
const terminated = { reason: 'Error', message: '', exitCode: 1, finishedAt: '2025-08-22T10:19:50Z' };

type Row = [
  rule: string,
  pod: PodSnapshot,
  finding: { reason: string; isDoomed: boolean; grace: number | null } | null,
];
const rows: Row[] = [
  ...pullErrors.map((reason): Row => [
    `${reason} dooms`,
    waitingPod('a', reason),
    { reason, isDoomed: true, grace: 30 },
  ]),
  ...configErrors.map((reason): Row => [
    `${reason} dooms`,
    waitingPod('a', reason, 'no such key'),
    { reason, isDoomed: true, grace: 10 },
  ]),
  [
    'a cache that is not synced yet passes',
    waitingPod('a', 'CreateContainerConfigError', 'failed to sync configmap cache: timed out'),
    { reason: 'CreateContainerConfigError', isDoomed: false, grace: null },
  ],
  [
    'a crash loop dooms, but counts from the third restart',
    crashingPod('a', 2),
    { reason: 'CrashLoopBackOff', isDoomed: true, grace: null },
  ],
  [
    'a crash loop counts at once from the third restart',
    crashingPod('a', 3),
    { reason: 'CrashLoopBackOff', isDoomed: true, grace: 0 },
  ],
  [
    'what cannot be scheduled is a warning',
    pod('a', { ready: false, unschedulable: '0/3 nodes are available' }),
    { reason: 'Unschedulable', isDoomed: false, grace: null },
  ],
  ['a container that is being created is no failure', waitingPod('a', 'ContainerCreating'), null],
  ['a pod that initializes is no failure', waitingPod('a', 'PodInitializing'), null],
  [
    'a container that crashed once and runs again is no failure',
    pod('a', { ready: false, containers: [container({ restartCount: 5, terminated })] }),
    null,
  ],
  ['a healthy pod has none', pod('a'), null],
];

test.for(rows)('%s', ([, snapshot, finding]) => {
  const found = podFailures(snapshot).map((failure) => ({
    pod: failure.pod,
    reason: failure.reason,
    isDoomed: failure.isDoomed,
    grace: graceSeconds(failure, defaultFailFast),
  }));
  expect(found).toEqual(finding ? [{ pod: 'a', ...finding }] : []);
});

describe('a finding', () => {
  test('of a crash loop gives restarts, exit code and reason', () => {
    expect(podFailures(crashingPod('a', 4, 137, 'OOMKilled'))).toEqual([
      {
        pod: 'a',
        container: 'app',
        reason: 'CrashLoopBackOff',
        message: 'back-off restarting failed container (OOMKilled, exit code 137)',
        exitCode: 137,
        restarts: 4,
        isDoomed: true,
      },
    ]);
  });

  test('is made for init containers as well', () => {
    const waiting = { reason: 'ImagePullBackOff', message: 'manifest unknown' };
    const snapshot = pod('a', {
      ready: false,
      containers: [container({ name: 'migrate', init: true, waiting }), container({ name: 'app' })],
    });
    expect(podFailures(snapshot)).toMatchObject([{ container: 'migrate', reason: 'ImagePullBackOff', isDoomed: true }]);
  });

  test('is made for each container', () => {
    const waiting = { reason: 'ErrImagePull', message: '' };
    const snapshot = pod('a', {
      containers: [container({ name: 'app', waiting }), container({ name: 'proxy', waiting })],
    });
    expect(podFailures(snapshot).map((failure) => failure.container)).toEqual(['app', 'proxy']);
  });
});
