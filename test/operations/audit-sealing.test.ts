import type { MikroORM } from '@mikro-orm/postgresql';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../src/adapters/database/database.ts';
import type { Checkpoint } from '../../src/domain/audit-seal.ts';
import { isSignedBy } from '../../src/domain/checkpoint-signature.ts';
import { auditSealer, recordSigningKey } from '../../src/operations/audit-sealing.ts';
import { newestSeal } from '../../src/operations/audit-seals.ts';
import { verifyStored } from '../../src/operations/audit-verification.ts';
import { recordFacts } from '../../src/operations/audit.ts';
import { storingRows } from '../../src/operations/stored-rows.ts';
import type { Desk } from '../../src/operations/dependencies.ts';
import { databaseNow, reading } from '../../src/operations/transaction.ts';
import {
  authorizedTicket,
  carol,
  openTestWorld,
  registeredApplication,
  type Replica,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { allSeals, newKeys, sealAll } from '../support/sealed-record.ts';

const nothing = { publicKeys: new Map(), checkpoints: new Map<number, string>() };
let world: TestWorld;
let replicas: Replica[];
let desk: Desk;
let service: MikroORM;
beforeAll(async () => {
  world = await openTestWorld();
  replicas = [await world.openReplica({ follows: false }), await world.openReplica({ follows: false })];
  desk = replicas[0]!.desk;
  service = openDatabase(world.database.serviceUrl, 4);
});
afterAll(async () => {
  await service.close(true);
  await world.close();
});

const newest = (): Promise<Checkpoint | null> => reading(desk, newestSeal);
const seals = (): Promise<Checkpoint[]> => reading(desk, allSeals);
const faults = async () => (await reading(desk, (em) => verifyStored(em, {}, nothing))).faults;

/** One record of no ticket, by a transaction that commits when it is told to; resolves when the record has its id. */
async function startRecord(): Promise<{ id: number; commit: () => Promise<void> }> {
  const stored = Promise.withResolvers<number>();
  const committing = Promise.withResolvers<void>();
  const done = service.em.fork().transactional(async (em) => {
    const fact = { kind: 'REQUEST_REFUSE', request: 'redeploy', code: 'FORBIDDEN', reason: 'no', count: 1 } as const;
    const now = await databaseNow(em);
    await storingRows(em, async () => recordFacts(em, null, carol, now, {}, [fact]));
    const [row] = await em.execute<{ id: number }[]>(`select currval('audit_record_id_seq')::float8 as id`);
    stored.resolve(row!.id);
    await committing.promise;
  });
  return {
    id: await stored.promise,
    commit: async () => {
      committing.resolve();
      await done;
    },
  };
}

test('what has come is sealed once, in order and without a gap, however many replicas write and seal at once', async () => {
  const application = await registeredApplication(desk);
  const writing = new AbortController();
  const sealing = replicas.flatMap(({ desk: own }) =>
    [1, 2].map(async () => {
      const seal = auditSealer(0, null);
      while (!writing.signal.aborted) await seal(own);
    }),
  );
  await Promise.all(
    Array.from({ length: 12 }, (_, i) => ticketFor(replicas[i % 2]!.desk, application).then(() => startRecord())).map(
      async (starting) => (await starting).commit(),
    ),
  );
  writing.abort();
  await Promise.all(sealing);
  await sealAll(desk);
  const all = await seals();
  expect(all.length).toBeGreaterThan(1);
  expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, i) => i + 1));
  expect(all.map(({ firstId }) => firstId)).toEqual(all.map((_, i) => (all[i - 1]?.lastId ?? 0) + 1));
  const [row] = await world.sql<{ records: number }>('select count(*)::int as records from audit_record');
  expect(all.reduce((sum, { count }) => sum + count, 0)).toBe(row!.records);
  expect(await faults()).toEqual([]);
});

