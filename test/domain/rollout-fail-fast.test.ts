import { describe, expect, test } from 'vitest';
import type { PodFailure } from '../../src/domain/rollout.ts';
import {
  container,
  crashingPod,
  deployment,
  newPods,
  oldPod,
  pod,
  replicaFailure,
  secondsAgo,
  unreadyPod,
  verdictOn,
  waitingPod,
  warning,
  type Scene,
} from '../support/rollout-snapshots.ts';
import { waiting, overdue, deadlinePassed, midway, holds, unobserved, unverified } from '../support/verdict-table.ts';

const terminated = { reason: 'Error', message: '', exitCode: 1, finishedAt: '2025-08-22T10:19:50Z' };

describe('failing fast', () => {
  const progress = waiting('2 out of 3 new replicas have been updated');
  const unready = deployment({ status: midway });
  const noImage = (name: string) => waitingPod(name, 'ImagePullBackOff', 'manifest unknown');
  const noSecret = (name: string, message = 'secret "web" not found') =>
    waitingPod(name, 'CreateContainerConfigError', message);
  const doomed = (seconds: number | null, ...pods: Scene['pods'] & object): Scene => ({
    seenBefore: seconds ?? undefined,
    deployment: unready,
    pods,
  });
  const everyPod = (what: string) => `every new pod fails: ${what}`;
  holds([
    ['a pull error just seen is given time', doomed(null, noImage('a'), noImage('b')), 'PROGRESSING', progress],
    ['a pull error of 29 seconds is given time', doomed(29, noImage('a'), noImage('b')), 'PROGRESSING', progress],
    [
      'every pod with a pull error for 30 seconds ends it',
      doomed(30, noImage('a'), noImage('b')),
      'FAILED',
      everyPod('a: ImagePullBackOff: manifest unknown'),
    ],
    ['one doomed pod among healthy ones is a warning', doomed(3600, noImage('a'), pod('b')), 'PROGRESSING', progress],
    [
      'one doomed pod among starting ones is a warning',
      doomed(3600, noImage('a'), waitingPod('b', 'ContainerCreating')),
      'PROGRESSING',
      progress,
    ],
    ['doomed old pods are not ours', doomed(3600, oldPod('a', noImage('a')), pod('b')), 'PROGRESSING', progress],
    [
      'a pod that is ending does not count for the others',
      doomed(30, noImage('a'), pod('b', { terminating: true })),
      'FAILED',
      everyPod('a: ImagePullBackOff: manifest unknown'),
    ],
    [
      'an evicted pod does not count for the others',
      doomed(30, noImage('a'), pod('b', { phase: 'Failed', ready: false })),
      'FAILED',
      everyPod('a: ImagePullBackOff: manifest unknown'),
    ],
    ['a configuration error of 9 seconds is given time', doomed(9, noSecret('a')), 'PROGRESSING', progress],
    [
      'every pod with a configuration error for 10 seconds ends it',
      doomed(10, noSecret('a'), noSecret('b')),
      'FAILED',
      everyPod('a: CreateContainerConfigError: secret "web" not found'),
    ],
    [
      'a cache that is not synced passes',
      doomed(3600, noSecret('a', 'failed to sync secret cache: timed out waiting for the condition')),
      'PROGRESSING',
      progress,
    ],
    ['a second restart is given time', doomed(3600, crashingPod('a', 2)), 'PROGRESSING', progress],
    [
      'a crash loop ends it from the third restart, at once',
      doomed(null, crashingPod('a', 3)),
      'FAILED',
      everyPod('a: CrashLoopBackOff: back-off restarting failed container (Error, exit code 1)'),
    ],
    [
      'a crash loop out of memory says so',
      doomed(null, crashingPod('a', 3, 137, 'OOMKilled')),
      'FAILED',
      everyPod('a: CrashLoopBackOff: back-off restarting failed container (OOMKilled, exit code 137)'),
    ],
    [
      'different dooms have the longest of their times',
      doomed(29, crashingPod('a', 3), noImage('b')),
      'PROGRESSING',
      progress,
    ],
    [
      'a pod that cannot be scheduled is a warning',
      doomed(3600, pod('a', { ready: false, unschedulable: '0/3 nodes are available' })),
      'PROGRESSING',
      progress,
    ],
    ['no new pod at all is none that is doomed', doomed(3600), 'PROGRESSING', progress],
    [
      'a failing probe is a warning',
      { ...doomed(3600, unreadyPod('a')), warnings: [warning('a', 'Unhealthy', 'Liveness probe failed', 'app')] },
      'PROGRESSING',
      progress,
    ],
    [
      'a volume that cannot be mounted is a warning',
      { ...doomed(3600, waitingPod('a', 'ContainerCreating')), warnings: [warning('a', 'FailedMount', 'not found')] },
      'PROGRESSING',
      progress,
    ],
    [
      'a terminated container alone dooms nobody, however often it was restarted',
      doomed(3600, pod('a', { ready: false, containers: [container({ running: true, restartCount: 9, terminated })] })),
      'PROGRESSING',
      progress,
    ],
    [
      'one that has just crashed is given its next start',
      doomed(3600, pod('a', { ready: false, containers: [container({ restartCount: 9, terminated })] })),
      'PROGRESSING',
      progress,
    ],
    [
      'an init container dooms its pod as well',
      doomed(null, pod('a', { ready: false, containers: [{ ...crashingPod('a', 3).containers[0]!, init: true }] })),
      'FAILED',
      everyPod('a: CrashLoopBackOff: back-off restarting failed container (Error, exit code 1)'),
    ],
    [
      'pods that crash for good after Kubernetes said done end the verification',
      {
        attempt: { status: 'VERIFYING', verifyingSince: secondsAgo(5), verifyingReplicas: 3 },
        pods: ['a', 'b', 'c'].map((name) => crashingPod(name, 3)),
      },
      'FAILED',
      everyPod('a: CrashLoopBackOff: back-off restarting failed container (Error, exit code 1)'),
    ],
    [
      'one that crashes while the others are ready does not',
      {
        attempt: { status: 'VERIFYING', verifyingSince: secondsAgo(5), verifyingReplicas: 3 },
        pods: [...newPods.slice(1), crashingPod('a', 3)],
      },
      'VERIFYING',
      unverified('2 of 3 new pods are ready'),
    ],
    [
      "a passed deadline of Kubernetes' comes before",
      { ...doomed(3600, noImage('a')), deployment: deployment({ conditions: [deadlinePassed], status: midway }) },
      'TIMED_OUT',
      overdue,
    ],
  ]);

  test('what was doomed at different moments has its time counted for each', () => {
    const failures = verdictOn(doomed(null, noImage('a'))).allFailures;
    const before = [{ ...failures[0]!, since: secondsAgo(40).toISOString() }];
    const look = (pods: Scene['pods'] & object) =>
      verdictOn({ attempt: { failures: before }, deployment: unready, pods }).status;
    expect(look([noImage('a')])).toBe('FAILED');
    expect(look([noImage('a'), noImage('b')])).toBe('PROGRESSING');
    expect(look([noImage('c')])).toBe('PROGRESSING');
  });

  test('a successor goes on counting from what is recorded: neither anew nor early', () => {
    const pods = [noImage('a'), noImage('b')];
    const recorded = (seconds: number) => verdictOn(doomed(seconds, ...pods)).failures;
    const successor = (failures: PodFailure[]) =>
      verdictOn({ attempt: { failures }, deployment: unready, pods }).status;
    expect(successor(recorded(29))).toBe('PROGRESSING');
    expect(successor(recorded(30))).toBe('FAILED');
  });

  test('more than a hundred doomed pods are counted, a hundred told, the worst first', () => {
    const many = Array.from({ length: 130 }, (_, index) => noImage(`web-new-${index}`));
    const waits = Array.from({ length: 20 }, (_, index) =>
      pod(`web-pending-${index}`, { ready: false, unschedulable: '0/3 nodes are available' }),
    );
    const verdict = verdictOn(doomed(30, ...waits, ...many));
    expect(verdict.status).toBe('PROGRESSING');
    expect(verdict.allFailures).toHaveLength(150);
    expect(verdict.failures).toHaveLength(100);
    expect(verdict.failures.every(({ isDoomed }) => isDoomed)).toBe(true);
    expect(verdictOn(doomed(30, ...many)).status).toBe('FAILED');
  });

  test('how long it takes is a setting', () => {
    const failFast = { pullErrorSeconds: 5, configErrorSeconds: 0, crashLoopRestarts: 1 };
    const statusOf = (scene: Scene) => verdictOn(scene, { failFast }).status;
    expect(statusOf(doomed(4, noImage('a')))).toBe('PROGRESSING');
    expect(statusOf(doomed(5, noImage('a')))).toBe('FAILED');
    expect(statusOf(doomed(null, noSecret('a')))).toBe('FAILED');
    expect(statusOf(doomed(null, crashingPod('a', 1)))).toBe('FAILED');
  });
});

