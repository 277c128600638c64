import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/adapters/database/database.ts';
import { cancelTicket } from '../../src/operations/ticket-endings.ts';
import { type StoredVerification, verifyStored } from '../../src/operations/audit-verification.ts';
import type { Trust } from '../../src/domain/audit-verification.ts';
import {
  alice,
  authorizedTicket,
  openTestWorld,
  registeredApplication,
  type Replica,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import {
  allSeals,
  checkpointsOf,
  newKeys,
  rehashTicket,
  reseal,
  safeguardOf,
  sealAll,
} from '../support/sealed-record.ts';

const keys = newKeys();
let world: TestWorld;
let replica: Replica;
let owner: MikroORM;
/** Of three tickets that are sealed one by one the second. */
let victim: number;
/** An id within a seal that no record has. */
let free: string;
let trust: Trust;
beforeAll(async () => {
  world = await openTestWorld();
  replica = await world.openReplica({ follows: false });
  owner = openDatabase(world.database.ownerUrl, 2);
  const application = await registeredApplication(replica.desk);
  const tickets: number[] = [];
  for (let count = 0; count < 3; count += 1) {
    tickets.push((await authorizedTicket(replica.desk, application)).id);
    await sealAll(replica.desk, keys);
    if (count === 1) {
      // As a transaction leaves it that was rolled back.
      const [row] = await world.sql<{ id: string }>(`select nextval('audit_record_id_seq') as id`);
      free = row!.id;
      const { ticketNo } = await ticketFor(replica.desk, application);
      await cancelTicket(replica.desk, alice, { ticketNo });
      await sealAll(replica.desk, keys);
    }
  }
  victim = tickets[1]!;
  const seals = await allSeals(owner.em.fork());
  trust = { publicKeys: keys.publicKeys, checkpoints: checkpointsOf(seals) };
  await ticketFor(replica.desk, application); // not sealed yet
});
afterAll(async () => {
  await owner.close(true);
  await world.close();
});

class Undone extends Error {}

/** What is found after the owner has done this; nothing of it stays. */
async function afterTampering(
  tamper: (em: EntityManager) => Promise<unknown>,
  trusted: Trust = trust,
): Promise<StoredVerification> {
  let found: StoredVerification | undefined;
  await owner.em
    .fork()
    .transactional(async (em) => {
      await tamper(em);
      found = await verifyStored(em, {}, trusted);
      throw new Undone();
    })
    .catch((error: unknown) => {
      if (!(error instanceof Undone)) throw error;
    });
  return found!;
}

const safeguards = ({ faults }: StoredVerification): string[] =>
  [...new Set(faults.map(({ kind }) => safeguardOf(kind)))].toSorted();

const run =
  (...statements: string[]) =>
  async (em: EntityManager) => {
    for (const sql of statements) await em.execute(sql.replaceAll(':victim', String(victim)));
  };

test('a record that nobody touched is valid, up to the newest seal and behind it', async () => {
  const { faults, ...found } = await afterTampering(async () => {});
  expect(faults).toEqual([]);
  const [{ records } = { records: 0 }] = await world.sql<{ records: number }>(
    'select count(*)::int as records from audit_record',
  );
  expect(found).toMatchObject({ records, seals: 4, unsealed: 2, isComplete: true, newest: { sequence: 4 } });
});

describe('of a sealed record of a ticket, altering', () => {
  const row = '(select id from audit_record where ticket_id = :victim and sequence = 3)';
  const altered: Record<string, [value: string, ...foundBy: string[]]> = {
    id: ['1000000', 'seal'],
    ticket_id: ['1000000', 'chain'],
    sequence: ['1000000', 'chain'],
    level: [`'SERVICE'`, 'chain'],
    kind: [`'TICKET_REJECT'`, 'chain'],
    at: [`at + interval '1 millisecond'`, 'chain'],
    issuer: [`'https://elsewhere.test'`, 'chain'],
    subject: ['null', 'chain'],
    username: [`'mallory'`, 'chain'],
    address: [`'192.0.2.1'`, 'chain'],
    ticket_no: [`'zzzz9999'`, 'chain'],
    application_name: [`'another'`, 'chain'],
    operation_id: ['gen_random_uuid()', 'chain'],
    cluster: [`''`, 'chain'],
    namespace: [`'production'`, 'chain'],
    message: [`message || ' '`, 'chain'],
    data: [`data || '{"comment":"fine"}'`, 'chain'],
    previous_hash: [`repeat('0', 64)`, 'chain'],
    hash: [`repeat('0', 64)`, 'chain', 'seal'],
  };

  test.for(Object.entries(altered))('%s is found: %j', async ([column, [value, ...foundBy]]) => {
    const found = await afterTampering(run(`update audit_record set ${column} = ${value} where id = ${row}`));
    expect(safeguards(found)).toEqual(foundBy);
  });

  test('every column was tried', async () => {
    const columns = await world.sql<{ name: string }>(
      `select column_name as name from information_schema.columns where table_name = 'audit_record'`,
    );
    expect(Object.keys(altered).toSorted()).toEqual(columns.map(({ name }) => name).toSorted());
  });
});

describe('of a seal, altering', () => {
  const altered: Record<string, [value: string, ...foundBy: string[]]> = {
    sequence: ['1000000', 'seal'],
    first_id: ['first_id - 1', 'seal', 'signature'],
    last_id: ['last_id + 1', 'seal', 'signature'],
    count: ['count + 1', 'seal', 'signature'],
    first_at: [`first_at - interval '1 hour'`, 'seal', 'signature'],
    last_at: [`last_at + interval '1 hour'`, 'seal', 'signature'],
    root: [`repeat('0', 64)`, 'seal', 'signature'],
    previous_hash: ['null', 'seal', 'signature'],
    at: [`at - interval '1 hour'`, 'seal', 'signature'],
    hash: [`repeat('0', 64)`, 'checkpoint', 'seal'],
    key_id: [`repeat('0', 64)`, 'signature'],
    signature: [`'AAAA'`, 'signature'],
  };

  test.for(Object.entries(altered))('%s is found: %j', async ([column, [value, ...foundBy]]) => {
    const found = await afterTampering(run(`update audit_seal set ${column} = ${value} where sequence = 2`));
    expect(safeguards(found)).toEqual(expect.arrayContaining(foundBy));
  });

  test('every column was tried', async () => {
    const columns = await world.sql<{ name: string }>(
      `select column_name as name from information_schema.columns where table_name = 'audit_seal'`,
    );
    expect(Object.keys(altered).toSorted()).toEqual(columns.map(({ name }) => name).toSorted());
  });
});

const swapped = (first: string, second: string): string[] => [
  `update audit_record set id = -1 where id = ${first}`,
  `update audit_record set id = ${first} where id = ${second}`,
  `update audit_record set id = ${second} where id = -1`,
];
const idOf = async (em: EntityManager, sequence: number): Promise<string> => {
  const [row] = await em.execute<{ id: string }[]>('select id from audit_record where ticket_id = ? and sequence = ?', [
    victim,
    sequence,
  ]);
  return row!.id;
};

const copyOfRegistration = (id: string): string =>
  `insert into audit_record select (jsonb_populate_record(r, '{"id": ${id}}')).* from audit_record r
   where kind = 'APPLICATION_REGISTER'`;

/** Another approver, as if it had always been that one. */
async function rewrite(em: EntityManager): Promise<void> {
  await run(`update audit_record set username = 'mallory' where ticket_id = :victim and sequence = 3`)(em);
  await rehashTicket(em, victim);
}

/** Kinds of tampering by somebody who may write everything, with what finds each of them. */
const tamperings: [what: string, foundBy: string, tamper: (em: EntityManager) => Promise<unknown>][] = [
  [
    'a record is taken out of the middle of a ticket',
    'chain, seal',
    run('delete from audit_record where ticket_id = :victim and sequence = 3'),
  ],
  [
    "the end of a ticket's story is cut off",
    'chain, seal',
    run('delete from audit_record where ticket_id = :victim and sequence > 4'),
  ],
  [
    "the end of a ticket's story is cut off, and the ticket says so",
    'seal',
    async (em) => {
      await run('delete from audit_record where ticket_id = :victim and sequence > 4')(em);
      await rehashTicket(em, victim);
    },
  ],
  [
    'a ticket is taken out with all its records',
    'seal',
    run(
      'delete from audit_record where ticket_id = :victim',
      'delete from approval where ticket_id = :victim',
      'delete from redeploy_grant where ticket_id = :victim',
      'delete from ticket_entry where ticket_id = :victim',
      'delete from ticket where id = :victim',
    ),
  ],
  [
    'a record without a ticket is taken out',
    'seal',
    run(`delete from audit_record where kind = 'APPLICATION_REGISTER'`),
  ],
  ['a record without a ticket is put in where a number is free', 'seal', (em) => run(copyOfRegistration(free))(em)],
  ['a record without a ticket is put in before the first one', 'seal', run(copyOfRegistration('0'))],
  [
    "a record is put behind a ticket's last one",
    'chain',
    run(
      `insert into audit_record (ticket_id, sequence, level, kind, at, message, data, previous_hash, hash)
       select ticket_id, sequence + 1, level, kind, at, message, data, hash, repeat('0', 64) from audit_record
       where ticket_id = :victim order by sequence desc limit 1`,
    ),
  ],
  [
    'the row of a ticket names an earlier record as the last one',
    'chain',
    run(
      `update ticket t set audit_sequence = 4, audit_hash = r.hash from audit_record r
       where t.id = :victim and r.ticket_id = t.id and r.sequence = 4`,
    ),
  ],
  [
    'two records of a ticket change places',
    'seal',
    async (em) => run(...swapped(await idOf(em, 3), await idOf(em, 4)))(em),
  ],
  [
    'two records of a ticket change their numbers in it',
    'chain',
    run(
      'update audit_record set sequence = -1 where ticket_id = :victim and sequence = 3',
      'update audit_record set sequence = 3 where ticket_id = :victim and sequence = 4',
      'update audit_record set sequence = 4 where ticket_id = :victim and sequence = -1',
    ),
  ],
  ["a ticket's story is rewritten with hashes that fit", 'seal', rewrite],
  [
    'the same, and the seals are rewritten too, without the key',
    'checkpoint, signature',
    async (em) => {
      await rewrite(em);
      await reseal(em, null);
    },
  ],
  [
    'the same with the key',
    'checkpoint',
    async (em) => {
      await rewrite(em);
      await reseal(em, keys);
    },
  ],
  [
    'the same with a key of their own',
    'checkpoint, signature',
    async (em) => {
      await rewrite(em);
      await reseal(em, newKeys());
    },
  ],
  ['a seal is taken out', 'seal', run('delete from audit_seal where sequence = 2')],
  ['the newest seal is taken out', 'checkpoint', run('delete from audit_seal where sequence = 4')],
  [
    'the newest seal is taken out with its records and its tickets',
    'checkpoint',
    async (em) => {
      const [row] = await em.execute<{ first: string }[]>(
        'select first_id as first from audit_seal where sequence = 4',
      );
      const ofRecords = `select ticket_id from audit_record where id >= ${row!.first}`;
      await run(
        `delete from approval where ticket_id in (${ofRecords})`,
        `delete from redeploy_grant where ticket_id in (${ofRecords})`,
        `delete from ticket_entry where ticket_id in (${ofRecords})`,
        `delete from ticket where id in (${ofRecords})`,
        `delete from audit_record where id >= ${row!.first}`,
        'delete from audit_seal where sequence = 4',
      )(em);
    },
  ],
  [
    'the beginning is taken out',
    'chain, seal',
    run('delete from audit_record where id <= (select last_id from audit_seal where sequence = 1)'),
  ],
  ['every record is taken out', 'chain, seal', run('delete from audit_record')],
  [
    'a record that is not sealed yet is altered',
    'chain',
    run(`update audit_record set message = 'nothing' where id = (select max(id) from audit_record)`),
  ],
];

describe('tampering', () => {
  test.for(tamperings)('%s: found by %s', async ([, foundBy, tamper]) => {
    expect(safeguards(await afterTampering(tamper)).join(', ')).toBe(foundBy);
  });

  test('a rewriting of everything behind no checkpoint and no key is found by nothing: who keeps neither knows no more', async () => {
    const nothing = { publicKeys: new Map(), checkpoints: new Map() };
    const found = await afterTampering(async (em) => {
      await rewrite(em);
      await reseal(em, null);
    }, nothing);
    expect(found.faults).toEqual([]);
  });
});

test('what is too much for one request is verified from its beginning, in whole seals, and said to be incomplete', async () => {
  const em = owner.em.fork();
  const [first, second] = await allSeals(em);
  const found = await verifyStored(em, {}, trust, first!.count + second!.count);
  expect(found).toMatchObject({ isComplete: false, records: first!.count + second!.count, faults: [], unsealed: 0 });
  expect(await verifyStored(em, {}, trust, 1)).toMatchObject({ isComplete: false, records: first!.count, faults: [] });
  expect(await verifyStored(em, { after: new Date(second!.firstAt) }, trust)).toMatchObject({
    isComplete: true,
    faults: [],
  });
});
