import { describe, expect, test } from 'vitest';
import {
  deployment,
  newPods,
  oldPod,
  oldSet,
  ourSet,
  pod,
  secondsAgo,
  verdictOn,
  waitingPod,
} from '../support/rollout-snapshots.ts';
import { waiting, unverified, unobserved, done, deadlinePassed, holds } from '../support/verdict-table.ts';

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
      "somebody's new image, which leaves our annotation in the template, ends it",
      {
        deployment: deployment({ generation: 6, revision: 6 }),
        replicaSets: [{ ...theirSet, templateOperationId: 'op-1' }, ourSet(), oldSet],
      },
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
      'a newer template that is not observed replaces nothing, even where our ReplicaSet is not seen',
      { deployment: deployment({ ...theirs, revision: 5, status: { observedGeneration: 5 } }), replicaSets: [oldSet] },
      'PROGRESSING',
      unobserved,
    ],
    [
      'nor does one on a paused Deployment',
      {
        deployment: deployment({ ...theirs, revision: 4, paused: true, status: { updatedReplicas: 0 } }),
        replicaSets: [oldSet],
      },
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
      'what Kubernetes called done late has the whole time of its verification',
      { attempt: { landedAt: secondsAgo(901) }, pods: newPods.slice(1) },
      'VERIFYING',
      unverified('2 of 3 new pods are ready'),
    ],
    [
      'what is verified on the last second is COMPLETED all the same',
      { attempt: { status: 'VERIFYING', verifyingSince: secondsAgo(301), verifyingReplicas: 3 } },
      'COMPLETED',
      done,
    ],
  ]);
});

describe('new and old pods', () => {
  test('are told apart by the ReplicaSet that owns them, never by name', () => {
    const verdict = verdictOn({
      pods: [oldPod('web-new-9'), pod('web-old-9'), pod('web-new-1', { ready: false })],
    });
    expect(verdict).toMatchObject({ newPods: ['web-old-9', 'web-new-1'], newPodCount: 2, oldPods: ['web-new-9'] });
    expect(verdict.replicas).toEqual({ desired: 3, updated: 3, ready: 1, available: 3, old: 1 });
  });

  test("are told apart by it also when somebody's new image leaves our annotation in the template", () => {
    const theirs = ourSet({ uid: 'web-newer', name: 'web-newer', revision: 6 });
    const verdict = verdictOn({
      replicaSets: [theirs, ourSet(), oldSet],
      pods: [pod('theirs', { replicaSetUid: 'web-newer' }), pod('ours')],
    });
    expect(verdict).toMatchObject({ newPods: ['ours'], newReplicaSet: { name: 'web-new', revision: 5 } });
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
