import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ClusterAway, ClusterRefused } from '../../../src/domain/cluster.ts';
import type { ClusterChange } from '../../../src/domain/cluster.ts';
import type { SimulatedAnswer, SimulatedCluster } from '../../../src/sandbox/cluster/simulated-cluster.ts';
import { FollowedCluster, restartPatch } from '../../support/followed-cluster.ts';
import { until } from '../../support/wait.ts';
import { quick } from './watched-cluster.ts';

let followed: FollowedCluster;
let simulated: SimulatedCluster;

beforeAll(async () => {
  followed = await FollowedCluster.open(quick, true);
  simulated = followed.test.simulated!;
});

beforeEach(() => followed.enterNamespace());

afterAll(() => followed.close());

/** Answers this to the first watches that are opened from now on; then all is well again. */
function refuseWatches(answer: SimulatedAnswer, times: number): () => number {
  let left = times;
  simulated.intercept = ({ query }) => {
    if (!query.has('watch') || left === 0) return undefined;
    left -= 1;
    return answer;
  };
  return () => left;
}

const answers: [string, SimulatedAnswer][] = [
  ['a reset', 'reset'],
  ['no answer', 'hang'],
  ['a 429', { status: 429, reason: 'TooManyRequests', message: 'the server is overloaded' }],
  ['a 500', { status: 500, reason: 'InternalError', message: 'etcdserver: leader changed' }],
  ['a 410', { status: 410, reason: 'Expired', message: 'too old resource version' }],
];
test.for(answers)('a rollout is seen to its end when the watches break and get %s for a while', async ([, answer]) => {
  const before = await followed.deployed('web', 'web:v1', 3);
  const left = refuseWatches(answer, 9);
  await followed.restart('web', 'op-1');
  simulated.breakConnections();
  await until('the answers are used up', () => left() === 0);
  const after = await followed.done('web', 'op-1');
  expect(after.pods.some(({ uid }) => before.pods.some((old) => old.uid === uid))).toBe(false);
  const { read, view } = await followed.agreed('web');
  expect(read).toMatchObject(view.deployment!);
});

test('what happened while the API server was away and its history was lost is found, and everybody is told to look', async () => {
  await followed.deployed('kept');
  await followed.deployed('deleted');
  const changes: ClusterChange[] = [];
  const end = followed.cluster.onChange((change) => changes.push(change));
  await followed.test.relay.close();
  await followed.test.api.apps.deleteNamespacedDeployment({ namespace: followed.namespace, name: 'deleted' });
  await followed.test.createDeployment(followed.namespace, { name: 'new', image: 'web:v1' });
  simulated.compact();
  await followed.test.relay.serve();
  await until('the view has caught up', () => followed.settled('new'));
  await until('the deletion is seen', () => followed.seen('deleted')?.deployment === null);
  end();
  expect(changes).toContain('all');
  expect(followed.seen('kept')!.deployment).not.toBeNull();
});

test('an API server that stops serving is away, and is followed on when it serves again', async () => {
  await followed.deployed('web');
  await simulated.stopServing();
  await expect(followed.live('web')).rejects.toBeInstanceOf(ClusterAway);
  // The last view stays: it is for its reader to know that it grows old.
  expect(followed.seen('web')!.deployment).not.toBeNull();
  await simulated.startServing();
  await followed.restart('web', 'op-1');
  expect((await followed.done('web', 'op-1')).deployment!.revision).toBe(2);
});

test('a patch whose answer is lost is away although it landed', async () => {
  await followed.deployed('web');
  simulated.intercept = ({ method }) => (method === 'PATCH' ? 'reset-after' : undefined);
  const patched = followed.cluster.patchDeployment(followed.namespace, 'web', restartPatch('op-1'));
  await expect(patched).rejects.toBeInstanceOf(ClusterAway);
  simulated.intercept = undefined;
  expect((await followed.live('web')).operationId).toBe('op-1');
});

test.for([
  ['hangs', 'hang', ClusterAway],
  ['is reset', 'reset', ClusterAway],
  ['is overloaded', { status: 503, reason: 'ServiceUnavailable', message: 'apiserver not ready' }, ClusterAway],
  [
    'is refused by an admission webhook',
    { status: 400, reason: 'BadRequest', message: 'admission webhook denied' },
    ClusterRefused,
  ],
] as [string, SimulatedAnswer, unknown][])('a patch that %s changes nothing', async ([, answer, kind]) => {
  await followed.deployed('web');
  simulated.intercept = ({ method }) => (method === 'PATCH' ? answer : undefined);
  const patched = followed.cluster.patchDeployment(followed.namespace, 'web', restartPatch('op-1'));
  await expect(patched).rejects.toBeInstanceOf(kind);
  simulated.intercept = undefined;
  expect(await followed.live('web')).toMatchObject({ operationId: null, revision: 1 });
});
