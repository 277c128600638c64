import { describe, expect, test } from 'vitest';
import type { RolloutStatus } from '../../src/domain/rollout.ts';
import {
  crashingPod,
  deployment,
  newPods,
  now,
  oldPod,
  oldSet,
  ourSet,
  pod,
  progressing,
  replicaFailure,
  type Scene,
  secondsAgo,
  verdictOn,
  waitingPod,
} from '../support/rollout-snapshots.ts';

/** [rule, what is seen, status, message] */
type Row = [rule: string, scene: Scene, status: RolloutStatus, message: string];

const waiting = (what: string) => `Waiting for deployment "web" rollout to finish: ${what}...`;
const unverified = (what: string) => `Waiting for deployment "web" to be verified: ${what}...`;
const unobserved = 'Waiting for deployment spec update to be observed...';
const overdue = 'deployment "web" exceeded its progress deadline';
const done = 'deployment "web" successfully rolled out';

const deadlinePassed = progressing('ProgressDeadlineExceeded');
const midway = { replicas: 4, updatedReplicas: 2, availableReplicas: 3 };

function holds(rows: Row[]): void {
  test.for(rows)('%s', ([, scene, status, message]) => {
    const { status: actualStatus, message: actualMessage } = verdictOn(scene);
    expect({ status: actualStatus, message: actualMessage }).toEqual({ status, message });
  });
}

describe("kubectl's answer, the first that applies", () => {
  holds([
    [
      'a generation that is not observed comes before everything',
      { deployment: deployment({ conditions: [deadlinePassed], status: { ...midway, observedGeneration: 4 } }) },
      'PROGRESSING',
      unobserved,
    ],
    [
      'a missing observedGeneration counts as 0',
      { deployment: deployment({ status: { observedGeneration: 0 } }) },
      'PROGRESSING',
      unobserved,
    ],
    [
      'a passed progress deadline comes before counting',
      { deployment: deployment({ conditions: [deadlinePassed], status: midway }) },
      'TIMED_OUT',
      overdue,
    ],
    [
      'a passed progress deadline comes before success',
      { deployment: deployment({ conditions: [deadlinePassed] }) },
      'TIMED_OUT',
      overdue,
    ],
    [
      'missing updated replicas come before old ones and unavailable ones',
      { deployment: deployment({ status: midway }) },
      'PROGRESSING',
      waiting('2 out of 3 new replicas have been updated'),
    ],
    [
      'old replicas come before unavailable ones',
      { deployment: deployment({ status: { replicas: 5, updatedReplicas: 3, availableReplicas: 1 } }) },
      'PROGRESSING',
      waiting('2 old replicas are pending termination'),
    ],
    [
      'unavailable replicas come last',
      { deployment: deployment({ status: { availableReplicas: 1 } }) },
      'PROGRESSING',
      waiting('1 of 3 updated replicas are available'),
    ],
    ['otherwise it is done', {}, 'COMPLETED', done],
    ['a Deployment that is gone has been deleted', { deployment: null, pods: [] }, 'FAILED', 'object has been deleted'],
    [
      'a Deployment that came again under its name has been deleted, however healthy',
      { deployment: deployment({ uid: 'deployment-2' }) },
      'FAILED',
      'object has been deleted',
    ],
    [
      'a deletion comes before an unobserved generation',
      { deployment: deployment({ uid: 'deployment-2', status: { observedGeneration: 0 } }) },
      'FAILED',
      'object has been deleted',
    ],
  ]);
});

describe('the anchor: nothing is judged before our own generation is observed', () => {
  const beforeOurs = deployment({ generation: 4, revision: 4, operationId: null, templateOperationId: null });
  holds([
    [
      'a watch that still shows the Deployment from before our patch says nothing yet',
      { deployment: beforeOurs, replicaSets: [oldSet], pods: [oldPod('web-old-1')] },
      'PROGRESSING',
      unobserved,
    ],
    [
      "what Kubernetes says of our predecessor's deadline is not ours",
      { deployment: { ...beforeOurs, conditions: [deadlinePassed] }, replicaSets: [oldSet] },
      'PROGRESSING',
      unobserved,
    ],
    [
      'a status that looks done while our ReplicaSet and its pods are not seen yet is not verified',
      { replicaSets: [oldSet], pods: [] },
      'VERIFYING',
      unverified('0 of 3 new pods are ready'),
    ],
  ]);
});