test('a record waits for those that have a smaller number and are not stored yet', async () => {
  const before = await sealAll(desk);
  const seal = auditSealer(0, null);
  const early = await startRecord();
  const late = await startRecord();
  expect(late.id).toBeGreaterThan(early.id);
  await late.commit();
  for (let look = 0; look < 5; look += 1) await seal(desk);
  expect(await newest()).toEqual(before);
  // Others that begin meanwhile have larger numbers: they are not waited for.
  const open = await startRecord();
  await early.commit();
  await seal(desk);
  expect(await newest()).toMatchObject({ firstId: before.lastId + 1, lastId: late.id, count: 2 });
  await open.commit();
  await sealAll(desk);
  expect(await faults()).toEqual([]);
});

test('a number that was never stored is left out', async () => {
  await sealAll(desk);
  await world.sql(`select nextval('audit_record_id_seq')`);
  const { commit } = await startRecord();
  await commit();
  const { firstId, lastId, count } = await sealAll(desk);
  expect([lastId - firstId, count]).toEqual([1, 1]);
  expect(await faults()).toEqual([]);
});

test('without new records there is no new seal, and before its time neither', async () => {
  const before = await sealAll(desk);
  await auditSealer(0, null)(desk);
  expect(await newest()).toEqual(before);
  const { commit } = await startRecord();
  await commit();
  // By another replica that has just started, too.
  await auditSealer(3_600, null)(desk);
  await auditSealer(3_600, null)(replicas[1]!.desk);
  expect(await newest()).toEqual(before);
});

test('a seal holds a thousand records at most, and one look seals all that there are', async () => {
  const before = await sealAll(desk);
  await world.sql(
    `insert into audit_record (level, kind, at, message, data, hash)
     select 'SERVICE', 'REQUEST_REFUSE', now(), 'made up', '{}', i from generate_series(1, 2500) i`,
  );
  await auditSealer(0, null)(desk);
  const counts = (await seals()).slice(before.sequence).map(({ count }) => count);
  expect(counts).toEqual([1_000, 1_000, 500]);
  await world.sql(`delete from audit_record where message = 'made up'`);
  await world.sql('delete from audit_seal where sequence > ?', [before.sequence]);
});

test('every checkpoint is logged, with the signature of the key', async () => {
  const lines: { msg: string; checkpoint?: Checkpoint }[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as { msg: string }) });
  const keys = newKeys();
  await sealAll(desk);
  const { commit } = await startRecord();
  await commit();
  await sealAll({ ...desk, log }, keys);
  const checkpoint = await newest();
  expect(lines).toMatchObject([{ msg: 'audit checkpoint', checkpoint }]);
  expect(checkpoint!.keyId).toBe(keys.keyId);
  expect(isSignedBy(checkpoint!, keys.publicKeys.get(keys.keyId)!)).toBe(true);
  expect(isSignedBy({ ...checkpoint!, count: 2 }, keys.publicKeys.get(keys.keyId)!)).toBe(false);
});

test('that another key signs from now on is recorded once, however many replicas start with it', async () => {
  const keys = newKeys();
  const [first, second] = replicas.map((replica) => replica.desk);
  await recordSigningKey(first!, null);
  await Promise.all([recordSigningKey(first!, keys), recordSigningKey(second!, keys)]);
  await recordSigningKey(first!, keys);
  await recordSigningKey(second!, null);
  const records = await world.sql(`select message, data from audit_record where kind = 'AUDIT_KEY_CHANGE' order by id`);
  expect(records).toEqual([
    {
      message: `checkpoints are signed with key ${keys.keyId}`,
      data: { keyId: keys.keyId, previousKeyId: null },
    },
    { message: 'checkpoints are not signed any more', data: { keyId: null, previousKeyId: keys.keyId } },
  ]);
});

test('the service can neither change nor remove what it has sealed', async () => {
  await authorizedTicket(desk, await registeredApplication(desk));
  await sealAll(desk);
  for (const sql of [`update audit_seal set root = ''`, 'delete from audit_seal', 'truncate audit_seal']) {
    await expect(reading(desk, (em) => em.execute(sql))).rejects.toThrow(/permission denied for table audit_seal/);
  }
});
