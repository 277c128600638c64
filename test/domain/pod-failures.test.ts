import { describe, expect, test } from 'vitest';
import type { PodSnapshot, PodWarning } from '../../src/domain/cluster.ts';
import { defaultFailFast, graceSeconds, lasting, podFailures } from '../../src/domain/pod-failures.ts';
import {
  container,
  crashingPod,
  now,
  pod,
  secondsAgo,
  unreadyPod,
  waitingPod,
  warning,
} from '../support/rollout-snapshots.ts';

const pullErrors = ['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName'];
const configErrors = ['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'];
const terminated = { reason: 'Error', message: '', exitCode: 1, finishedAt: '2025-08-22T10:19:50Z' };

type Row = [
  rule: string,
  pod: PodSnapshot,
  finding: { reason: string; isDoomed: boolean; grace: number | null } | null,
  warnings?: PodWarning[],
];
const unhealthy = warning('a', 'Unhealthy', 'Readiness probe failed: HTTP probe failed with statuscode: 500', 'app');
const warns = (reason: string) => ({ reason, isDoomed: false, grace: null });
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
  ['what is evicted is a warning', pod('a', { phase: 'Failed', ready: false, reason: 'Evicted' }), warns('Evicted')],
  [
    'what is preempted is a warning',
    pod('a', { phase: 'Failed', ready: false, reason: 'Preempting' }),
    warns('Preempting'),
  ],
  ['what failed without a reason is a warning', pod('a', { phase: 'Failed', ready: false }), warns('Failed')],
  ['what has succeeded is no failure', pod('a', { phase: 'Succeeded', ready: false }), null],
  [
    'what an evicted pod died of is not asked',
    { ...crashingPod('a', 3), phase: 'Failed', reason: 'Evicted' },
    warns('Evicted'),
  ],
  ['a probe that fails while the container runs is a warning', unreadyPod('a'), warns('Unhealthy'), [unhealthy]],
  ['a probe that failed before the pod was ready is over', pod('a'), null, [{ ...unhealthy, container: null }]],
  [
    'a probe that failed in a container that is ready by now is over, though another one is not',
    pod('a', { ready: false, containers: [container({ ready: true, running: true }), container({ name: 'proxy' })] }),
    null,
    [unhealthy],
  ],
  [
    'a probe that failed before the pod was started anew is over',
    waitingPod('a', 'ContainerCreating'),
    null,
    [unhealthy],
  ],
  ...['FailedMount', 'FailedAttachVolume', 'FailedCreatePodSandBox'].flatMap((reason): Row[] => [
    [`${reason} is a warning`, waitingPod('a', 'ContainerCreating'), warns(reason), [warning('a', reason, 'no')]],
    [`${reason} is over once the pod runs`, unreadyPod('a'), null, [warning('a', reason, 'no')]],
    [`${reason} is over once the pod is ready`, pod('a'), null, [warning('a', reason, 'no')]],
  ]),
  [
    'a container that has just crashed is a warning',
    pod('a', { ready: false, containers: [container({ restartCount: 5, terminated })] }),
    warns('Error'),
  ],
  [
    'an init container that has done its work is no failure',
    pod('a', {
      ready: false,
      containers: [container({ init: true, terminated: { ...terminated, exitCode: 0, reason: 'Completed' } })],
    }),
    null,
  ],
  [
    'a container that ends without an error is a warning: it is to stay',
    pod('a', {
      ready: false,
      containers: [container({ terminated: { ...terminated, exitCode: 0, reason: 'Completed' } })],
    }),
    warns('Completed'),
  ],
  ['a container that is being created is no failure', waitingPod('a', 'ContainerCreating'), null],
  ['a pod that initializes is no failure', waitingPod('a', 'PodInitializing'), null],
  [
    'a container that crashed once and runs again is no failure',
    pod('a', { ready: false, containers: [container({ running: true, restartCount: 5, terminated })] }),
    null,
  ],
  ['a healthy pod has none', pod('a'), null],
];