describe('the stale deadline', () => {
  const stood = deployment({ conditions: [deadlinePassed], status: midway });
  holds([
    [
      'a deadline whose lastUpdateTime was read before the patch does not count',
      { attempt: { progressingBefore: deadlinePassed.lastUpdateTime }, deployment: stood },
      'PROGRESSING',
      waiting('2 out of 3 new replicas have been updated'),
    ],
    [
      'any other lastUpdateTime counts, an earlier one too: two clocks are never compared',
      { attempt: { progressingBefore: '2025-08-22T23:00:00Z' }, deployment: stood },
      'TIMED_OUT',
      overdue,
    ],
    [
      'where there was no condition before the patch it counts',
      { attempt: { progressingBefore: null }, deployment: stood },
      'TIMED_OUT',
      overdue,
    ],
  ]);
});

describe('superseded', () => {
  const theirs = deployment({ generation: 6, revision: 6, templateOperationId: 'op-2' });
  const theirSet = ourSet({ uid: 'web-newer', name: 'web-newer', revision: 6, templateOperationId: 'op-2' });
  const replaced = 'superseded by revision 6 of deployment "web"';
  holds([
    ['a newer template ends it, naming the revision', { deployment: theirs }, 'SUPERSEDED', replaced],
    [
      "somebody's undo, whose template carries no operation, ends it",
      { deployment: { ...theirs, operationId: null, templateOperationId: null } },
      'SUPERSEDED',
      replaced,
    ],
    [
      'it ends a rollout that is being verified',
      {
        attempt: { status: 'VERIFYING', verifyingSince: secondsAgo(5), verifyingReplicas: 3 },
        deployment: theirs,
        replicaSets: [ourSet(), theirSet],
      },
      'SUPERSEDED',
      replaced,
    ],
    [
      'their passed deadline is not ours',
      { deployment: { ...theirs, conditions: [deadlinePassed] } },
      'SUPERSEDED',
      replaced,
    ],
    [
      'our ReplicaSet may be pruned already',
      { deployment: theirs, replicaSets: [theirSet], pods: [] },
      'SUPERSEDED',
      replaced,
    ],
    [
      'a newer template that is not observed has no revision yet',
      { deployment: deployment({ ...theirs, revision: 5, status: { observedGeneration: 5 } }) },
      'PROGRESSING',
      unobserved,
    ],
    [
      'a newer template on a paused Deployment replaces nothing yet',
      { deployment: deployment({ ...theirs, revision: 5, paused: true, status: { updatedReplicas: 0 } }) },
      'PROGRESSING',
      `${waiting('0 out of 3 new replicas have been updated')} (the deployment is paused)`,
    ],
    [
      'scaled in the middle is not superseded; the denominator moves',
      { deployment: deployment({ generation: 6, replicas: 5, status: { replicas: 5, updatedReplicas: 3 } }) },
      'PROGRESSING',
      waiting('3 out of 5 new replicas have been updated'),
    ],
    [
      'scaled down in the middle is done with fewer',
      {
        deployment: deployment({
          generation: 6,
          replicas: 2,
          status: { replicas: 2, updatedReplicas: 2, availableReplicas: 2 },
        }),
        pods: newPods.slice(0, 2),
      },
      'COMPLETED',
      done,
    ],
  ]);
});

