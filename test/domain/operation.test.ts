import { describe, expect, test } from 'vitest';
import { imagesOf, toWholeSeconds } from '../../src/domain/operation.ts';
import type { RolloutStatus } from '../../src/domain/rollout.ts';
import type { Verdict } from '../../src/domain/rollout-verdict.ts';
import { at, minutesLater, newOperation } from '../support/entities.ts';
import { deployment, newPods, ourSet, pod, type Scene, secondsAgo, verdictOn } from '../support/rollout-snapshots.ts';

const landed = () => {
  const operation = newOperation();
  operation.land(deployment({ resourceVersion: '501', templateOperationId: operation.id }), at);
  return operation;
};

/** Kubernetes says done with three pods, of which one is not ready. */
const verifying: Scene = { pods: [...newPods.slice(1), pod('web-new-1', { ready: false })] };
const facts = (operation: ReturnType<typeof landed>, verdict: Verdict, when = minutesLater(1)) =>
  operation.advance(verdict, when).map(({ kind }) => kind);
const verdict = (status: RolloutStatus, message = 'as Kubernetes says'): Verdict => ({
  ...verdictOn({ replicaSets: [], pods: [] }),
  status,
  message,
});

test('a patch that stands in the cluster gives generation, images and replicas', () => {
  const operation = newOperation();
  const patched = { generation: 7, replicas: 4, resourceVersion: '501', templateOperationId: operation.id };
  const fact = operation.land(deployment(patched), minutesLater(1));
  expect(fact).toEqual({
    kind: 'DEPLOYMENT_UPDATE',
    deploymentName: 'web',
    generation: 7,
    resourceVersion: '501',
    restartedAt: '2025-08-22T10:00:00Z',
    resourceVersionBefore: '499',
    imageBefore: 'web:v1',
    imageAfter: 'web:v1',
  });
  expect(operation).toMatchObject({
    landedAt: minutesLater(1),
    generation: 7,
    currentImage: 'web:v1',
    currentReplicas: 4,
    rolloutStatus: 'STARTED',
  });
});

test('a patch whose template somebody has replaced before it was found is of an earlier generation than theirs', () => {
  const operation = newOperation();
  operation.land(deployment({ generation: 7, templateOperationId: null }), at);
  expect(operation.generation).toBe(6);
});

test('a patch lands once', () => {
  const operation = landed();
  expect(() => operation.land(deployment({ generation: 9 }), minutesLater(1))).toThrow('landed already');
  expect(operation.generation).toBe(5);
});

test('what the verdict is about comes from the record alone, so that a successor judges alike', () => {
  const operation = landed();
  operation.advance(verdict('PROGRESSING'), minutesLater(1));
  expect(operation.attempt()).toEqual({
    operationId: operation.id,
    deploymentName: 'web',
    deploymentUid: 'deployment-1',
    generation: 5,
    progressingBefore: null,
    status: 'PROGRESSING',
    oldPods: [],
    landedAt: at,
    verifyingSince: null,
    verifyingReplicas: null,
    isRollback: false,
    newReplicaSet: null,
    revision: null,
    failures: [],
  });
});

