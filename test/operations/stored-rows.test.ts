import type { EntityManager } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Operation } from '../../src/domain/operation.ts';
import type { RolloutState } from '../../src/domain/rollout.ts';
import { Ticket } from '../../src/domain/ticket.ts';
import { recordFacts } from '../../src/operations/audit.ts';
import type { Desk } from '../../src/operations/dependencies.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { storeEvent } from '../../src/operations/rollout-writes.ts';
import { askTogether } from '../../src/operations/rows.ts';
import { lockEntity, lockRow, rowLock, storeRows } from '../../src/operations/stored-rows.ts';
import { lockTicket } from '../../src/operations/ticket-locks.ts';
import { inTransaction } from '../../src/operations/transaction.ts';
import { chainOf, faultsInChain } from '../support/audit-chain.ts';
import { alice, authorizedTicket, deployApplication, openTestWorld, type TestWorld } from '../support/desk.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
let desk: Desk;
let operation: Operation;
beforeAll(async () => {
  world = await openTestWorld({ mustBeSimulated: true });
  desk = { ...(await world.openReplica({ follows: false })).desk, notifies: true };
  const { name } = await deployApplication(world, desk, { replicas: 1, image: 'web:v1' });
  await authorizedTicket(desk, name);
  operation = await redeploy({ ...desk, follow: async () => null }, alice, { applicationName: name });
});
afterAll(() => world.close());

const lockBoth = async (em: Parameters<typeof lockTicket>[0]) => ({
  ...(await lockTicket(em, { id: operation.ticket.id })),
  locked: (await lockRow(em, Operation, 'id = ?', [operation.id]))!.entity,
});
const state: RolloutState = {
  status: 'STARTED',
  message: 'looked at',
  replicas: { desired: 1, updated: 0, ready: 0, available: 0, old: 1 },
  newPods: [],
  newPodCount: 0,
  terminatedPods: [],
  terminatedPodCount: 0,
  failures: [],
};
const everything = () =>
  Promise.all(
    ['audit_record', 'operation_event', 'operation', 'ticket', 'outbox'].map((table) =>
      world.sql(`select to_jsonb(t) as row from ${table} t order by to_jsonb(t)::text`),
    ),
  );

describe('a locked row', () => {
  test.for([
    { entity: Ticket, id: () => operation.ticket.id },
    { entity: Operation, id: () => operation.id },
  ])("has the values of MikroORM's $entity.name", async ({ entity, id }) => {
    const read = <Locked>(lock: (em: Parameters<typeof lockRow>[0]) => Promise<Locked>) => inTransaction(desk, lock);
    await world.sql(`update ticket set awaits_groups = '{"a,b",c}', summary = 'over' where id = ?`, [
      operation.ticket.id,
    ]);
    const row = await read(async (em) => (await lockRow<object>(em, entity, 'id = ?', [id()]))!.entity);
    const managed = await read(async (em) => {
      const found = (await lockEntity<object>(em, entity, 'id = ?', [id()]))!.entity as Record<string, unknown>;
      return Object.fromEntries(Object.keys(row).map((name) => [name, found[name]]));
    });
    await world.sql('update ticket set awaits_groups = null, summary = null where id = ?', [operation.ticket.id]);
    const ofOthers = ({ ticket, entry, grant, ...own }: Record<string, unknown>) => [
      own,
      [ticket, entry, grant].map((other) => (other as { id?: unknown } | undefined)?.id),
    ];
    expect(ofOthers({ ...row })).toEqual(ofOthers(managed));
    expect(Object.keys(row).length).toBeGreaterThan(20);
    expect(row).toBeInstanceOf(entity);
  });

  test('is one object however often a transaction locks it', async () => {
    await inTransaction(desk, async (em) => {
      const [one, other] = [await lockBoth(em), await lockBoth(em)];
      expect(one.ticket).toBe(other.ticket);
      expect(one.locked).toBe(other.locked);
    });
  });

  const untilOneWaits = () =>
    until('the other waits', async () => {
      const [row] = await world.sql<{ waiting: number }>(
        'select count(*)::int as waiting from pg_locks where not granted',
      );
      return row!.waiting > 0;
    });

  test('waits for the one before it, and is not locked where that one is not free', async () => {
    const both = (em: EntityManager) =>
      askTogether(
        em,
        rowLock(em, Ticket, 'id = ?', [operation.ticket.id]),
        rowLock(em, Operation, 'id = ?', [operation.id]),
      );
    const isFree = async () => {
      const rows = await world.sql('select from operation where id = ? for update skip locked', [operation.id]);
      return rows.length === 1;
    };
    const lockBothAndLook = () => inTransaction(desk, async (em) => [await both(em), await isFree()] as const);
    const waiting = await inTransaction(desk, async (em) => {
      await lockTicket(em, { id: operation.ticket.id });
      const second = lockBothAndLook();
      await untilOneWaits();
      expect(await isFree()).toBe(true);
      return { second };
    });
    const [locked, free] = await waiting.second;
    expect(free).toBe(false);
    expect(locked.map((one) => one?.entity.id)).toEqual([operation.ticket.id, operation.id]);
  });

  test.each([0, 1])('is as whoever held the locks before left it, the fence raised by %i', async (raised) => {
    const { id, fence } = operation;
    const waiting = await inTransaction(desk, async (em) => {
      const { ticket, locked } = await lockBoth(em);
      const second = inTransaction(desk, (em) =>
        askTogether(
          em,
          rowLock(em, Ticket, 'id = ?', [operation.ticket.id]),
          rowLock(em, Operation, 'id = ? and fence = ?', [id, fence]),
        ),
      );
      await untilOneWaits();
      ticket.summary = locked.reason = `left ${raised}`;
      locked.fence += raised;
      return { second };
    });
    const [left, second] = await waiting.second;
    expect(left?.entity.summary).toBe(`left ${raised}`);
    expect(second?.entity.reason).toBe(raised === 0 ? 'left 0' : undefined);
    await world.sql('update operation set fence = ? where id = ?', [fence, id]);
  });

  test('is found where it came to be what is asked for while the lock before it was waited for', async () => {
    const { id, fence } = operation;
    const waiting = await inTransaction(desk, async (em) => {
      const { locked } = await lockBoth(em);
      const second = inTransaction(desk, (em) =>
        askTogether(
          em,
          rowLock(em, Ticket, 'id = ?', [operation.ticket.id]),
          rowLock(em, Operation, 'id = ? and fence = ?', [id, fence + 1]),
        ),
      );
      await untilOneWaits();
      locked.fence += 1;
      return { second };
    });
    expect((await waiting.second)[1]?.entity.fence).toBe(fence + 1);
    await world.sql('update operation set fence = ? where id = ?', [fence, id]);
  });

  test('that was only looked at is not written', async () => {
    const version = () => world.sql('select xmin::text, ctid::text from operation where id = ?', [operation.id]);
    const before = await version();
    await inTransaction(desk, async (em) => void (await lockBoth(em)));
    expect(await version()).toEqual(before);
  });
});