describe('latched: once done, done', () => {
  const verifying = { status: 'VERIFYING', verifyingSince: secondsAgo(5), verifyingReplicas: 3 } as const;
  const scaledUp = deployment({
    generation: 6,
    replicas: 6,
    status: { observedGeneration: 5, replicas: 6, updatedReplicas: 6, availableReplicas: 3 },
  });
  const more = [...newPods, waitingPod('web-new-4', 'ContainerCreating'), waitingPod('web-new-5', 'ContainerCreating')];
  holds([
    [
      'a scale-up while it is verified does not reopen it',
      { attempt: verifying, deployment: scaledUp, pods: more },
      'COMPLETED',
      done,
    ],
    [
      'a scale-up does not excuse the pods that were wanted',
      { attempt: verifying, deployment: scaledUp, pods: more.slice(1) },
      'VERIFYING',
      unverified('2 of 3 new pods are ready'),
    ],
    [
      'a scale-down while it is verified wants fewer',
      { attempt: verifying, deployment: deployment({ generation: 6, replicas: 2 }), pods: newPods.slice(0, 2) },
      'COMPLETED',
      done,
    ],
    [
      'a deadline that passes while it is verified is not its end',
      { attempt: verifying, deployment: deployment({ conditions: [deadlinePassed] }), pods: newPods.slice(1) },
      'VERIFYING',
      unverified('2 of 3 new pods are ready'),
    ],
  ]);
});

describe('verified', () => {
  holds([
    [
      'a new pod that is not ready keeps it from being COMPLETED',
      { pods: [...newPods.slice(1), pod('web-new-1', { ready: false })] },
      'VERIFYING',
      unverified('2 of 3 new pods are ready'),
    ],
    [
      'a new pod that is ending does not count as ready',
      { pods: [...newPods.slice(1), pod('web-new-1', { terminating: true })] },
      'VERIFYING',
      unverified('2 of 3 new pods are ready'),
    ],
    [
      'an old pod that still ends keeps it from being COMPLETED',
      { pods: [...newPods, oldPod('web-old-1', { terminating: true })] },
      'VERIFYING',
      unverified('1 old pods are still terminating'),
    ],
    [
      'an old pod that has ended but is not gone yet keeps it too',
      { pods: [...newPods, oldPod('web-old-1', { terminating: true, phase: 'Succeeded' })] },
      'VERIFYING',
      unverified('1 old pods are still terminating'),
    ],
    [
      'an evicted old pod that Kubernetes leaves behind does not',
      { pods: [...newPods, oldPod('web-old-1', { phase: 'Failed', ready: false })] },
      'COMPLETED',
      done,
    ],
    [
      'its own time-out ends it',
      {
        attempt: { status: 'VERIFYING', verifyingSince: secondsAgo(300), verifyingReplicas: 3 },
        pods: newPods.slice(1),
      },
      'TIMED_OUT',
      `not verified after 300 seconds: ${unverified('2 of 3 new pods are ready')}`,
    ],
    [
      'what is verified on the last second is COMPLETED all the same',
      { attempt: { status: 'VERIFYING', verifyingSince: secondsAgo(301), verifyingReplicas: 3 } },
      'COMPLETED',
      done,
    ],
  ]);
});

describe('paused, empty and refused Deployments', () => {
  const empty = { replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0 };
  const quota = replicaFailure('FailedCreate', 'pods "web-new-x" is forbidden: exceeded quota: compute');
  const stuck = deployment({ paused: true, status: midway });
  holds([
    [
      'one that is paused in the middle shows as paused',
      { deployment: stuck },
      'PROGRESSING',
      `${waiting('2 out of 3 new replicas have been updated')} (the deployment is paused)`,
    ],
    [
      'and runs into our own time-out, saying so',
      { attempt: { landedAt: secondsAgo(900) }, deployment: stuck },
      'TIMED_OUT',
      `not finished after 900 seconds: ${waiting('2 out of 3 new replicas have been updated')} (the deployment is paused)`,
    ],
    [
      'zero replicas are done at once, and no pod was restarted',
      { deployment: deployment({ replicas: 0, status: empty }), pods: [] },
      'COMPLETED',
      `${done} (it has zero replicas: no pod was restarted)`,
    ],
    [
      'zero replicas with pods that still end are not done',
      { deployment: deployment({ replicas: 0, status: empty }), pods: [oldPod('web-old-1', { terminating: true })] },
      'VERIFYING',
      unverified('1 old pods are still terminating'),
    ],
    [
      'one that is scaled to zero only while it is verified did restart its pods',
      {
        attempt: { status: 'VERIFYING', verifyingSince: secondsAgo(5), verifyingReplicas: 3 },
        deployment: deployment({ generation: 6, replicas: 0, status: empty }),
        pods: [],
      },
      'COMPLETED',
      done,
    ],
    [
      'a ReplicaFailure is told at once, with its message',
      { deployment: deployment({ conditions: [quota], status: { ...midway, updatedReplicas: 0 } }), pods: [] },
      'PROGRESSING',
      `${waiting('0 out of 3 new replicas have been updated')} (FailedCreate: ${quota.message})`,
    ],
    [
      'a ReplicaFailure that is over is not told',
      { deployment: deployment({ conditions: [{ ...quota, status: 'False' }], status: midway }) },
      'PROGRESSING',
      waiting('2 out of 3 new replicas have been updated'),
    ],
    [
      'our own time-out tells the ReplicaFailure',
      { attempt: { landedAt: secondsAgo(901) }, deployment: deployment({ conditions: [quota], status: midway }) },
      'TIMED_OUT',
      `not finished after 900 seconds: ${waiting('2 out of 3 new replicas have been updated')} (FailedCreate: ${quota.message})`,
    ],
    [
      "Kubernetes' deadline comes before our own time-out",
      {
        attempt: { landedAt: secondsAgo(901) },
        deployment: deployment({ conditions: [deadlinePassed], status: midway }),
      },
      'TIMED_OUT',
      overdue,
    ],
    ['a success comes before our own time-out', { attempt: { landedAt: secondsAgo(901) } }, 'COMPLETED', done],
  ]);
});

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

