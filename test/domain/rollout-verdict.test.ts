import { describe, expect, test } from 'vitest';
import {
  deployment,
  newPods,
  oldPod,
  oldSet,
  ourSet,
  replicaFailure,
  secondsAgo,
  verdictOn,
} from '../support/rollout-snapshots.ts';
import {
  waiting,
  unverified,
  unobserved,
  overdue,
  done,
  deadlinePassed,
  midway,
  holds,
} from '../support/verdict-table.ts';

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
      { deployment: deployment({ status: { replicas: 4, updatedReplicas: 3, availableReplicas: 1 } }) },
      'PROGRESSING',
      waiting('1 old replicas are pending termination'),
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
