import type { EntityManager } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type MikroORM, openDatabase } from '../../src/adapters/database/database.ts';
import { databaseFaults, migrate } from '../../src/adapters/database/migrate.ts';
import type { Trust } from '../../src/domain/audit-verification.ts';
import { recordFacts } from '../../src/operations/audit.ts';
import { storingRows } from '../../src/operations/stored-rows.ts';
import { verifyStored } from '../../src/operations/audit-verification.ts';
import { databaseNow } from '../../src/operations/transaction.ts';
import { openTestCluster, type TestCluster } from '../support/cluster.ts';
import { createTestDatabase } from '../support/database.ts';
import { authorizedTicket, carol, openReplica, registeredApplication, type Replica } from '../support/desk.ts';
import { allSeals, checkpointsOf, newKeys, rehashTicket, sealAll } from '../support/sealed-record.ts';
import { findSystemPostgres, startSystemPostgres } from '../support/system-postgres.ts';

const keys = newKeys();
let cluster: TestCluster;
const replicas: Replica[] = [];
const opened: MikroORM[] = [];
beforeAll(async () => {
  cluster = await openTestCluster();
});
afterAll(async () => {
  await cluster.close();
});

const open = (url: string): MikroORM => {
  const orm = openDatabase(url, 2);
  opened.push(orm);
  return orm;
};
const serve = async (serviceUrl: string): Promise<Replica> => {
  const replica = await openReplica({
    database: { serviceUrl },
    cluster,
    redisUrl: inject('redisUrl'),
    follows: false,
  });
  replicas.push(replica);
  return replica;
};
const closeAll = async (): Promise<void> => {
  for (const replica of replicas.splice(0)) await replica.stop();
  for (const orm of opened.splice(0)) await orm.close(true);
};

/** Numbers, texts and keys that could come back in another form. */
const awkward = {
  'z before a': 1,
  a: { 2: 'two', 10: 'ten', é: 'é', e: 'e\u0301', '': 'empty key' },
  numbers: [0, -0, 1e21, 1e-7, 0.1, 123456789012345680000, Number.MAX_SAFE_INTEGER, 1.5e300],
  texts: ['"', '\\', '\\N', '\u2028', '😀', ' ', '\n', '\t', '\u007f', "'", '{}'],
  nothing: null,
};

/** A record with all that is awkward, partly sealed; answers with what is kept of it outside. */
async function writeRecord(serviceUrl: string): Promise<{ trust: Trust; ticketId: number }> {
  const { desk } = await serve(serviceUrl);
  const em = desk.orm.em.fork();
  const fact = {
    kind: 'REQUEST_REFUSE',
    request: 'a',
    code: 'b',
    reason: '\\N\t"☕"\\',
    count: 1,
    ...awkward,
  } as const;
  const now = await databaseNow(em);
  await storingRows(em, async () => recordFacts(em, null, carol, now, { applicationName: 'awkward' }, [fact]));
  const application = await registeredApplication(desk, { tëam: '☕ "q" \\ \u2028' });
  const { id: ticketId } = await authorizedTicket(desk, application);
  await sealAll(desk, keys);
  const seals = await allSeals(em);
  await authorizedTicket(desk, application);
  return { trust: { publicKeys: keys.publicKeys, checkpoints: checkpointsOf(seals) }, ticketId };
}

/** What is found wrong after the restoring, after the record has gone on there, and after it was tampered with there. */
async function findFaults(urls: { serviceUrl: string; ownerUrl: string }, trust: Trust, ticketId: number) {
  const owner = open(urls.ownerUrl).em.fork();
  const faults = async () => (await verifyStored(owner, {}, trust)).faults.map(({ kind }) => kind);
  const restored = await faults();
  const ofTheRole = await databaseFaults(open(urls.serviceUrl));
  const { desk } = await serve(urls.serviceUrl);
  await authorizedTicket(desk, await registeredApplication(desk));
  await sealAll(desk, keys);
  const goneOn = await faults();
  await owner.execute(`update audit_record set username = 'mallory' where ticket_id = ? and sequence = 3`, [ticketId]);
  await rehashTicket(owner, ticketId);
  return { restored, ofTheRole, goneOn, tampered: await faults() };
}
const none = { restored: [], ofTheRole: [], goneOn: [], tampered: ['SEAL_BROKEN'] };

/** Each row as text and back, as a dump carries it, into a database that has its tables. */
async function carryOver(from: EntityManager, to: EntityManager): Promise<void> {
  for (const table of [
    'application',
    'application_target',
    'ticket',
    'ticket_entry',
    'approval',
    'redeploy_grant',
    'audit_record',
    'audit_seal',
  ]) {
    const rows = await from.execute<{ row: string }[]>(`select it::text as row from ${table} it`);
    await to.execute(
      `insert into ${table} select (row::${table}).* from jsonb_array_elements_text(?::jsonb) as all_rows (row)`,
      [JSON.stringify(rows.map(({ row }) => row))],
    );
    if (table === 'audit_seal') continue;
    await to.execute(`select setval('${table}_id_seq', (select max(id) from ${table}))`);
  }
}

test('a record that was carried over as text can be verified there, and goes on there', async () => {
  const [source, target] = [await createTestDatabase(), await createTestDatabase({ bare: true })];
  const { trust, ticketId } = await writeRecord(source.serviceUrl);
  await migrate(target.ownerUrl, 'cratos_service');
  await carryOver(open(source.ownerUrl).em.fork(), open(target.ownerUrl).em.fork());
  expect(await findFaults(target, trust, ticketId)).toEqual(none);
  await closeAll();
  await source.drop();
  await target.drop();
});

const bin = findSystemPostgres();
describe.runIf(bin !== null)('with the pg_dump, psql and postgres of this machine', () => {
  test('a record that was dumped and restored can be verified there, and goes on there', async () => {
    const postgres = await startSystemPostgres(bin!);
    const urls = (name: string) => ({
      ownerUrl: postgres.urlFor(name, 'cratos_owner'),
      serviceUrl: postgres.urlFor(name, 'cratos_service'),
    });
    for (const name of ['source', 'target']) await postgres.createDatabase(name);
    await migrate(urls('source').ownerUrl, 'cratos_service');
    const { trust, ticketId } = await writeRecord(urls('source').serviceUrl);
    await postgres.dumpAndRestore('source', 'target');
    expect(await findFaults(urls('target'), trust, ticketId)).toEqual(none);
    await closeAll();
    await postgres.stop();
  });
});
