import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../support/wait.ts';
import { ClusterClient } from './cluster-client.ts';

let client: ClusterClient;
const events = '/api/v1/namespaces/default/events';

beforeAll(async () => {
  client = await ClusterClient.start();
});
afterAll(() => client.cluster.stop());

const event = (name: string, more: object = {}) => ({
  metadata: { name },
  involvedObject: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', namespace: 'default', uid: 'u1' },
  reason: 'RedeployStarted',
  message: 'alice restarts it',
  type: 'Normal',
  source: { component: 'redeploy' },
  ...more,
});

test('an Event can be written once, seen by a watch and found by what it is about', async () => {
  const watching = await client.watch(`${events}?watch=1&fieldSelector=involvedObject.uid%3Du1,type%3DWarning`);
  expect((await client.send('POST', events, event('one'))).code).toBe(201);
  const again = await client.send('POST', events, event('one', { message: 'other' }));
  expect(again).toMatchObject({ code: 409, body: { reason: 'AlreadyExists', message: 'events "one" already exists' } });
  await client.send('POST', events, event('two', { type: 'Warning', reason: 'RedeployFailed' }));
  await until('the watch shows it', () => watching.events.length > 0);
  watching.stop();
  expect(watching.events).toMatchObject([{ type: 'ADDED', object: { kind: 'Event', metadata: { name: 'two' } } }]);
  expect(await client.events('involvedObject.kind=Deployment,reason=RedeployStarted')).toMatchObject([
    { message: 'alice restarts it', involvedObject: { uid: 'u1' }, eventTime: null },
  ]);
  expect(await client.events('type!=Normal')).toMatchObject([{ metadata: { name: 'two' } }]);
  for (const nothing of ['involvedObject.kind=Pod', 'involvedObject.name=other', 'type!=Normal,type!=Warning']) {
    expect(await client.events(nothing)).toEqual([]);
  }
});

const isInvalid = (fault: string) => [422, `Event "x" is invalid: ${fault}`];

test.each<[rule: string, more: object, refusal: (string | number)[]]>([
  [
    'about something in another namespace',
    { involvedObject: { namespace: 'other' } },
    isInvalid('involvedObject.namespace: Invalid value: "other": does not match event.namespace'),
  ],
  [
    'of the newer kind without its fields',
    { eventTime: '2026-01-01T00:00:00.000000Z' },
    isInvalid('[reportingController: Required value, reportingInstance: Required value, action: Required value]'),
  ],
  [
    'with an eventTime without microseconds',
    { eventTime: '2026-01-01T00:00:00Z' },
    [
      400,
      'Event in version "v1" cannot be handled as a Event: v1.Event.EventTime: parsing time "2026-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00"',
    ],
  ],
])('an Event %s is refused', async (_rule, more, [code, message]) => {
  expect(await client.send('POST', events, event('x', more))).toMatchObject({ code, body: { message } });
  expect((await client.send('GET', `${events}/x`)).code).toBe(404);
});

test('what cannot be selected by is refused, in the words that go with the kind', async () => {
  const refused = async (path: string) => (await client.send('GET', path)).body.message;
  expect(await refused(`${events}?fieldSelector=message%3Dx`)).toBe('field label not supported: message');
  expect(await refused('/apis/apps/v1/deployments?fieldSelector=status.phase%3Dx')).toBe(
    '"status.phase" is not a known field selector: only "metadata.name", "metadata.namespace"',
  );
  expect(await refused(`${events}?fieldSelector=foo`)).toBe("invalid selector: 'foo'; can't understand 'foo'");
});
