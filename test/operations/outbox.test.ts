import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebhookReceiver } from '../../src/adapters/webhook/webhook-receiver.ts';
import { recordFacts } from '../../src/operations/audit.ts';
import { breakGlass, reviewBreakGlass } from '../../src/operations/break-glass.ts';
import type { Desk } from '../../src/operations/dependencies.ts';
import { claimMessages, putBack, recordDelivery, tidyOutbox } from '../../src/operations/outbox.ts';
import { pauseAfter, type SendingTiming, sendNotifications } from '../../src/operations/outbox-sending.ts';
import { cancelTicket, completeTicket } from '../../src/operations/ticket-endings.ts';
import { lockTicket } from '../../src/operations/ticket-locks.ts';
import { approve, reject } from '../../src/operations/tickets.ts';
import { storeRows } from '../../src/operations/stored-rows.ts';
import { inTransaction } from '../../src/operations/transaction.ts';
import { chainOf } from '../support/audit-chain.ts';
import {
  alice,
  authorizedTicket,
  carol,
  dave,
  openTestWorld,
  registeredApplication,
  type Replica,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { taken, TestReceiver } from '../support/receiver.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
let replica: Replica;
let receiver: TestReceiver;
let desk: Desk;
let senders: { stop: () => Promise<void> }[];
beforeAll(async () => {
  world = await openTestWorld({ mustBeSimulated: true });
  replica = await world.openReplica({ follows: false });
  desk = { ...replica.desk, notifies: true };
});
afterAll(() => world.close());
beforeEach(async () => {
  receiver = await TestReceiver.open();
  senders = [];
});
afterEach(async () => {
  await Promise.all(senders.map(({ stop }) => stop()));
  await receiver.close();
  await world.sql('delete from outbox');
});

const quick: SendingTiming = { lookMs: 10, firstPauseMs: 10, longestPauseMs: 50, claimSeconds: 30 };
const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';

/** As a replica sends, until the test or `stop` ends it. */
function send(by: Desk = desk, timing: Partial<SendingTiming> = {}) {
  const running = new AbortController();
  const webhook = new WebhookReceiver({ url: receiver.url, secret, format: 'cloudevents' });
  const ended = sendNotifications(by, webhook, running.signal, { ...quick, ...timing });
  const sender = {
    stop: async () => {
      running.abort();
      await ended;
      await webhook.close();
    },
  };
  senders.push(sender);
  return sender;
}

const request = async (tags?: Record<string, string>) => ticketFor(desk, await registeredApplication(desk, tags));
/** Asked for, approved by one of two, rejected by the other: three notifications. */
async function rejected() {
  const ticket = await request({ critical: 'true' });
  await approve(desk, carol, ticket);
  await reject(desk, dave, ticket);
  return ticket;
}
const typesOf = (ticket: { ticketNo: string }) =>
  receiver.of(ticket).map(({ type }) => type.replace('dev.cratos.redeploy.', ''));
const threeTypes = ['ticket.created', 'ticket.approved', 'ticket.rejected'];
const stored = () =>
  world.sql<{ id: string; ticketId: number; outcome: string | null; attempts: number }>(
    `select notification_id as id, ticket_id as "ticketId", outcome, attempts from outbox order by outbox.id`,
  );
const untilDelivered = () =>
  until('all is delivered', async () => (await stored()).every(({ outcome }) => outcome === 'DELIVERED'));
const listening = () => {
  const lines: string[] = [];
  const stream = new Writable({ write: (chunk, _, done) => (lines.push(String(chunk)), done()) });
  return { log: pino({ level: 'trace' }, stream), lines };
};

describe('a notification is stored', () => {
  test('with the change that it tells of, in the order of the record, under an id that follows from it', async () => {
    const ticket = await rejected();
    const told = (await chainOf(world, ticket.id)).filter(({ kind }) => kind !== 'ENTRY_CREATE');
    expect(told.map(({ kind }) => kind)).toEqual(['TICKET_CREATE', 'TICKET_APPROVE', 'TICKET_REJECT']);
    expect((await stored()).map(({ id }) => id)).toEqual(told.map(({ sequence }) => `${ticket.ticketNo}-${sequence}`));
  });

  test('in the order of the record also where one transaction tells of several', async () => {
    const names = await Promise.all(Array.from({ length: 5 }, () => registeredApplication(desk)));
    const ticket = await authorizedTicket(desk, ...names);
    await world.sql('delete from outbox');
    await completeTicket(desk, alice, ticket);
    const revoked = (await chainOf(world, ticket.id)).filter(({ kind }) => kind === 'TOKEN_REVOKE');
    expect(revoked).toHaveLength(5);
    const ids = revoked.map(({ sequence }) => `${ticket.ticketNo}-${sequence}`);
    expect((await stored()).map(({ id }) => id)).toEqual(ids);
  });

  test('in the same transaction: what is rolled back is told to nobody', async () => {
    const ticket = await request();
    const before = await stored();
    const failing = inTransaction(desk, async (em) => {
      const { ticket: locked, now } = await lockTicket(em, { id: ticket.id });
      recordFacts(em, locked, alice, now, {}, [locked.cancel(alice, null, now)]);
      await storeRows(em);
      throw new Error('something else fails');
    });
    await expect(failing).rejects.toThrow('something else fails');
    expect(await stored()).toEqual(before);
  });

  test('only where there is a receiver', async () => {
    const ticket = await ticketFor(replica.desk, await registeredApplication(replica.desk));
    await cancelTicket(replica.desk, alice, ticket);
    expect(await chainOf(world, ticket.id)).toHaveLength(3);
    expect(await stored()).toEqual([]);
  });
});

describe('notifications are delivered', () => {
  test('in order per ticket and each once, while two replicas share them and nothing fails', async () => {
    const other = await world.openReplica({ follows: false });
    send();
    const second = send({ ...other.desk, notifies: true });
    const tickets = await Promise.all(Array.from({ length: 12 }, rejected));
    await untilDelivered();
    for (const ticket of tickets) expect(typesOf(ticket)).toEqual(threeTypes);
    expect(receiver.deliveries).toHaveLength(36);
    const sequences = receiver.of(tickets[0]!).map(({ sequence }) => sequence);
    expect(sequences.toSorted()).toEqual(sequences);
    expect(new Set(sequences).size).toBe(3);
    await second.stop(); // a pool that is closed while it opens a connection never ends
    await other.stop();
  });

  test('with every application that the ticket names', async () => {
    const names = [await registeredApplication(desk), await registeredApplication(desk)];
    const ticket = await ticketFor(desk, ...names);
    send();
    await untilDelivered();
    expect(receiver.of(ticket)[0]!.data).toMatchObject({ applications: names, username: 'alice', requester: 'alice' });
  });

  test('of a broken glass and its review, and whatever the ticket does in between is marked', async () => {
    const ticket = await request();
    await world.sql(`update ticket set created_at = created_at - interval '1 day' where id = ?`, [ticket.id]);
    const { ticketNo } = ticket;
    const breaker = { ...alice, roles: [...alice.roles, 'BREAK_GLASS' as const] };
    const reason = 'nobody answers, and every order fails since 03:05';
    await breakGlass(desk, breaker, { ticketNo, reason });
    await completeTicket(desk, alice, ticket);
    await reviewBreakGlass(desk, carol, { ticketNo, comment: 'seen, and it was right' });
    send();
    await untilDelivered();
    expect(typesOf(ticket)).toEqual(['ticket.created', 'ticket.break_glass', 'token.revoked', 'ticket.reviewed']);
    const told = receiver.of(ticket).map(({ data }) => data);
    expect(told.map((data) => data['breakGlass'])).toEqual([false, true, true, true]);
    expect(told[1]).toMatchObject({ username: 'alice', status: 'APPROVED', details: { reason } });
  });

  test.for([
    ['answers 500', (response: Parameters<typeof taken>[0]) => response.writeHead(500).end()],
    ['breaks the connection', (response: Parameters<typeof taken>[0]) => response.socket?.resetAndDestroy()],
  ] as const)(
    'again and again under the same id to a receiver that %s, while other tickets go on',
    async ([, fail]) => {
      const ailing = await rejected();
      receiver.answer = (response, delivery) =>
        delivery.event.subject === ailing.ticketNo ? fail(response) : taken(response, delivery);
      send();
      const other = await rejected();
      await until('the other is told of', () => typesOf(other).length === 3);
      await until('it was tried four times', () => receiver.of(ailing).length >= 4);
      expect(new Set(receiver.of(ailing).map(({ id }) => id))).toEqual(new Set([`${ailing.ticketNo}-1`]));
      receiver.answer = taken;
      await untilDelivered();
      expect(typesOf(ailing).filter((type, i, all) => type !== all[i - 1])).toEqual(threeTypes);
      const firstIds = new Set(receiver.of(ailing).map(({ id }) => id));
      expect(firstIds.size).toBe(3);
    },
  );

  test('to other tickets while a receiver hangs on one, and no connection to PostgreSQL is held meanwhile', async () => {
    const ailing = await rejected();
    receiver.answer = (response, delivery) =>
      delivery.event.subject === ailing.ticketNo ? undefined : taken(response, delivery);
    send();
    await until('it hangs', () => receiver.of(ailing).length === 1);
    const others = [await rejected(), await rejected()];
    await until('the others are told of', () => others.every((ticket) => typesOf(ticket).length === 3));
    const held = await world.sql(`select state from pg_stat_activity
      where datname = current_database() and state like 'idle in transaction%' and query like '%outbox%'`);
    expect(held).toEqual([]);
    expect(typesOf(ailing)).toEqual(['ticket.created']);
  });

  test('once nobody listened and somebody does', async () => {
    const { url } = receiver;
    await receiver.close();
    const ticket = await rejected();
    const { log, lines } = listening();
    send({ ...desk, log });
    await until('it was tried three times', () => lines.filter((line) => line.includes('ECONNREFUSED')).length >= 3);
    receiver = await TestReceiver.open(new URL(url).port);
    await untilDelivered();
    expect(typesOf(ticket)).toEqual(threeTypes);
  });
});

describe('a sender that', () => {
  test('dies after the receiver has it and before that is recorded is replaced: told twice under one id, in order', async () => {
    const dying = await world.openReplica({ follows: false, isMortal: true });
    let isDead: Promise<void> | undefined;
    receiver.answer = async (response, delivery) => {
      await (isDead ??= dying.die());
      taken(response, delivery);
    };
    const ticket = await rejected();
    send({ ...dying.desk, notifies: true }, { claimSeconds: 1 });
    await until('the receiver has the first', () => receiver.deliveries.length === 1);
    await isDead;
    send();
    await untilDelivered();
    expect(typesOf(ticket)).toEqual(['ticket.created', ...threeTypes]);
    const [first, again] = receiver.deliveries;
    expect(again!.body).toBe(first!.body);
    expect(again!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
  });

  test('stops gives back what is under way, so that another sends it at once', async () => {
    receiver.answer = () => undefined;
    const ticket = await rejected();
    const stopping = send();
    await until('it is under way', () => receiver.deliveries.length === 1);
    await stopping.stop();
    receiver.answer = taken;
    send();
    await untilDelivered();
    expect(typesOf(ticket)).toEqual(['ticket.created', ...threeTypes]);
  });

  test('slept for so long that another has the message changes nothing by failing, and can only end it', async () => {
    await request();
    const [slept] = await claimMessages(desk, 8, 0);
    const [taker] = await claimMessages(desk, 8, 30);
    expect(taker!.message).toEqual(slept!.message);
    await putBack(desk, slept!, 0);
    expect(await claimMessages(desk, 8)).toEqual([]);
    await recordDelivery(desk, slept!);
    await putBack(desk, taker!, 0);
    expect(await claimMessages(desk, 8)).toEqual([]);
    expect(await stored()).toMatchObject([{ outcome: 'DELIVERED', attempts: 2 }]);
  });

  test('claims takes only the oldest of each ticket, and never what another has claimed', async () => {
    const tickets = [await rejected(), await rejected(), await rejected()];
    const claims = await Promise.all([1, 2, 3, 4].map(() => claimMessages(desk, 2)));
    const ids = claims.flat().map(({ message }) => message.id);
    expect(ids.toSorted()).toEqual(tickets.map(({ ticketNo }) => `${ticketNo}-1`).toSorted());
  });
});

describe('the pause after a failure', () => {
  const timing: SendingTiming = { ...quick, firstPauseMs: 1_000, longestPauseMs: 300_000 };
  test.for([
    [1, 500, 1_000],
    [2, 1_000, 2_000],
    [5, 8_000, 16_000],
    [9, 128_000, 256_000],
    [10, 150_000, 300_000],
    [2_000, 150_000, 300_000],
  ] as const)('number %i lasts between %i and %i ms, by chance', ([attempts, shortest, longest]) => {
    const pauses = Array.from({ length: 200 }, () => pauseAfter(attempts, null, timing));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(shortest);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(longest);
    expect(new Set(pauses).size).toBeGreaterThan(100);
  });

  test('is at least what the receiver asked for, as long as that is not unreasonable', () => {
    expect(pauseAfter(1, 60, timing)).toBe(60_000);
    expect(pauseAfter(1, 86_400, timing)).toBe(300_000);
    expect(pauseAfter(5, 1, timing)).toBeGreaterThanOrEqual(8_000);
  });
});

describe('after a day', () => {
  const aged = (hours: number) =>
    world.sql(
      `update outbox set created_at = created_at - ? * interval '1 hour', ended_at = ended_at - ? * interval '1 hour'`,
      [hours, hours],
    );

  test('a notification that could not be delivered is given up, which is logged, and the next has its turn', async () => {
    const ticket = await request();
    await aged(25);
    await cancelTicket(desk, alice, ticket);
    const { log, lines } = listening();
    await tidyOutbox({ ...desk, log });
    expect((await stored()).map(({ outcome }) => outcome)).toEqual(['GIVEN_UP', null]);
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({ level: 50, notificationId: `${ticket.ticketNo}-1`, attempts: 0 }),
    ]);
    send();
    await until('the next is told', () => typesOf(ticket).length > 0);
    expect(typesOf(ticket)).toEqual(['ticket.cancelled']);
  });

  test('but not while it is being sent, and never earlier', async () => {
    await request();
    await aged(23);
    await tidyOutbox(desk);
    expect(await stored()).toMatchObject([{ outcome: null }]);
    await claimMessages(desk, 1);
    await aged(2);
    await tidyOutbox(desk);
    expect(await stored()).toMatchObject([{ outcome: null }]);
  });

  test('what was delivered is forgotten', async () => {
    await request();
    send();
    await untilDelivered();
    await aged(23);
    await tidyOutbox(desk);
    expect(await stored()).toHaveLength(1);
    await aged(2);
    await tidyOutbox(desk);
    expect(await stored()).toEqual([]);
  });
});
