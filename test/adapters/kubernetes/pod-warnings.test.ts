import { beforeEach, describe, expect, test } from 'vitest';
import { RolloutCache } from '../../../src/adapters/kubernetes/rollout-cache.ts';
import type { ClusterChange } from '../../../src/domain/cluster.ts';
import { warningReasons } from '../../../src/domain/cluster.ts';
import { deployment, pod, podEvent, replicaSet } from './scripted-api-server.ts';

let told: ClusterChange[];
let cache: RolloutCache;
const web = { namespace: 'shop', deploymentName: 'web' };
const messages = () => cache.snapshot('shop', 'web').warnings.map(({ message }) => message);

beforeEach(() => {
  told = [];
  cache = new RolloutCache((change) => told.push(change));
  fill(cache.deployments, [deployment('web'), deployment('other')]);
  fill(cache.replicaSets, [replicaSet('web-1', 'web'), replicaSet('other-1', 'other')]);
  fill(cache.pods, [pod('web-1-a', 'web-1'), pod('other-1-a', 'other-1')]);
  told = [];
});

function fill<T>(feed: { startList(): { add(page: T[]): void; finish(): void } }, objects: T[]): void {
  const list = feed.startList();
  list.add(objects);
  list.finish();
}

test('the view has what was warned of about the pods of the rollout, and of no others', () => {
  cache.warnings.set(podEvent('one', 'web-1-a'));
  cache.warnings.set(podEvent('two', 'other-1-a'));
  expect(told).toEqual([web, { namespace: 'shop', deploymentName: 'other' }]);
  expect(cache.snapshot('shop', 'web').warnings).toEqual([
    {
      podUid: 'web-1-a-uid',
      container: 'app',
      reason: 'Unhealthy',
      message: 'Readiness probe failed: connection refused',
      at: '1970-01-01T00:00:01Z',
    },
  ]);
});

describe('kept are', () => {
  test.for(warningReasons)('Events with the reason %s', (reason) => {
    cache.warnings.set(podEvent('one', 'web-1-a', { reason }));
    expect(messages()).toHaveLength(1);
  });

  test.for([
    ['of another reason', { reason: 'FailedScheduling' }],
    ['of type Normal', { type: 'Normal' }],
    ['about another kind', { involvedObject: { kind: 'ReplicaSet', uid: 'web-1-a-uid' } }],
    ['about a pod without a uid', { involvedObject: { kind: 'Pod', name: 'web-1-a' } }],
  ] as [string, object][])('not those %s', ([, changes]) => {
    cache.warnings.set(podEvent('one', 'web-1-a', changes));
    expect(messages()).toEqual([]);
    expect(told).toEqual([]);
  });
});

test('of each reason the newest stands, whatever order they come in', () => {
  cache.warnings.set(podEvent('new', 'web-1-a', { message: 'newer' }, 20));
  cache.warnings.set(podEvent('old', 'web-1-a', { message: 'older' }, 10));
  cache.warnings.set(podEvent('mount', 'web-1-a', { reason: 'FailedMount', message: 'no volume' }, 5));
  expect(messages()).toEqual(['newer', 'no volume']);
  cache.warnings.set(podEvent('newest', 'web-1-a', { message: 'newest' }, 30));
  expect(messages()).toEqual(['newest', 'no volume']);
});

test('an Event that is only counted up tells nobody', () => {
  cache.warnings.set(podEvent('one', 'web-1-a', {}, 10));
  cache.warnings.set(podEvent('one', 'web-1-a', { count: 2 }, 20));
  expect(told).toEqual([web]);
  expect(cache.snapshot('shop', 'web').warnings[0]!.at).toBe('1970-01-01T00:00:20Z');
});

test('an Event over the wire has its instants as strings, or null where they are not set', () => {
  const wire: unknown = {
    ...(podEvent('one', 'web-1-a') as object),
    lastTimestamp: null,
    eventTime: '2025-08-22T10:20:00.123456Z',
    message: 'with a \0 in it',
  };
  cache.warnings.set(wire as ReturnType<typeof podEvent>);
  expect(cache.snapshot('shop', 'web').warnings).toMatchObject([
    { at: '2025-08-22T10:20:00Z', message: 'with a  in it' },
  ]);
});

test('it is forgotten with the Event that tells it, not with another one', () => {
  cache.warnings.set(podEvent('old', 'web-1-a', {}, 10));
  cache.warnings.set(podEvent('new', 'web-1-a', { message: 'newer' }, 20));
  cache.warnings.remove(podEvent('old', 'web-1-a', {}, 10));
  expect(messages()).toEqual(['newer']);
  told = [];
  cache.warnings.remove(podEvent('new', 'web-1-a', {}, 20));
  expect(messages()).toEqual([]);
  expect(told).toEqual([web]);
});

test('it is forgotten with the pod, so that nothing piles up', () => {
  cache.warnings.set(podEvent('one', 'web-1-a'));
  cache.pods.remove(pod('web-1-a', 'web-1'));
  expect(cache.warnings.of('web-1-a-uid')).toEqual([]);
  cache.warnings.set(podEvent('two', 'other-1-a'));
  fill(cache.pods, []);
  expect(cache.warnings.of('other-1-a-uid')).toEqual([]);
});

test('what is known before the pod is there when the pod comes', () => {
  cache.warnings.set(podEvent('one', 'web-1-b'));
  expect(told).toEqual([]);
  cache.pods.set(pod('web-1-b', 'web-1'));
  expect(messages()).toHaveLength(1);
});

test('a new list replaces all, and tells those whose warnings came or went', () => {
  cache.warnings.set(podEvent('one', 'other-1-a'));
  told = [];
  fill(cache.warnings, [podEvent('two', 'web-1-a')]);
  expect(messages()).toHaveLength(1);
  expect(cache.warnings.of('other-1-a-uid')).toEqual([]);
  expect(told).toEqual([{ namespace: 'shop', deploymentName: 'other' }, web]);
});

test('the view does not wait for Events', () => {
  const fresh = new RolloutCache((change) => told.push(change));
  fill(fresh.deployments, [deployment('web')]);
  fill(fresh.replicaSets, []);
  fresh.warnings.set(podEvent('one', 'web-1-a'));
  expect(fresh.isFilled).toBe(false);
  fill(fresh.pods, []);
  expect(fresh.isFilled).toBe(true);
});