test.for(rows)('%s', ([, snapshot, finding, warnings = []]) => {
  const found = podFailures(snapshot, warnings).map((failure) => ({
    pod: failure.pod,
    reason: failure.reason,
    isDoomed: failure.isDoomed,
    grace: graceSeconds(failure, defaultFailFast),
  }));
  expect(found).toEqual(finding ? [{ pod: 'a', ...finding }] : []);
});

describe('a finding', () => {
  test('of a crash loop gives restarts, exit code and reason', () => {
    expect(podFailures(crashingPod('a', 4, 137, 'OOMKilled'), [])).toEqual([
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
    expect(podFailures(snapshot, [])).toMatchObject([
      { container: 'migrate', reason: 'ImagePullBackOff', isDoomed: true },
    ]);
  });

  test('is made for each container', () => {
    const waiting = { reason: 'ErrImagePull', message: '' };
    const snapshot = pod('a', {
      containers: [container({ name: 'app', waiting }), container({ name: 'proxy', waiting })],
    });
    expect(podFailures(snapshot, []).map((failure) => failure.container)).toEqual(['app', 'proxy']);
  });

  test("of a failing probe gives the Event's words, which name the probe, and its container", () => {
    expect(podFailures(unreadyPod('a'), [unhealthy])).toMatchObject([
      { pod: 'a', container: 'app', message: 'Readiness probe failed: HTTP probe failed with statuscode: 500' },
    ]);
  });

  test('of a container that cannot be started gives why', () => {
    const snapshot = waitingPod('a', 'CrashLoopBackOff', 'back-off', {
      terminated: { ...terminated, reason: 'StartError', exitCode: 128, message: 'exec: "serve": not found\n' },
    });
    expect(podFailures(snapshot, [])[0]!.message).toBe(
      'back-off (StartError, exit code 128: exec: "serve": not found)',
    );
  });

  test('stands beside others about the same pod', () => {
    const snapshot = { ...crashingPod('a', 1), phase: 'Running' };
    expect(podFailures(snapshot, [unhealthy]).map(({ reason }) => reason)).toEqual(['CrashLoopBackOff', 'Unhealthy']);
  });
});

describe('how long it has lasted', () => {
  const since = secondsAgo(20).toISOString();
  const found = (snapshot: PodSnapshot) => podFailures(snapshot, []);
  const before = (snapshot: PodSnapshot) => found(snapshot).map((failure) => ({ ...failure, since }));
  const lasts = (snapshot: PodSnapshot, earlier: PodSnapshot) =>
    lasting(found(snapshot), before(earlier), now)[0]!.since;
  test.for([
    ['the same is counted on', waitingPod('a', 'ImagePullBackOff'), waitingPod('a', 'ImagePullBackOff'), true],
    [
      'the pause between two pulls is the same trouble',
      waitingPod('a', 'ImagePullBackOff'),
      waitingPod('a', 'ErrImagePull'),
      true,
    ],
    ['a crash loop is counted on over its restarts', crashingPod('a', 3), crashingPod('a', 2), true],
    ['another pod begins anew', waitingPod('b', 'ErrImagePull'), waitingPod('a', 'ErrImagePull'), false],
    [
      'another container begins anew',
      waitingPod('a', 'ErrImagePull', '', { name: 'proxy' }),
      waitingPod('a', 'ErrImagePull'),
      false,
    ],
    ['another trouble begins anew', waitingPod('a', 'CreateContainerError'), waitingPod('a', 'ErrImagePull'), false],
    [
      'what passes by waiting and then dooms begins anew',
      waitingPod('a', 'CreateContainerConfigError', 'secret "web" not found'),
      waitingPod('a', 'CreateContainerConfigError', 'failed to sync secret cache: timed out'),
      false,
    ],
  ] as [string, PodSnapshot, PodSnapshot, boolean][])('%s', ([, snapshot, earlier, isSame]) => {
    expect(lasts(snapshot, earlier)).toBe(isSame ? since : now.toISOString());
  });

  test('what was recorded before this was kept begins now', () => {
    expect(lasting(found(crashingPod('a', 1)), found(crashingPod('a', 1)), now)[0]!.since).toBe(now.toISOString());
  });
});
