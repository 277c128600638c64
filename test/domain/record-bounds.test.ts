import { expect, test } from 'vitest';
import type { AuditFact } from '../../src/domain/audit-facts.ts';
import type { Operation } from '../../src/domain/operation.ts';
import { at, minutesLater, newOperation } from '../support/entities.ts';
import { deployment, oldPod, pod, progressing, secondsAgo, verdictOn } from '../support/rollout-snapshots.ts';

/** What is recorded of a rollout of so many pods that the watch sees replaced one by one. */
function factsOf(count: number): AuditFact[] {
  const operation: Operation = newOperation();
  const facts: AuditFact[] = [operation.land(deployment({ replicas: count, templateOperationId: operation.id }), at)];
  for (let updated = 0; updated <= count; updated += 1) {
    const isDone = updated === count;
    const pods = [
      ...Array.from({ length: updated }, (_, i) => pod(`web-new-${i}`)),
      ...Array.from({ length: count - updated }, (_, i) => oldPod(`web-old-${updated + i}`)),
    ];
    const status = { replicas: count, updatedReplicas: updated, readyReplicas: count, availableReplicas: count };
    const conditions = [progressing(isDone ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated')];
    const verdict = verdictOn({
      attempt: { ...operation.attempt(), operationId: 'op-1', landedAt: secondsAgo(60), verifyingSince: null },
      deployment: deployment({ replicas: count, status, conditions }),
      pods,
    });
    facts.push(...operation.advance(verdict, minutesLater(1)));
  }
  expect(operation.rolloutStatus).toBe('COMPLETED');
  return facts;
}

test('a rollout of 500 pods, each of which the watch sees come and go, is told in as many records as one of 3', () => {
  const [few, many] = [factsOf(3), factsOf(500)];
  expect(many.map(({ kind }) => kind)).toEqual(few.map(({ kind }) => kind));
  expect(many.map(({ kind }) => kind)).toEqual([
    'DEPLOYMENT_UPDATE',
    'REPLICASET_CREATE',
    'REDEPLOY_PROGRESS',
    'ROLLOUT_STATUS',
    'POD_CHANGES',
    'ROLLOUT_STATUS',
    'REDEPLOY_SUCCESS',
  ]);
});

test('of its pods a hundred are named, and all are counted', () => {
  const changes = factsOf(500).find((fact) => fact.kind === 'POD_CHANGES')!;
  expect([changes.newPods.length, changes.newPodCount]).toEqual([100, 500]);
  expect([changes.terminatedPods.length, changes.terminatedPodCount]).toEqual([100, 500]);
});
