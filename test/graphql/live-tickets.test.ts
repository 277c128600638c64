import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { RedeployError } from '../../src/domain/errors.ts';
import type { TicketRow } from '../../src/operations/reads.ts';
import { cancelTicket } from '../../src/operations/ticket-endings.ts';
import { approve } from '../../src/operations/tickets.ts';
import {
  alice,
  carol,
  dave,
  openTestWorld,
  registeredApplication,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { type LiveReplica, openLiveReplica } from '../support/live.ts';

let world: TestWorld;
/** Neither looks at the record by itself: what is seen here was heard of. */
let near: LiveReplica;
let far: LiveReplica;
beforeAll(async () => {
  world = await openTestWorld();
  [near, far] = (await Promise.all([1, 2].map(() => openLiveReplica(world, { lookMs: 600_000 })))) as [
    LiveReplica,
    LiveReplica,
  ];
});
afterAll(async () => {
  for (const replica of [near, far]) await replica.stop();
  await world.close();
});
afterEach(() => {
  vi.restoreAllMocks();
  const left = near.tickets.streamCount + near.channels.channelCount;
  if (left > 0) throw new Error(`${left} subscriptions and channels are left`);
});

const request = async (tags?: Record<string, string>) => {
  const { desk } = near.replica;
  return ticketFor(desk, await registeredApplication(desk, tags));
};
const cancel = ({ ticketNo }: { ticketNo: string }) => cancelTicket(far.replica.desk, alice, { ticketNo });
type Stream = AsyncIterableIterator<TicketRow>;
/** The states of one ticket up to this one. */
async function upTo(stream: Stream, ticketNo: string, status: string): Promise<string[]> {
  const seen: string[] = [];
  for (;;) {
    const { done, value } = await stream.next();
    if (done) throw new Error(`ended after ${seen.join(', ')}`);
    if (value.ticketNo === ticketNo) seen.push(value.status);
    if (value.ticketNo === ticketNo && value.status === status) return seen;
  }
}

test('a client that stalls holds one state of each ticket, the latest', async () => {
  const [stalled, reader] = [await near.tickets.subscribeToAll(carol), await near.tickets.subscribeToAll(dave)];
  const tickets = [await request({ critical: 'true' }), await request({ critical: 'true' })];
  for (const { ticketNo } of tickets) await approve(far.replica.desk, carol, { ticketNo });
  for (const ticket of tickets) await cancel(ticket);
  // Which of the two is read first after its end is left to chance.
  const ended = new Set<string>();
  while (ended.size < 2) {
    const { value } = await reader.next();
    if (value.status === 'CANCELLED') ended.add(value.ticketNo);
  }
  const taken = [await stalled.next(), await stalled.next()].map(({ value }) => value as TicketRow);
  expect(taken).toMatchObject(tickets.map(({ ticketNo }) => ({ ticketNo, status: 'CANCELLED' })));
  const third = stalled.next();
  for (const stream of [stalled, reader]) await stream.return();
  expect(await third).toEqual({ done: true, value: undefined });
});

test('a change that is heard of while the one before it is being read is not lost', async () => {
  const { id, ticketNo } = await request();
  const stream = await near.tickets.subscribeToTicket(alice, ticketNo);
  expect(await upTo(stream, ticketNo, 'PENDING_APPROVAL')).toHaveLength(1);
  const { orm, ticketChanges } = near.replica.desk;
  const connection = orm.em.getConnection();
  const execute = connection.execute.bind(connection) as (...args: unknown[]) => Promise<unknown[]>;
  const isRead = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  vi.spyOn(connection, 'execute').mockImplementationOnce(async (...args: unknown[]) => {
    const rows = await execute(...args);
    isRead.resolve();
    await answer.promise;
    return rows as never;
  });
  await ticketChanges.publish({ ticketId: id, version: 9 });
  await isRead.promise;
  const heard = Promise.withResolvers<void>();
  const leave = await ticketChanges.subscribe((change) => change.ticketId === id && heard.resolve());
  await cancel({ ticketNo });
  await heard.promise;
  leave();
  answer.resolve();
  expect(await upTo(stream, ticketNo, 'CANCELLED')).toEqual(['CANCELLED']);
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test('whoever comes while the channel is being opened waits until it stands, and misses nothing from then on', async () => {
  const { ticketChanges } = near.replica.desk;
  const subscribe = ticketChanges.subscribe.bind(ticketChanges);
  const gate = Promise.withResolvers<void>();
  vi.spyOn(ticketChanges, 'subscribe').mockImplementationOnce(async (listener) => {
    await gate.promise;
    return subscribe(listener);
  });
  const { ticketNo } = await request();
  const opened: string[] = [];
  const opening = [carol, dave].map(async (actor) => {
    const stream = await near.tickets.subscribeToTicket(actor, ticketNo);
    opened.push(actor.username);
    return stream;
  });
  await request(); // time enough to be wrong
  expect(opened).toEqual([]);
  gate.resolve();
  const streams = await Promise.all(opening);
  await cancel({ ticketNo });
  for (const stream of streams) expect(await upTo(stream, ticketNo, 'CANCELLED')).toContain('CANCELLED');
});

test('what cannot be opened is refused to everyone who waits for it, and the next one opens it', async () => {
  const away = new RedeployError('UNAVAILABLE', 'away');
  vi.spyOn(near.replica.desk.ticketChanges, 'subscribe').mockRejectedValueOnce(away);
  const refused = await Promise.allSettled([carol, dave].map((actor) => near.tickets.subscribeToAll(actor)));
  expect(refused).toEqual([1, 2].map(() => ({ status: 'rejected', reason: away })));
  expect(near.tickets.streamCount).toBe(0);
  const stream = await near.tickets.subscribeToAll(carol);
  const { ticketNo } = await request();
  await upTo(stream, ticketNo, 'PENDING_APPROVAL');
  await stream.return();
});

test('a ticket that cannot be read any more when the channel stands leaves no subscription behind', async () => {
  const { ticketNo } = await request();
  const { orm, ticketChanges } = near.replica.desk;
  const subscribe = ticketChanges.subscribe.bind(ticketChanges);
  vi.spyOn(ticketChanges, 'subscribe').mockImplementationOnce((listener) => {
    vi.spyOn(orm.em.getConnection(), 'execute').mockRejectedValueOnce(new RedeployError('UNAVAILABLE', 'away'));
    return subscribe(listener);
  });
  await expect(near.tickets.subscribeToTicket(alice, ticketNo)).rejects.toThrow('away');
});