describe('new and old pods', () => {
  test('are told apart by the ReplicaSet that owns them, never by name', () => {
    const verdict = verdictOn({
      pods: [oldPod('web-new-9'), pod('web-old-9'), pod('web-new-1', { ready: false })],
    });
    expect(verdict).toMatchObject({ newPods: ['web-old-9', 'web-new-1'], newPodCount: 2, oldPods: ['web-new-9'] });
    expect(verdict.replicas).toEqual({ desired: 3, updated: 3, ready: 1, available: 3, old: 1 });
  });

  test('terminated are the old ones that are really gone, not those that still end', () => {
    const verdict = verdictOn({
      attempt: { oldPods: ['web-old-1', 'web-old-2'] },
      pods: [...newPods, oldPod('web-old-2', { terminating: true })],
    });
    expect(verdict).toMatchObject({ terminatedPods: ['web-old-1'], terminatedPodCount: 1 });
  });

  test('an old pod once seen is remembered', () => {
    expect(verdictOn({ attempt: { oldPods: ['web-old-1'] }, pods: [oldPod('web-old-2')] }).oldPods).toEqual([
      'web-old-1',
      'web-old-2',
    ]);
  });

  test('are listed up to a hundred, and counted whole', () => {
    const many = Array.from({ length: 120 }, (_, index) => pod(`web-new-${index}`));
    const gone = Array.from({ length: 101 }, (_, index) => `web-old-${index}`);
    const verdict = verdictOn({ attempt: { oldPods: gone }, pods: many });
    expect(verdict.newPods).toHaveLength(100);
    expect(verdict.newPodCount).toBe(120);
    expect(verdict.terminatedPods).toHaveLength(100);
    expect(verdict.terminatedPodCount).toBe(101);
  });

  test('of a Deployment that is gone are counted as none', () => {
    const verdict = verdictOn({ deployment: null, pods: [] });
    expect(verdict).toMatchObject({
      replicas: { desired: 0, updated: 0, ready: 0, available: 0, old: 0 },
      revision: 0,
    });
  });
});

test('the new ReplicaSet is the one whose template carries our change', () => {
  expect(verdictOn({}).newReplicaSet).toEqual({ name: 'web-new', revision: 5 });
  expect(verdictOn({ replicaSets: [oldSet] }).newReplicaSet).toBeNull();
  expect(verdictOn({ replicaSets: [oldSet, ourSet({ templateOperationId: 'op-2' })] }).newReplicaSet).toBeNull();
});

test('a verdict changes nothing that it was given', () => {
  const scene = { deployment: deployment(), replicaSets: [oldSet, ourSet()], pods: newPods };
  const before = structuredClone(scene);
  verdictOn(scene);
  expect(scene).toEqual(before);
});
