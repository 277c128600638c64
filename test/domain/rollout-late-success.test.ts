import { expect, test } from 'vitest';
import { lateSuccess } from '../../src/domain/rollout-verdict.ts';
import {
  attempt,
  deployment,
  newPods,
  oldPod,
  oldSet,
  ourSet,
  pod,
  type Scene,
  secondsAgo,
  snapshotOf,
} from '../support/rollout-snapshots.ts';
import { deadlinePassed, midway } from '../support/verdict-table.ts';

const theirs = ourSet({ uid: 'web-newer', name: 'web-newer', revision: 6, templateOperationId: 'op-2' });
const empty = { replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0 };
const rollback = { isRollback: true, newReplicaSet: 'web-new', revision: 5 };

const rows: [rule: string, scene: Scene, isSuccess: boolean][] = [
  ['all up, the old ones gone: a success that came late', {}, true],
  ['of a rollback too', { attempt: rollback, deployment: deployment({ templateOperationId: 'op-0' }) }, true],
  ['after a verdict FAILED too', { attempt: { status: 'FAILED' } }, true],
  [
    'with more replicas than were wanted, all of them up',
    {
      deployment: deployment({
        generation: 6,
        replicas: 4,
        status: { replicas: 4, updatedReplicas: 4, availableReplicas: 4 },
      }),
      pods: [...newPods, pod('web-new-4')],
    },
    true,
  ],
  [
    'not with one of the new replicas missing, though those that were wanted then are up',
    {
      attempt: { verifyingSince: secondsAgo(400), verifyingReplicas: 3 },
      deployment: deployment({
        generation: 6,
        replicas: 4,
        status: { replicas: 4, updatedReplicas: 4, availableReplicas: 4 },
      }),
      pods: [...newPods, pod('web-new-4', { ready: false })],
    },
    false,
  ],
  ['not while Kubernetes still counts', { deployment: deployment({ status: midway }) }, false],
  ['not while the deadline stands', { deployment: deployment({ conditions: [deadlinePassed] }) }, false],
  [
    'not before the newest generation is observed',
    { deployment: deployment({ status: { observedGeneration: 4 } }) },
    false,
  ],
  ['not with a pod that is not ready', { pods: [...newPods.slice(1), pod('web-new-1', { ready: false })] }, false],
  ['not with an old pod that still ends', { pods: [...newPods, oldPod('web-old-1', { terminating: true })] }, false],
  [
    'not where a newer template stands',
    { deployment: deployment({ generation: 6, revision: 6 }), replicaSets: [oldSet, ourSet(), theirs] },
    false,
  ],
  ['not without our ReplicaSet', { replicaSets: [oldSet] }, false],
  ['not where it was scaled to nothing', { deployment: deployment({ replicas: 0, status: empty }), pods: [] }, false],
  ['not where the Deployment is gone', { deployment: null, replicaSets: [], pods: [] }, false],
  ['not where it was made anew', { deployment: deployment({ uid: 'deployment-2' }) }, false],
];

test.for(rows)('%s', ([, scene, isSuccess]) => {
  expect(lateSuccess(attempt({ status: 'TIMED_OUT', ...scene.attempt }), snapshotOf(scene))).toBe(isSuccess);
});
