import { type ExecutionResult, getNamedType, isObjectType, parse } from 'graphql';
import { beforeEach, describe, expect, test } from 'vitest';
import documents from '../../src/documents/generated/persisted-documents.json' with { type: 'json' };
import type { RolloutEvent, RolloutStatus } from '../../src/domain/rollout.ts';
import { Audiences, SharedResults } from '../../src/graphql/audiences.ts';
import { maskErrors } from '../../src/graphql/errors.ts';
import { RolloutStream } from '../../src/graphql/rollout-stream.ts';
import { schema } from '../../src/graphql/schema.ts';
import { pino } from 'pino';

const document = /* GraphQL */ `
  subscription Watch($id: ID!, $after: Int, $brief: Boolean = false) {
    rolloutStatus(operationId: $id, after: $after) {
      sequence
      message @skip(if: $brief)
    }
  }
`;

/** How often an event's message was read: once for each execution. */
let executions = 0;
let audiences: Audiences;
beforeEach(() => {
  executions = 0;
  audiences = new Audiences(maskErrors(pino({ level: 'silent' })));
});

const event = (sequence: number, status: RolloutStatus = 'PROGRESSING'): RolloutEvent => ({
  operationId: '01900000-0000-7000-8000-000000000000',
  sequence,
  status,
  get message() {
    executions += 1;
    return `event ${sequence}`;
  },
  at: new Date(0),
  failures: [],
  newPods: [],
  newPodCount: 0,
  terminatedPods: [],
  terminatedPodCount: 0,
  replicas: { desired: 0, updated: 0, ready: 0, available: 0, old: 0 },
});

type Client = { stream: RolloutStream; got: unknown[]; ended: Promise<unknown>; leave: () => Promise<unknown> };

async function subscribe(
  variables: object = {},
  source = document,
  operationName?: string,
  leaves: () => Promise<void> | null = () => null,
): Promise<Client> {
  const stream = new RolloutStream(null, async () => []);
  const results = await audiences.subscribe({
    schema,
    document: parse(source),
    operationName,
    variableValues: { id: 'any', ...variables },
    contextValue: { findOperation: async () => ({}), live: { followRollout: async () => stream } },
  });
  if (!(results instanceof SharedResults)) throw new Error(JSON.stringify(results));
  const got: unknown[] = [];
  results.sendTo({
    send: (json) => {
      const left = leaves();
      const { data, errors } = JSON.parse(json) as ExecutionResult<{ rolloutStatus: unknown }>;
      expect(errors).toBeUndefined();
      got.push(data!.rolloutStatus);
      return left;
    },
  });
  return { stream, got, ended: results.next(), leave: () => results.return() };
}

describe('whoever asks with the same document', () => {
  test('gets what was executed once, whatever they asked to begin with', async () => {
    const clients = [await subscribe(), await subscribe(), await subscribe({ id: 'another id', after: 0 })];
    const told = event(7);
    for (const { stream } of clients) stream.take(told);
    for (const { got } of clients) expect(got).toEqual([{ sequence: 7, message: 'event 7' }]);
    expect([executions, audiences.count]).toEqual([1, 1]);
  });

  test('but with another value for a directive gets results of their own', async () => {
    const whole = await subscribe();
    const brief = await subscribe({ brief: true });
    const told = event(7);
    for (const { stream } of [brief, whole]) stream.take(told);
    expect([whole.got, brief.got]).toEqual([[{ sequence: 7, message: 'event 7' }], [{ sequence: 7 }]]);
    expect(audiences.count).toBe(2);
  });

  test('but for another operation of it gets results of their own', async () => {
    const two = `subscription A { rolloutStatus(operationId: "1") { sequence } }
                 subscription B { rolloutStatus(operationId: "1") { message } }`;
    const [a, b] = [await subscribe({}, two, 'A'), await subscribe({}, two, 'B')];
    const told = event(7);
    for (const { stream } of [a, b]) stream.take(told);
    expect([a.got, b.got]).toEqual([[{ sequence: 7 }], [{ message: 'event 7' }]]);
  });
});

test('another document is executed on its own', async () => {
  const [one, other] = [await subscribe(), await subscribe({}, document.replace('sequence', 'sequence status'))];
  const told = event(1);
  for (const { stream } of [one, other]) stream.take(told);
  expect(other.got).toEqual([{ sequence: 1, status: 'PROGRESSING', message: 'event 1' }]);
  expect(one.got).toEqual([{ sequence: 1, message: 'event 1' }]);
  expect(executions).toBe(2);
});