describe('what a transaction adds and changes', () => {
  const change = (em: Parameters<typeof lockTicket>[0]) =>
    lockBoth(em).then(({ ticket, now, locked }) => {
      locked.record(state, now);
      storeEvent(em, locked, state, now);
      const facts = ['first', 'second', 'third'].map((reason) => ({ kind: 'TICKET_CANCEL', reason }) as const);
      recordFacts(em, ticket, alice, now, {}, facts);
    });

  test('is not there where it fails, whether it fails before or after it was written', async () => {
    const before = await everything();
    const failing = (work: (em: Parameters<typeof lockTicket>[0]) => Promise<unknown>) =>
      inTransaction(desk, async (em) => {
        await change(em);
        await work(em);
      });
    await expect(failing(async () => Promise.reject(new Error('too late')))).rejects.toThrow('too late');
    const written = failing(async (em) => {
      await storeRows(em);
      throw new Error('after all');
    });
    await expect(written).rejects.toThrow('after all');
    // The event's number is taken: none of the others stands without it.
    const refused = failing(async (em) => {
      const { locked, now } = await lockBoth(em);
      storeEvent(em, locked, state, now);
    });
    await expect(refused).rejects.toThrow('operation_event_pkey');
    expect(await everything()).toEqual(before);
  });

  test('is there once, and in order, in the record, its chain and the outbox', async () => {
    const { id } = operation.ticket;
    const before = await chainOf(world, id);
    const { sequence } = operation;
    await inTransaction(desk, async (em) => {
      await change(em);
      await storeRows(em);
      await storeRows(em); // nothing is left
    });
    const after = await chainOf(world, id);
    expect(after.slice(before.length).map(({ data }) => data['reason'])).toEqual(['first', 'second', 'third']);
    expect(await faultsInChain(world, id)).toEqual([]);
    const rows = await world.sql<{ sequence: number }>(
      'select sequence from audit_record where ticket_id = ? order by id',
      [id],
    );
    expect(rows.map((row) => row.sequence)).toEqual(after.map((_, at) => at + 1));
    const told = await world.sql<{ message: string }>(
      `select notification->'data'->'details'->>'reason' as message from outbox where ticket_id = ? order by id desc limit 3`,
      [id],
    );
    expect(told.map(({ message }) => message)).toEqual(['third', 'second', 'first']);
    const [stored] = await world.sql<{ sequence: number; events: number }>(
      `select sequence, (select count(*)::int from operation_event where operation_id = id) as events
       from operation where id = ?`,
      [operation.id],
    );
    expect(stored).toEqual({ sequence: sequence + 1, events: sequence + 1 });
  });

  test('is refused where nobody would store it', async () => {
    const { orm } = desk;
    const fact = { kind: 'REQUEST_REFUSE', request: 'a', code: 'b', reason: 'no', count: 1 } as const;
    const lost = orm.em.fork().transactional(async (em) => recordFacts(em, null, alice, new Date(), {}, [fact]));
    await expect(lost).rejects.toThrow('rows are only written where storingRows stores them');
  });
});