describe('advancing', () => {
  test('each event has the next number, whether the status changes or not', () => {
    const operation = landed();
    expect(facts(operation, verdict('PROGRESSING'))).toEqual(['REDEPLOY_PROGRESS', 'ROLLOUT_STATUS']);
    expect(facts(operation, verdict('PROGRESSING', 'one more'), minutesLater(2))).toEqual([]);
    expect(operation).toMatchObject({ sequence: 3, rolloutStatus: 'PROGRESSING', lastUpdateTime: minutesLater(2) });
  });

  test('the new ReplicaSet is told once, and only when it has its revision', () => {
    const operation = landed();
    const seen = (revision: number) =>
      facts(operation, verdictOn({ ...verifying, replicaSets: [ourSet({ revision })] }));
    expect(seen(0)).not.toContain('REPLICASET_CREATE');
    expect(seen(5)).toContain('REPLICASET_CREATE');
    expect(seen(5)).toEqual([]);
    expect(operation).toMatchObject({ newReplicaSet: 'web-new', revision: 5 });
  });

  test('an autoscaler moves the replicas until Kubernetes says done', () => {
    const operation = landed();
    const scaled = deployment({ generation: 6, replicas: 5, status: { updatedReplicas: 2 } });
    operation.advance(verdictOn({ deployment: scaled }), minutesLater(1));
    expect(operation).toMatchObject({ rolloutStatus: 'PROGRESSING', currentReplicas: 5 });
  });

  test('a scale-up while it is verified does not reopen it, however often it is looked at', () => {
    const operation = landed();
    const later = { landedAt: secondsAgo(60), verifyingSince: secondsAgo(5) };
    const attemptNow = () => ({ ...operation.attempt(), operationId: 'op-1', ...later });
    operation.advance(verdictOn(verifying), minutesLater(1));
    const scaledUp = deployment({ generation: 6, replicas: 9 });
    for (const minutes of [2, 3]) {
      const still = verdictOn({ attempt: attemptNow(), deployment: scaledUp, pods: verifying.pods! });
      expect(still.status).toBe('VERIFYING');
      operation.advance(still, minutesLater(minutes));
    }
    expect(verdictOn({ attempt: attemptNow(), deployment: scaledUp }).status).toBe('COMPLETED');
  });

  test('the time of verifying starts once', () => {
    const operation = landed();
    operation.advance(verdictOn(verifying), minutesLater(1));
    operation.advance(verdictOn(verifying), minutesLater(2));
    expect(operation.verifyingSince).toEqual(minutesLater(1));
  });
});

describe('ending', () => {
  test('a completed one is a success without an error, with its duration', () => {
    const operation = landed();
    expect(facts(operation, verdict('COMPLETED'), minutesLater(3.5))).toEqual([
      'POD_CHANGES',
      'ROLLOUT_STATUS',
      'REDEPLOY_SUCCESS',
    ]);
    expect(operation).toMatchObject({
      success: true,
      errorMessage: null,
      durationSeconds: 210,
      operationEndTime: minutesLater(3.5),
    });
  });

  test.for(['FAILED', 'TIMED_OUT', 'SUPERSEDED'] as const)('one that is %s is no success and says why', (status) => {
    const operation = landed();
    expect(facts(operation, verdict(status, 'why'))).toEqual(['POD_CHANGES', 'ROLLOUT_STATUS', 'REDEPLOY_FAILED']);
    expect(operation).toMatchObject({
      rolloutStatus: status,
      success: false,
      errorMessage: 'why',
      durationSeconds: 60,
    });
    expect(operation.isFinished()).toBe(true);
  });

  test('one whose patch never stood in the cluster tells nothing of pods', () => {
    const operation = newOperation();
    const told = operation.record({ ...verdict('FAILED', 'quota') }, minutesLater(1));
    expect(told).toEqual([{ kind: 'REDEPLOY_FAILED', status: 'FAILED', errorMessage: 'quota', durationSeconds: 60 }]);
    expect(operation).toMatchObject({ rolloutStatus: 'FAILED', success: false, landedAt: undefined });
  });

  test('its verdict stays', () => {
    const operation = landed();
    operation.advance(verdict('TIMED_OUT'), minutesLater(1));
    expect(() => operation.advance(verdict('COMPLETED'), minutesLater(2))).toThrow('TIMED_OUT cannot be followed by');
    expect(operation).toMatchObject({ rolloutStatus: 'TIMED_OUT', success: false, operationEndTime: minutesLater(1) });
  });
});

test("the containers' images are listed in order, comma-separated", () => {
  const containers = [
    { name: 'app', image: 'web:v2' },
    { name: 'proxy', image: 'envoy:v1' },
  ];
  expect(imagesOf(deployment({ containers }))).toBe('web:v2,envoy:v1');
});

test('restartedAt has whole seconds', () => {
  expect(toWholeSeconds(new Date('2025-08-22T10:00:00.999Z'))).toBe('2025-08-22T10:00:00Z');
});
