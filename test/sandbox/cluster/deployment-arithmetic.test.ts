import { expect, test } from 'vitest';
import {
  maxReplicasAnnotation,
  maxSurge,
  maxUnavailable,
  newReplicaSetReplicas,
  proportion,
  resolveFenceposts,
} from '../../../src/sandbox/cluster/deployment-arithmetic.ts';
import type { DeploymentSpec, ReplicaSet } from '../../../src/sandbox/cluster/objects.ts';

type Bound = number | string;

const spec = (replicas: number, surge: Bound = '25%', unavailable: Bound = '25%', type = 'RollingUpdate') =>
  ({
    replicas,
    strategy: { type, rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
  }) as DeploymentSpec;

const replicaSet = (replicas: number, atMost?: number) =>
  ({
    metadata: { annotations: atMost === undefined ? {} : { [maxReplicasAnnotation]: String(atMost) } },
    spec: { replicas },
    status: { replicas },
  }) as unknown as ReplicaSet;

test.each<[replicas: number, surge: Bound, unavailable: Bound, expectedSurge: number, expectedUnavailable: number]>([
  [3, '25%', '25%', 1, 0],
  [4, '25%', '25%', 1, 1],
  [10, '25%', '25%', 3, 2],
  [1, '25%', '25%', 1, 0],
  [0, '25%', '25%', 0, 1],
  [10, 0, '5%', 0, 1],
  [10, '0%', 0, 0, 1],
  [5, 2, 1, 2, 1],
  [10, '100%', '0%', 10, 0],
])(
  '%i replicas with surge %s and unavailable %s may surge by %i and miss %i',
  (replicas, surge, unavailable, more, less) => {
    expect(resolveFenceposts(spec(replicas, surge, unavailable))).toEqual({ surge: more, unavailable: less });
  },
);

test('no more pods can be missing than there are, and none of none', () => {
  expect(maxUnavailable(spec(2, 1, 5))).toBe(2);
  expect(maxUnavailable(spec(0, 1, 5))).toBe(0);
});

test('Recreate neither surges nor counts on missing pods', () => {
  const recreate = spec(4, '25%', '25%', 'Recreate');
  expect([maxSurge(recreate), maxUnavailable(recreate)]).toEqual([0, 0]);
  expect(newReplicaSetReplicas(recreate, [replicaSet(4)], 0)).toBe(4);
});

test.each<[wanted: number, old: number, current: number, next: number]>([
  [3, 3, 0, 1],
  [3, 2, 1, 2],
  [3, 3, 1, 1],
  [3, 0, 1, 3],
  [10, 10, 0, 3],
  [10, 8, 3, 5],
])('of %i wanted, beside %i old ones, a new ReplicaSet of %i grows to %i', (wanted, old, current, next) => {
  expect(newReplicaSetReplicas(spec(wanted), [replicaSet(old), replicaSet(current)], current)).toBe(next);
});

test('scaling in the midst of a rollout is shared in proportion to size', () => {
  // 10 + 3 pods stand as 8 old and 5 new ones; 20 + 5 are wanted.
  const scaled = spec(20);
  expect(proportion(replicaSet(8, 13), scaled, 13, 12, 0)).toBe(7);
  expect(proportion(replicaSet(5, 13), scaled, 13, 12, 7)).toBe(5);
  expect(proportion(replicaSet(8, 13), spec(0), 13, -13, 0)).toBe(-8);
  expect(proportion(replicaSet(0, 13), scaled, 13, 12, 0)).toBe(0);
});
