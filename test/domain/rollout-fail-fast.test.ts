import { describe, expect, test } from 'vitest';
import {
  crashingPod,
  deployment,
  now,
  oldPod,
  pod,
  secondsAgo,
  verdictOn,
  waitingPod,
  type Scene,
} from '../support/rollout-snapshots.ts';
import { waiting, overdue, deadlinePassed, midway, holds } from '../support/verdict-table.ts';

describe('failing fast', () => {
  const progress = waiting('2 out of 3 new replicas have been updated');
  const unready = deployment({ status: midway });
  const noImage = (name: string) => waitingPod(name, 'ImagePullBackOff', 'manifest unknown');
  const noSecret = (name: string, message = 'secret "web" not found') =>
    waitingPod(name, 'CreateContainerConfigError', message);
  const doomed = (seconds: number | null, ...pods: Scene['pods'] & object): Scene => ({
    attempt: { doomedSince: seconds === null ? null : secondsAgo(seconds) },
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
      "a passed deadline of Kubernetes' comes before",
      { ...doomed(3600, noImage('a')), deployment: deployment({ conditions: [deadlinePassed], status: midway }) },
      'TIMED_OUT',
      overdue,
    ],
  ]);

  test('the clock starts when every pod is doomed, runs on, and is set back when one is not', () => {
    const since = (scene: Scene) => verdictOn(scene).doomedSince;
    expect(since(doomed(null, noImage('a'), pod('b')))).toBeNull();
    expect(since(doomed(null, noImage('a'), noImage('b')))).toEqual(now);
    expect(since(doomed(12, noImage('a'), noImage('b')))).toEqual(secondsAgo(12));
    expect(since(doomed(12, noImage('a'), pod('b')))).toBeNull();
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
