import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RolloutStatusDocument, TicketChangedDocument } from '../../src/documents/generated/graphql.ts';
import type { RolloutEvent } from '../../src/domain/rollout.ts';
import { approve } from '../../src/operations/tickets.ts';
import { carol, openTestWorld, registeredApplication, type TestWorld, ticketFor } from '../support/desk.ts';
import { type EventStream, openEventStream } from '../support/event-stream.ts';
import { type LiveReplica, openLiveReplica, untilNothingIsLeft, upTo, WrittenRollout } from '../support/live.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
/** Follows no operation: the tests write the events. */
let replica: LiveReplica;

beforeAll(async () => {
  world = await openTestWorld();
  replica = await openLiveReplica(world);
});
afterAll(async () => {
  await replica.stop();
  await world.close();
});

const begin = (): Promise<WrittenRollout> => WrittenRollout.begin(world, replica);
const publish = (event: RolloutEvent): Promise<void> => replica.events.publish(event);
const watch = (
  variables: { operationId: string; after?: number },
  {
    method = 'POST',
    token = 'alice',
    at = replica,
  }: { method?: 'GET' | 'POST'; token?: string; at?: LiveReplica } = {},
): EventStream => openEventStream(at.url, token, { query: RolloutStatusDocument.toString(), variables }, method);
const sequencesOf = ({ results }: EventStream): number[] =>
  results.flatMap(({ data }) => (data ? [(data['rolloutStatus'] as { sequence: number }).sequence] : []));
const errorsOf = ({ results }: EventStream) =>
  results.flatMap(({ errors = [] }) =>
    errors.map(({ message, extensions }) => ({ code: extensions?.['code'], message })),
  );
const seen = (stream: EventStream, last: number): Promise<unknown> =>
  until(`event ${last} is seen`, () => (sequencesOf(stream).at(-1) ?? 0) >= last);

describe.for(['POST', 'GET'] as const)('by %s', (method) => {
  test('a rollout is told from the number asked for to its end, each event once and in order', async () => {
    const rollout = await begin();
    const { operationId } = rollout;
    await rollout.record();
    const all = watch({ operationId, after: 0 }, { method });
    const behind = watch({ operationId, after: 1 }, { method });
    const present = watch({ operationId }, { method });
    expect(await all.begun).toEqual({ status: 200, contentType: 'text/event-stream' });
    for (const stream of [all, behind, present]) await seen(stream, 2);
    await publish(await rollout.record());
    await publish(await rollout.record('COMPLETED'));
    for (const stream of [all, behind, present]) expect(await stream.ended).toBe('complete');
    expect(sequencesOf(all)).toEqual([1, 2, 3, 4]);
    expect(sequencesOf(behind)).toEqual([2, 3, 4]);
    expect(sequencesOf(present)).toEqual([2, 3, 4]);
    await untilNothingIsLeft(replica);
  });

  test('nobody gets in without a sign-in', async () => {
    const { operationId } = await begin();
    const stream = openEventStream(
      replica.url,
      null,
      { query: RolloutStatusDocument.toString(), variables: { operationId } },
      method,
    );
    expect((await stream.begun).status).toBe(401);
    await stream.ended;
    expect(replica.live.topicCount).toBe(0);
  });
});

test.for([
  { who: 'alice', after: 9, code: 'INVALID_INPUT' },
  { who: 'mallory', after: 0, code: 'NOT_FOUND' },
])('$who, after $after: a refusal is one result with $code, and the end', async ({ who, after, code }) => {
  const { operationId } = await begin();
  const stream = watch({ operationId, after }, { token: who });
  expect(await stream.ended).toBe('complete');
  expect(errorsOf(stream)).toMatchObject([{ code }]);
  expect(stream.results).toHaveLength(1);
  await untilNothingIsLeft(replica);
});

test('a stream in which nothing happens is kept by comments', async () => {
  const { operationId } = await begin();
  const stream = watch({ operationId });
  await until('it was pinged', () => stream.pings() > 2);
  expect(sequencesOf(stream)).toEqual([1]);
  stream.terminate();
  await untilNothingIsLeft(replica);
});

test('tickets are told as they change', async () => {
  const stream = openEventStream(replica.url, 'carol', { query: TicketChangedDocument.toString() });
  await until('it is open', () => replica.tickets.streamCount === 1);
  const { desk } = replica.replica;
  const { ticketNo } = await ticketFor(desk, await registeredApplication(desk));
  // Redis is every test's: what others there say of their tickets has ours of the same numbers told as well.
  const isTold = (status: string) => () =>
    stream.results.some(({ data }) => {
      const told = data?.['ticketChanged'] as { ticketNo: string; status: string } | undefined;
      return told?.ticketNo === ticketNo && told.status === status;
    });
  await until('the ticket is told', isTold('PENDING_APPROVAL'));
  expect(await approve(desk, carol, { ticketNo })).toMatchObject({ status: 'AUTHORIZED' });
  await until('its approval is told', isTold('AUTHORIZED'));
  stream.terminate();
  await untilNothingIsLeft(replica);
});