test('a document of the project tells what any document with its text tells', async () => {
  const own = Object.values(documents).find((text) => text.startsWith('subscription RolloutStatus'))!;
  const [compiled, ordinary] = [
    await subscribe({ operationId: '1' }, own),
    await subscribe({ operationId: '1' }, `${own} `),
  ];
  const failure = { container: 'app', message: 'back-off', exitCode: 1, restarts: 3, isDoomed: true, log: null };
  const told = {
    ...event(3, 'FAILED'),
    newPods: ['a', 'b'],
    failures: ['CrashLoopBackOff', 'ImagePullBackOff'].map((reason) => ({ ...failure, pod: 'a', reason })),
  };
  for (const { stream } of [compiled, ordinary]) stream.take(told);
  expect(compiled.got).toHaveLength(1);
  expect(compiled.got).toEqual(ordinary.got);
  expect(audiences.count).toBe(0);
});

test('what comes is sent once and before anything else happens, and the final event ends it', async () => {
  const { stream, got, ended } = await subscribe();
  stream.take(event(1));
  expect(got).toHaveLength(1);
  for (const known of [1, 0]) stream.take(event(known));
  expect(got).toHaveLength(1);
  stream.take(event(2, 'COMPLETED'));
  expect(got).toHaveLength(2);
  expect(await ended).toEqual({ done: true, value: undefined });
});

test('nothing is left when the last one leaves', async () => {
  const clients = [await subscribe(), await subscribe()];
  await clients[0]!.leave();
  expect(audiences.count).toBe(1);
  await clients[1]!.leave();
  expect(audiences.count).toBe(0);
  for (const { ended } of clients) expect(await ended).toEqual({ done: true, value: undefined });
});

test('a client that cannot be sent to ends alone, before the others get the same event and those behind it', async () => {
  const broken = await subscribe({}, document, undefined, () => {
    throw new Error('cannot be sent');
  });
  const whole = await subscribe();
  const failure = broken.ended.catch((error: unknown) => String(error));
  for (const told of [event(1), event(2)]) for (const { stream } of [broken, whole]) stream.take(told);
  expect(await failure).toBe('Error: cannot be sent');
  expect([broken.got.length, whole.got.length, audiences.count]).toEqual([0, 2, 1]);
  await broken.leave();
});

test('what comes while a result has not left yet waits, and goes on in order up to the final one', async () => {
  const left: (() => void)[] = [];
  const sent = () => new Promise<void>((resolve) => left.push(resolve));
  const { stream, got, ended } = await subscribe({}, document, undefined, sent);
  for (const told of [event(1), event(2), event(2), event(1), event(3, 'FAILED'), event(4)]) stream.take(told);
  for (let count = 1; count <= 3; count += 1) {
    expect(got.map((result) => (result as { sequence: number }).sequence)).toEqual([1, 2, 3].slice(0, count));
    left.pop()!();
    await Promise.resolve();
    await Promise.resolve();
  }
  expect(await ended).toEqual({ done: true, value: undefined });
});

describe('no field of an event', () => {
  /** All that can be asked of a type, and of what it leads to. */
  function everythingOf(name: string): string {
    const type = schema.getType(name);
    if (!isObjectType(type)) throw new Error(`${name} is no object type`);
    const fields = Object.values(type.getFields()).map((field) => {
      expect(field.args).toEqual([]);
      const led = getNamedType(field.type);
      return isObjectType(led) ? `${field.name} ${everythingOf(led.name)}` : field.name;
    });
    return `{ ${fields.join(' ')} }`;
  }

  test('takes arguments or depends on who asks: all are told with nobody in the context', async () => {
    const everything = everythingOf('RolloutStatusEvent');
    const { stream, got } = await subscribe({}, `subscription { rolloutStatus(operationId: "1") ${everything} }`);
    const failure = {
      pod: 'pod-1',
      container: 'web',
      reason: 'CrashLoopBackOff',
      message: 'back-off',
      exitCode: 1,
      restarts: 3,
      isDoomed: true,
      since: new Date(0).toISOString(),
      log: 'no such file',
    };
    stream.take({ ...event(1), failures: [failure], newPods: ['pod-1'], newPodCount: 1 });
    expect(got).toMatchObject([{ sequence: 1, replicas: { desired: 0 }, failures: [{ pod: 'pod-1', doomed: true }] }]);
  });
});