test('what was warned of stands with the pod that it is about, of ours only, and not while it ends', () => {
  const pods = [
    unreadyPod('a'),
    unreadyPod('b'),
    unreadyPod('c', { terminating: true }),
    oldPod('d', { ready: false }),
  ];
  const warnings = ['a', 'c', 'd'].map((name) => warning(name, 'Unhealthy', `Readiness probe failed in ${name}`));
  const { failures } = verdictOn({ deployment: deployment({ status: midway }), pods, warnings });
  expect(failures).toMatchObject([{ pod: 'a', reason: 'Unhealthy', message: 'Readiness probe failed in a' }]);
});

describe('pods that cannot be created', () => {
  const quota = replicaFailure('FailedCreate', 'pods "web-new-x" is forbidden: exceeded quota: compute');
  const webhook = replicaFailure('FailedCreate', 'admission webhook "policy.example.com" denied the request');
  const none = { ...midway, updatedReplicas: 0 };
  const refused = (condition: typeof quota, seconds: number | null, scene: Scene = {}): Scene => ({
    seenBefore: seconds ?? undefined,
    deployment: deployment({ conditions: [condition], status: none }),
    pods: [oldPod('web-old-1')],
    ...scene,
  });
  const told = ({ reason, message }: typeof quota) =>
    `${waiting('0 out of 3 new replicas have been updated')} (${reason}: ${message})`;
  const ended = (condition: typeof quota) => `no new pod can be created: FailedCreate: ${condition.message}`;
  holds([
    ['it is told at once', refused(webhook, null), 'PROGRESSING', told(webhook)],
    ['it is given time', refused(webhook, 9), 'PROGRESSING', told(webhook)],
    ['it ends the rollout where it stays', refused(webhook, 10), 'FAILED', ended(webhook)],
    ['a quota, too', refused(quota, 10), 'FAILED', ended(quota)],
    [
      'but not while old pods end and make room in it',
      refused(quota, 3600, { pods: [oldPod('web-old-1', { terminating: true })] }),
      'PROGRESSING',
      told(quota),
    ],
    [
      'nor where one that is gone has made some',
      refused(quota, 3600, { attempt: { oldPods: ['web-old-1', 'web-old-2'] } }),
      'PROGRESSING',
      told(quota),
    ],
    [
      'which helps nobody against a webhook',
      refused(webhook, 10, { attempt: { oldPods: ['web-old-1', 'web-old-2'] } }),
      'FAILED',
      ended(webhook),
    ],
    [
      'with a new pod that may come up it is a warning',
      refused(webhook, 3600, { pods: [unreadyPod('web-new-1')] }),
      'PROGRESSING',
      told(webhook),
    ],
    [
      'a new pod that ends is none',
      refused(webhook, 10, { pods: [pod('web-new-1', { terminating: true })] }),
      'FAILED',
      ended(webhook),
    ],
    [
      "before our change is observed it is our predecessor's",
      refused(webhook, 3600, {
        deployment: deployment({ conditions: [webhook], status: { ...none, observedGeneration: 4 } }),
      }),
      'PROGRESSING',
      unobserved,
    ],
  ]);

  test('it is a finding about no pod', () => {
    expect(verdictOn(refused(quota, null)).failures).toMatchObject([
      { pod: null, container: null, reason: 'FailedCreate', message: quota.message, isDoomed: true },
    ]);
    expect(verdictOn({ deployment: deployment({ conditions: [{ ...quota, status: 'False' }] }) }).failures).toEqual([]);
  });
});