describe('what is left when clients go', () => {
  test('nothing, when the connection is cut while nothing happens', async () => {
    const rollout = await begin();
    const stream = watch({ operationId: rollout.operationId });
    await seen(stream, 1);
    expect(replica.live.topicCount).toBe(1);
    stream.terminate();
    await untilNothingIsLeft(replica);
  });

  test.for(['application/json', 'image/png', 'text/event-stream;charset=utf-16'])(
    'nothing, where the client takes no event streams but %s: 406',
    async (accept) => {
      const { operationId } = await begin();
      const body = JSON.stringify({ query: RolloutStatusDocument.toString(), variables: { operationId } });
      const headers = { accept, authorization: 'Bearer alice', 'content-type': 'application/json' };
      const answer = await fetch(replica.url, { method: 'POST', headers, body });
      expect(answer.status).toBe(406);
      await untilNothingIsLeft(replica);
    },
  );

  test('nothing, when the client stalls and its connection is cut then', async () => {
    const rollout = await begin();
    const stream = watch({ operationId: rollout.operationId });
    await seen(stream, 1);
    stream.read(false);
    const long = 'x'.repeat(200_000);
    for (let count = 0; count < 50; count += 1) await publish(await rollout.record('PROGRESSING', long));
    stream.terminate();
    await untilNothingIsLeft(replica);
    expect(replica.live.topicCount).toBe(0);
  });

  test('nothing, when the connection is cut while the subscription is being opened', async () => {
    const rollout = await begin();
    for (let attempt = 0; attempt < 40; attempt += 1) {
      const stream = watch({ operationId: rollout.operationId, after: 0 });
      for (let turn = 0; turn < attempt; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      stream.terminate();
      await stream.ended;
    }
    await untilNothingIsLeft(replica);
    expect(replica.live.topicCount).toBe(0);
  });
});

test('a client that stalls is not sent more than it takes: it skips events that newer ones replace', async () => {
  const rollout = await begin();
  const stream = watch({ operationId: rollout.operationId });
  await seen(stream, 1);
  stream.read(false);
  const long = 'x'.repeat(200_000); // much more in all than the sockets between the two take in
  for (let count = 0; count < 150; count += 1) await publish(await rollout.record('PROGRESSING', long));
  await publish(await rollout.record('VERIFYING'));
  await publish(await rollout.record('COMPLETED'));
  stream.read(true);
  expect(await stream.ended).toBe('complete');
  const got = sequencesOf(stream);
  expect(got.length).toBeLessThan(rollout.last);
  expect(got).toEqual([...new Set(got)].toSorted((a, b) => a - b));
  expect(got.slice(-3)).toEqual(upTo(rollout.last).slice(-3));
  await untilNothingIsLeft(replica);
});

describe('a stream that is ended from here says why, so that nobody takes it for the rollout', () => {
  test('with UNAUTHENTICATED when the sign-in token has run out', async () => {
    const rollout = await begin();
    const stream = watch({ operationId: rollout.operationId }, { token: `alice@${Date.now() + 2_000}` });
    await seen(stream, 1);
    expect(await stream.ended).toBe('complete');
    expect(sequencesOf(stream)).toEqual([1]);
    expect(errorsOf(stream)).toEqual([{ code: 'UNAUTHENTICATED', message: 'the sign-in token has expired' }]);
    await untilNothingIsLeft(replica);
  });

  test('with UNAUTHENTICATED also for a client that stalls', async () => {
    const rollout = await begin();
    const stream = watch({ operationId: rollout.operationId }, { token: `alice@${Date.now() + 2_000}` });
    await seen(stream, 1);
    stream.read(false);
    const long = 'x'.repeat(200_000);
    for (let count = 0; count < 50; count += 1) await publish(await rollout.record('PROGRESSING', long));
    await untilNothingIsLeft(replica);
    stream.read(true);
    expect(await stream.ended).toBe('complete');
    expect(errorsOf(stream)).toMatchObject([{ code: 'UNAUTHENTICATED' }]);
  });

  test('with UNAVAILABLE when the replica stops', async () => {
    const stopping = await openLiveReplica(world);
    const rollout = await begin();
    const stream = watch({ operationId: rollout.operationId, after: 0 }, { at: stopping });
    await seen(stream, 1);
    await stopping.stop();
    expect(await stream.ended).toBe('complete');
    expect(errorsOf(stream)).toMatchObject([{ code: 'UNAVAILABLE' }]);
    await publish(await rollout.record('COMPLETED'));
    const elsewhere = watch({ operationId: rollout.operationId, after: sequencesOf(stream).at(-1)! });
    expect(await elsewhere.ended).toBe('complete');
    expect(sequencesOf(elsewhere)).toEqual([2]);
  });
});
