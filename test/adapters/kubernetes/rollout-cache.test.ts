import type { V1Pod, V1ReplicaSet } from '@kubernetes/client-node';
import { beforeEach, expect, test } from 'vitest';
import { RolloutCache } from '../../../src/adapters/kubernetes/rollout-cache.ts';
import { trimPod } from '../../../src/adapters/kubernetes/trim.ts';
import type { ClusterChange } from '../../../src/domain/cluster.ts';
import { deployment, pod, replicaSet } from './scripted-api-server.ts';

let told: ClusterChange[];
let cache: RolloutCache;
const web = { namespace: 'shop', deploymentName: 'web' };

beforeEach(() => {
  told = [];
  cache = new RolloutCache((change) => told.push(change));
  fill(cache.deployments, [deployment('web')]);
  fill(cache.replicaSets, [replicaSet('web-1', 'web')]);
  fill(cache.pods, [pod('web-1-a', 'web-1')]);
  told = [];
});

function fill<T>(feed: { startList(): { add(page: T[]): void; finish(): void } }, objects: T[]): void {
  const list = feed.startList();
  list.add(objects);
  list.finish();
}

function withoutOwner<T extends V1Pod | V1ReplicaSet>(object: T): T {
  delete object.metadata!.ownerReferences;
  return object;
}

const names = () => {
  const { replicaSets, pods } = cache.snapshot('shop', 'web');
  return [replicaSets.map(({ name }) => name), pods.map(({ name }) => name)];
};

test('a pod that comes before its ReplicaSet waits, and is there when the ReplicaSet is told of', () => {
  cache.pods.set(pod('web-2-a', 'web-2'));
  expect(told).toEqual([]);
  expect(names()).toEqual([['web-1'], ['web-1-a']]);
  cache.replicaSets.set(replicaSet('web-2', 'web'));
  expect(told).toEqual([web]);
  expect(names()).toEqual([
    ['web-1', 'web-2'],
    ['web-1-a', 'web-2-a'],
  ]);
});

test('pods of a ReplicaSet that is deleted belong to the rollout until they are gone, and each end is told', () => {
  cache.pods.set(pod('web-1-b', 'web-1'));
  told = [];
  cache.replicaSets.remove(replicaSet('web-1', 'web'));
  expect(names()).toEqual([[], ['web-1-a', 'web-1-b']]);
  cache.pods.remove(pod('web-1-a', 'web-1'));
  expect(names()).toEqual([[], ['web-1-b']]);
  cache.pods.remove(pod('web-1-b', 'web-1'));
  expect(names()).toEqual([[], []]);
  expect(told).toEqual([web, web, web]);
});

test('the same holds when a new list tells of the ReplicaSet being gone, and then of the pods', () => {
  fill(cache.replicaSets, []);
  expect(names()).toEqual([[], ['web-1-a']]);
  fill(cache.pods, []);
  expect(names()).toEqual([[], []]);
  expect(told).toEqual(['all', 'all']);
});

test('a pod or ReplicaSet that its controller let go of leaves the rollout, and the Deployment is told', () => {
  cache.pods.set(withoutOwner(pod('web-1-a', 'web-1')));
  expect(names()).toEqual([['web-1'], []]);
  cache.replicaSets.set(withoutOwner(replicaSet('web-1', 'web')));
  expect(names()).toEqual([[], []]);
  expect(told).toEqual([web, web]);
});

test.for([
  ['that only names it as an owner', { controller: false }],
  ['of another kind', { kind: 'StatefulSet' }],
  ['of another group', { apiVersion: 'argoproj.io/v1alpha1' }],
  ['with the same name but another uid', { uid: 'another-uid' }],
] as [string, object][])('a pod of an owner %s is not of the rollout', ([, difference]) => {
  const stray = pod('stray', 'web-1');
  Object.assign(stray.metadata!.ownerReferences![0]!, difference);
  cache.pods.set(stray);
  expect(names()).toEqual([['web-1'], ['web-1-a']]);
  expect(told).toEqual([]);
});

test("a Deployment that is made anew under its name starts without the former one's ReplicaSets", () => {
  cache.deployments.remove(deployment('web'));
  expect(cache.snapshot('shop', 'web')).toEqual({ deployment: null, replicaSets: [], pods: [], warnings: [] });
  const again = deployment('web');
  again.metadata!.uid = 'second-uid';
  cache.deployments.set(again);
  expect(cache.snapshot('shop', 'web')).toMatchObject({ deployment: { uid: 'second-uid' }, replicaSets: [], pods: [] });
  // The former one's late events do no harm to the new one.
  cache.deployments.remove(deployment('web'));
  expect(cache.snapshot('shop', 'web').deployment?.uid).toBe('second-uid');
});

test('a change makes new objects and leaves those alone that were handed out', () => {
  const before = cache.snapshot('shop', 'web');
  const copy = structuredClone(before);
  cache.deployments.set(deployment('web', 5, 2));
  cache.pods.set(pod('web-1-a', 'web-1', 6, false));
  cache.pods.remove(pod('web-1-a', 'web-1'));
  expect(before).toEqual(copy);
});

test('a pod keeps what tells why it does not come up, of init containers as well', () => {
  const failing = pod('web-1-a', 'web-1');
  failing.metadata!.deletionTimestamp = new Date(0);
  const trimmed = trimPod({
    metadata: failing.metadata,
    status: {
      phase: 'Pending',
      reason: 'Evicted',
      message: 'The node was low on memory',
      conditions: [
        { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available' },
      ],
      initContainerStatuses: [
        {
          name: 'migrate',
          image: 'i',
          imageID: '',
          ready: false,
          restartCount: 2,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 1, reason: 'Error', finishedAt: new Date(1500) } },
        },
      ],
      containerStatuses: [
        {
          name: 'app',
          image: 'i',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode: 137, reason: 'OOMKilled', message: 'limit' } },
          lastState: { terminated: { exitCode: 1 } },
        },
      ],
    },
  });
  expect(trimmed).toEqual({
    uid: 'web-1-a-uid',
    name: 'web-1-a',
    replicaSetUid: 'web-1-uid',
    phase: 'Pending',
    reason: 'Evicted',
    message: 'The node was low on memory',
    ready: false,
    terminating: true,
    unschedulable: '0/3 nodes are available',
    containers: [
      {
        name: 'migrate',
        init: true,
        ready: false,
        running: false,
        restartCount: 2,
        waiting: { reason: 'CrashLoopBackOff', message: '' },
        terminated: { reason: 'Error', message: '', exitCode: 1, finishedAt: '1970-01-01T00:00:01Z' },
      },
      {
        name: 'app',
        init: false,
        ready: false,
        running: false,
        restartCount: 0,
        waiting: null,
        terminated: { reason: 'OOMKilled', message: 'limit', exitCode: 137, finishedAt: '' },
      },
    ],
  });
});
