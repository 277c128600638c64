import { expect, test } from 'vitest';
import { EventRecorder } from '../../../src/sandbox/cluster/event-recorder.ts';
import type { Namespace } from '../../../src/sandbox/cluster/objects.ts';
import { Randomness } from '../../../src/sandbox/cluster/randomness.ts';
import { Store } from '../../../src/sandbox/cluster/store.ts';

function recorder() {
  const store = new Store();
  const { record } = new EventRecorder(store, new Randomness(1));
  const object: Namespace = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: {},
    status: { phase: 'Active' },
  };
  const tell = (message: string, fieldPath?: string) =>
    record(object, {
      type: 'Warning',
      reason: 'FailedCreate',
      message,
      component: 'c',
      ...(fieldPath && { fieldPath }),
    });
  const told = () => store.list('events').map(({ message, count }) => [message, count]);
  return { store, tell, told };
}

test('the same event again is counted, of another container it is another one', () => {
  const { tell, told } = recorder();
  tell('one');
  tell('one');
  tell('one', 'spec.containers{web}');
  expect(told()).toHaveLength(2);
  expect(told()).toEqual(
    expect.arrayContaining([
      ['one', 1],
      ['one', 2],
    ]),
  );
});

test('what differs in its words only is told as one after ten', () => {
  const { tell, told } = recorder();
  for (let pod = 1; pod <= 14; pod += 1) tell(`pod ${pod}`);
  expect(told()).toHaveLength(11);
  expect(told()).toContainEqual(['(combined from similar events): pod 14', 4]);
});

test('no more than a thousand are kept, and those that were told of last', () => {
  const { store, tell, told } = recorder();
  tell('first');
  for (let uid = 0; uid < 1_000; uid += 1) {
    if (uid === 500) tell('first');
    const metadata = {
      name: `n${uid}`,
      namespace: 'default',
      uid: `e${uid}`,
      resourceVersion: '',
      creationTimestamp: '',
    };
    const involvedObject = { uid: `u${uid}` };
    const at = { firstTimestamp: null, lastTimestamp: null };
    store.put('events', { apiVersion: 'v1', kind: 'Event', metadata, involvedObject, ...at });
  }
  tell('last');
  expect(told()).toHaveLength(1_000);
  expect(told()).toContainEqual(['first', 2]);
  expect(store.get('events', 'default', 'n0')).toBeUndefined();
});
