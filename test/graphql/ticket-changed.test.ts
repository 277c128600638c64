import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { cancelTicket, completeTicket } from '../../src/operations/ticket-endings.ts';
import { approve, createTicket } from '../../src/operations/tickets.ts';
import {
  alice,
  carol,
  dave,
  openTestWorld,
  person,
  registeredApplication,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { type LiveReplica, openLiveReplica } from '../support/live.ts';
import { Relay } from '../support/relay.ts';
import { type Watch, watch } from '../support/rollout-watch.ts';
import { until } from '../support/wait.ts';
import { openEventStream } from '../support/event-stream.ts';

const never = 600_000;
let world: TestWorld;
let redisOfFar: Relay;
/** Two replicas. Near never looks at the record by itself; far does, and its way to Redis can be cut. */
let near: LiveReplica;
let far: LiveReplica;

beforeAll(async () => {
  world = await openTestWorld();
  redisOfFar = await Relay.to(world.redisUrl);
  const redisUrl = `redis://127.0.0.1:${redisOfFar.port}`;
  [near, far] = await Promise.all([
    openLiveReplica(world, { lookMs: never }),
    openLiveReplica(world, { redisUrl, lookMs: 100 }),
  ]);
});
afterAll(async () => {
  for (const replica of [near, far]) await replica.stop();
  await redisOfFar.close();
  await world.close();
});

type TicketState = {
  ticketNo: string;
  status: string;
  username: string;
  entries: { applicationName: string; completed: boolean; token: { valid: boolean } | null }[];
  approvals: { approver: string }[];
  timeline: string[];
};
const selection =
  '{ ticketNo status username entries { applicationName completed token { valid } } approvals { approver } timeline }';
const watchTicket = (replica: LiveReplica, token: string, ticketNo: string): Watch<TicketState> =>
  watch(replica, token, {
    query: `subscription ($ticketNo: String) { ticketChanged(ticketNo: $ticketNo) ${selection} }`,
    variables: { ticketNo },
  });
/** From then on it is told of everything: the record is looked at from before the channel on. */
async function watchAll(replica: LiveReplica, token: string): Promise<Watch<TicketState>> {
  const { streamCount } = replica.tickets;
  const all = watch<TicketState>(replica, token, { query: `subscription { ticketChanged ${selection} }` });
  await until('it stands', () => replica.tickets.streamCount > streamCount && replica.channels.channelCount > 0);
  return all;
}
const request = async (tags?: Record<string, string>) => {
  const { desk } = near.replica;
  return ticketFor(desk, await registeredApplication(desk, tags));
};
const ticketNos = async () =>
  (await world.sql<{ no: string }>('select ticket_no as no from ticket')).map(({ no }) => no);
const statuses = ({ events }: Watch<TicketState>) => events.map(({ status }) => status);
const isTold = (one: Watch<TicketState>, status: string) =>
  until(`${status} is told`, () => statuses(one).at(-1) === status);
const untilNobodyListens = (...replicas: LiveReplica[]) =>
  until('no subscription and no channel is left', () =>
    replicas.every(({ tickets, channels }) => tickets.streamCount === 0 && channels.channelCount === 0),
  );

describe('one ticket', () => {
  test('is told of first as it stands, then at each change, fresh in every field, and ends with it', async () => {
    const { ticketNo } = await request({ critical: 'true' });
    const watches = [watchTicket(far, 'alice', ticketNo), watchTicket(near, 'carol', ticketNo)];
    for (const one of watches) await isTold(one, 'PENDING_APPROVAL');
    await approve(near.replica.desk, carol, { ticketNo });
    for (const one of watches) await until('the approval is told', () => one.events.at(-1)!.approvals.length === 1);
    await approve(near.replica.desk, dave, { ticketNo });
    for (const one of watches) await isTold(one, 'AUTHORIZED');
    await completeTicket(far.replica.desk, alice, { ticketNo, summary: 'done' });
    for (const one of watches) {
      expect(await one.ended).toEqual({ completed: true });
      const [first] = one.events;
      expect(first).toMatchObject({
        status: 'PENDING_APPROVAL',
        approvals: [],
        entries: [{ completed: false, token: null }],
      });
      const approved = one.events.find(({ status }) => status === 'AUTHORIZED');
      expect(approved).toMatchObject({
        approvals: [{ approver: 'carol' }, { approver: 'dave' }],
        entries: [{ completed: true, token: { valid: true } }],
      });
      expect(one.events.at(-1)).toMatchObject({ status: 'COMPLETED', entries: [{ token: { valid: false } }] });
      const lengths = one.events.map(({ timeline }) => timeline.length);
      expect(lengths).toEqual(lengths.toSorted((a, b) => a - b)); // never older than the event
    }
    await untilNobodyListens(near, far);
  });

  test('is told of fresh in every field as server-sent events too', async () => {
    const { ticketNo } = await request();
    const query = `subscription { ticketChanged(ticketNo: "${ticketNo}") { approvals { approver } } }`;
    const { results } = openEventStream(near.url, 'carol', { query });
    await until('it has begun', () => results.length === 1);
    await approve(near.replica.desk, carol, { ticketNo });
    await until('the approval is told', () => results.length > 1);
    expect(results[1]).toMatchObject({ data: { ticketChanged: { approvals: [{ approver: 'carol' }] } } });
    await completeTicket(near.replica.desk, alice, { ticketNo, summary: 'done' });
    await untilNobodyListens(near);
  });

  test('that has ended is told of once', async () => {
    const { ticketNo } = await request();
    await cancelTicket(near.replica.desk, alice, { ticketNo });
    const one = watchTicket(near, 'alice', ticketNo);
    expect(await one.ended).toEqual({ completed: true });
    expect(statuses(one)).toEqual(['CANCELLED']);
    await untilNobodyListens(near);
  });

  test('is NOT_FOUND for strangers, as one that does not exist', async () => {
    const { ticketNo } = await request();
    for (const [who, number] of [
      ['mallory', ticketNo],
      ['carol', 'zzzz9999'],
      ['carol', ''],
    ] as const) {
      const message = `there is no ticket ${number}`;
      expect(await watchTicket(near, who, number).ended).toEqual({ refused: 'NOT_FOUND', message });
    }
    await untilNobodyListens(near);
  });

  test('is told of to everyone who watches it, and leaving is one for each', async () => {
    const { ticketNo } = await request();
    const [one, two] = [watchTicket(near, 'alice', ticketNo), watchTicket(near, 'carol', ticketNo)];
    for (const watcher of [one, two]) await isTold(watcher, 'PENDING_APPROVAL');
    expect([near.tickets.streamCount, near.channels.channelCount]).toEqual([2, 2]); // the tickets' and the registry's
    one.unsubscribe();
    await until('one has left', () => near.tickets.streamCount === 1);
    await approve(far.replica.desk, carol, { ticketNo });
    await isTold(two, 'AUTHORIZED');
    expect(statuses(one)).toEqual(['PENDING_APPROVAL']);
    two.terminate();
    await untilNobodyListens(near);
  });
});

describe('every ticket', () => {
  test('that somebody may see is told of, whichever replica it comes to: to an approver all, to a deployer their own', async () => {
    const earlier = new Set(await ticketNos());
    // The last change of an earlier ticket may still be on its way.
    const newTo = ({ events }: Watch<TicketState>) => events.filter(({ ticketNo }) => !earlier.has(ticketNo));
    const [approver, deployer] = [await watchAll(far, 'carol'), await watchAll(far, 'alice')];
    const own = await request();
    const strange = await createTicket(near.replica.desk, person('bob', 'ADMIN'), {
      workOrderKey: 'APPLICATION_REDEPLOY',
      reason: 'it answers 500',
      category: 'BUG_FIX',
      entries: [{ detail: { applicationName: await registeredApplication(near.replica.desk) } }],
    });
    await until('the approver learns of both', () => newTo(approver).length === 2);
    expect(newTo(approver)).toMatchObject([
      { ticketNo: own.ticketNo, status: 'PENDING_APPROVAL', username: 'alice', approvals: [] },
      { ticketNo: strange.ticketNo, status: 'PENDING_APPROVAL', username: 'bob', approvals: [] },
    ]);
    await approve(near.replica.desk, carol, { ticketNo: own.ticketNo });
    await isTold(deployer, 'AUTHORIZED');
    expect(new Set(newTo(deployer).map(({ ticketNo }) => ticketNo))).toEqual(new Set([own.ticketNo]));
    for (const watcher of [approver, deployer]) {
      expect(watcher.end()).toBeNull();
      watcher.terminate();
    }
    await untilNobodyListens(near, far);
  });

  test('is told of from now on, not from before', async () => {
    const first = await watchAll(far, 'carol');
    const { ticketNo } = await request();
    await until('it is told', () => first.events.some((event) => event.ticketNo === ticketNo));
    const second = await watchAll(far, 'dave');
    const later = await request();
    await until('the later one is told', () => second.events.some((event) => event.ticketNo === later.ticketNo));
    expect(second.events.map((event) => event.ticketNo)).not.toContain(ticketNo);
    for (const watcher of [first, second]) watcher.unsubscribe();
    await untilNobodyListens(far);
  });
});

describe('a message', () => {
  test('that Redis loses is made up for by the look at the record', async () => {
    const { id, ticketNo } = await request();
    const one = watchTicket(far, 'alice', ticketNo);
    await isTold(one, 'PENDING_APPROVAL');
    const publish = vi.spyOn(near.replica.desk.ticketChanges, 'publish').mockResolvedValue();
    await cancelTicket(near.replica.desk, alice, { ticketNo });
    expect(publish).toHaveBeenCalledWith({ ticketId: id, version: 3 });
    publish.mockRestore();
    expect(await one.ended).toEqual({ completed: true });
    expect(statuses(one)).toEqual(['PENDING_APPROVAL', 'CANCELLED']);
  });

  test('is not needed while Redis is away, and is heard again when it is back', async () => {
    const { ticketNo } = await request({ critical: 'true' });
    const one = watchTicket(far, 'alice', ticketNo);
    await isTold(one, 'PENDING_APPROVAL');
    await redisOfFar.close();
    await approve(near.replica.desk, carol, { ticketNo });
    await until('the approval is told', () => one.events.at(-1)!.approvals.length === 1);
    const during = watchTicket(far, 'carol', ticketNo);
    await isTold(during, 'PENDING_APPROVAL');
    await redisOfFar.serve();
    const heard = vi.fn<() => void>();
    const leave = await far.replica.desk.ticketChanges.subscribe(heard);
    await until('the channel is heard again', async () => {
      await near.replica.desk.ticketChanges.publish({ ticketId: 1, version: 1 });
      return heard.mock.calls.length > 0;
    });
    leave();
    await cancelTicket(near.replica.desk, alice, { ticketNo });
    for (const watcher of [one, during]) expect(await watcher.ended).toEqual({ completed: true });
    await untilNobodyListens(far);
  });

  test.each([
    ['of a ticket that does not exist', '{"ticketId":2147483647,"version":1}'],
    ['of a ticket that cannot be', '{"ticketId":9007199254740991,"version":1}'],
    ['that nobody of us wrote', 'nonsense'],
  ])('%s changes nothing and keeps nobody from theirs', async (_, strange) => {
    const { id, ticketNo } = await request();
    const one = watchTicket(near, 'alice', ticketNo);
    await isTold(one, 'PENDING_APPROVAL');
    await near.channels.publish('APPLICATION:REDEPLOY:TICKETS', strange);
    await near.channels.publish('APPLICATION:REDEPLOY:TICKETS', `{"ticketId":${id},"version":9}`);
    await cancelTicket(near.replica.desk, alice, { ticketNo });
    expect(await one.ended).toEqual({ completed: true });
    expect(statuses(one)).toEqual(['PENDING_APPROVAL', 'CANCELLED']);
  });
});
