import { describe, expect, test } from 'vitest';
import type { ReplicaSetSnapshot } from '../../src/domain/cluster.ts';
import {
  deployment,
  oldPod,
  oldSet,
  ourSet,
  pod,
  type Scene,
  verdictOn,
  waitingPod,
} from '../support/rollout-snapshots.ts';
import { done, holds, midway, unobserved, unverified, waiting } from '../support/verdict-table.ts';

const found = (scene: Scene) => verdictOn(scene).newReplicaSet;
const replaced = (revision: number) => `superseded by revision ${revision} of deployment "web"`;

describe('which ReplicaSet is ours, once it has been found', () => {
  const recorded = { newReplicaSet: 'web-new', revision: 5 };
  const bare = ourSet({ operationId: null, templateOperationId: null });

  test('it is the one of that name, whatever stands in it', () => {
    const theirs = ourSet({ uid: 'web-newer', name: 'web-newer', revision: 4 });
    expect(found({ attempt: recorded, replicaSets: [oldSet, theirs, bare] })).toEqual({ name: 'web-new', revision: 5 });
  });

  holds([
    [
      'gone, with the revision moved on, it is superseded',
      { attempt: recorded, deployment: deployment({ generation: 6, revision: 6 }), replicaSets: [oldSet], pods: [] },
      'SUPERSEDED',
      replaced(6),
    ],
    [
      "gone, with the revision moved on, somebody's new image that kept our annotation does not hide it",
      {
        attempt: recorded,
        deployment: deployment({ generation: 6, revision: 6, templateOperationId: 'op-1' }),
        replicaSets: [ourSet({ uid: 'web-newer', name: 'web-newer', revision: 6 })],
        pods: [],
      },
      'SUPERSEDED',
      replaced(6),
    ],
    [
      'gone, with the revision as it was, it is waited for: the controller makes it again',
      {
        attempt: recorded,
        deployment: deployment({ generation: 6, status: midway }),
        replicaSets: [oldSet],
        pods: [],
      },
      'PROGRESSING',
      waiting('2 out of 3 new replicas have been updated'),
    ],
    [
      'a ReplicaSet of its name that was made again is ours',
      {
        attempt: recorded,
        replicaSets: [oldSet, ourSet({ uid: 'made-again' })],
        pods: ['a', 'b', 'c'].map((name) => pod(name, { replicaSetUid: 'made-again' })),
      },
      'COMPLETED',
      done,
    ],
    [
      'one that somebody rolled back to later, and that is the newest again, is not superseded',
      {
        attempt: recorded,
        deployment: deployment({ generation: 9, revision: 8 }),
        replicaSets: [oldSet, { ...bare, revision: 8 }],
      },
      'COMPLETED',
      done,
    ],
  ]);
});

describe('a rollback', () => {
  const attempt = { isRollback: true };
  /** The operation's id stands on the Deployment and on the revived ReplicaSet, in no template. */
  const rolledBack = (changes: Parameters<typeof deployment>[0] = {}) =>
    deployment({ templateOperationId: 'op-0', ...changes });
  const revived = ourSet({ templateOperationId: 'op-0' });
  const before: ReplicaSetSnapshot = { ...revived, operationId: 'op-0', revision: 3 };
  const their = (changes: Partial<ReplicaSetSnapshot>) =>
    ourSet({ uid: 'web-newer', name: 'web-newer', revision: 6, ...changes });

  test('has its ReplicaSet found by its own annotation, which the controller copies', () => {
    expect(found({ attempt, deployment: rolledBack(), replicaSets: [oldSet, revived] })).toEqual({
      name: 'web-new',
      revision: 5,
    });
    expect(found({ attempt, deployment: rolledBack(), replicaSets: [oldSet, before] })).toBeNull();
  });

  test('has the first of them where somebody changed the template later and left the annotation', () => {
    const replicaSets = [their({ operationId: 'op-1' }), revived, oldSet];
    expect(found({ attempt, deployment: rolledBack(), replicaSets })).toEqual({ name: 'web-new', revision: 5 });
  });

  test('of a restart is not found by the annotation of the ReplicaSet alone', () => {
    expect(found({ replicaSets: [revived] })).toBeNull();
  });

  test("counts the revived ReplicaSet's pods as new, also those that it had before", () => {
    const verdict = verdictOn({
      attempt: { ...attempt, oldPods: ['revived', 'bad-1', 'bad-2'] },
      deployment: rolledBack(),
      replicaSets: [oldSet, revived],
      pods: [pod('revived'), oldPod('bad-1')],
    });
    expect(verdict).toMatchObject({ newPods: ['revived'], oldPods: ['bad-1', 'bad-2'], terminatedPods: ['bad-2'] });
  });

  holds([
    [
      'that is not observed is waited for',
      {
        attempt,
        deployment: rolledBack({ revision: 4, status: { observedGeneration: 4 } }),
        replicaSets: [oldSet, before],
      },
      'PROGRESSING',
      unobserved,
    ],
    ['is COMPLETED', { attempt, deployment: rolledBack(), replicaSets: [oldSet, revived] }, 'COMPLETED', done],
    [
      'fails fast like everything else',
      {
        attempt,
        deployment: rolledBack({ status: midway }),
        replicaSets: [oldSet, revived],
        pods: [waitingPod('a', 'ErrImagePull', 'gone')],
        seenBefore: 30,
      },
      'FAILED',
      'every new pod fails: a: ErrImagePull: gone',
    ],
    [
      'that was scaled meanwhile is not superseded, though its ReplicaSet is not seen yet',
      { attempt, deployment: rolledBack({ generation: 6 }), replicaSets: [oldSet, before], pods: [] },
      'VERIFYING',
      unverified('0 of 3 new pods are ready'),
    ],
    [
      'is superseded by a newer template that left the annotation',
      {
        attempt,
        deployment: rolledBack({ generation: 6, revision: 6 }),
        replicaSets: [oldSet, revived, their({ operationId: 'op-1' })],
      },
      'SUPERSEDED',
      replaced(6),
    ],
    [
      'is superseded by another operation',
      {
        attempt,
        deployment: deployment({ generation: 6, revision: 6, operationId: 'op-2', templateOperationId: 'op-2' }),
        replicaSets: [oldSet, revived, their({ operationId: 'op-2', templateOperationId: 'op-2' })],
      },
      'SUPERSEDED',
      replaced(6),
    ],
    [
      "is superseded by somebody's undo that took the annotation away before it was seen",
      {
        attempt,
        deployment: deployment({ generation: 6, revision: 6, operationId: null, templateOperationId: null }),
        replicaSets: [oldSet, before],
        pods: [],
      },
      'SUPERSEDED',
      replaced(6),
    ],
    [
      'is superseded also where its ReplicaSet is pruned',
      {
        attempt: { ...attempt, newReplicaSet: 'web-new', revision: 5 },
        deployment: rolledBack({ generation: 6, revision: 6 }),
        replicaSets: [their({ operationId: 'op-1' })],
        pods: [],
      },
      'SUPERSEDED',
      replaced(6),
    ],
  ]);
});
