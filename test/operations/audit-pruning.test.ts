import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../src/adapters/database/database.ts';
import type { Checkpoint } from '../../src/domain/audit-seal.ts';
import type { Trust } from '../../src/domain/audit-verification.ts';
import { pruneAudit, PruningRefused } from '../../src/operations/audit-pruning.ts';
import { verifyStored } from '../../src/operations/audit-verification.ts';
import { cancelTicket } from '../../src/operations/ticket-endings.ts';
import {
  alice,
  openTestWorld,
  registeredApplication,
  type Replica,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { allSeals, checkpointsOf, newKeys, sealAll } from '../support/sealed-record.ts';

const keys = newKeys();
const reason = 'kept for a year';
let world: TestWorld;
let replica: Replica;
let owner: MikroORM;
let application: string;
/** Of three tickets, each sealed by itself; the last one is not over. */
let seals: Checkpoint[];
beforeAll(async () => {
  world = await openTestWorld();
  replica = await world.openReplica({ follows: false });
  owner = openDatabase(world.database.ownerUrl, 2);
  application = await registeredApplication(replica.desk);
  for (const isOver of [true, true, false]) {
    const { ticketNo } = await ticketFor(replica.desk, application);
    if (isOver) await cancelTicket(replica.desk, alice, { ticketNo });
    await sealAll(replica.desk, keys);
  }
  seals = await allSeals(owner.em.fork());
});
afterAll(async () => {
  await owner.close(true);
  await world.close();
});

class Undone extends Error {}

/** Nothing that is done in it stays. */
async function undone(work: (em: EntityManager) => Promise<void>): Promise<void> {
  const doing = owner.em.fork().transactional(async (em) => {
    await work(em);
    throw new Undone();
  });
  await doing.catch((error: unknown) => {
    if (!(error instanceof Undone)) throw error;
  });
}

const kept = (...sealed: Checkpoint[]): Trust => ({ publicKeys: keys.publicKeys, checkpoints: checkpointsOf(sealed) });
const prune = (em: EntityManager, before: Date, trust: Trust) => pruneAudit(em, { before, reason }, trust);
const verify = (em: EntityManager) => verifyStored(em, {}, kept(...seals));
const behind = (seal: Checkpoint | undefined): Date => new Date(new Date(seal!.lastAt).getTime() + 1);
const soon = () => new Date(Date.now() + 60_000);
const left = async (em: EntityManager) =>
  (await em.execute<{ id: string }[]>('select id from audit_record order by id')).map(({ id }) => id);

test('what is left after a pruning is guarded as it was', () =>
  undone(async (em) => {
    await prune(em, behind(seals[0]), kept(...seals));
    expect((await verify(em)).faults).toEqual([]);
    await em.execute(`delete from audit_record where id = ?`, [seals[1]!.lastId]);
    const { faults } = await verify(em);
    expect(faults.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['SEAL_BROKEN', 'HEAD_DIFFERS']));
  }));

test('more than what is told to be pruned may not be missing', () =>
  undone(async (em) => {
    await prune(em, behind(seals[0]), kept(...seals));
    await em.execute(`delete from audit_record where id <= ?`, [seals[1]!.lastId]);
    expect((await verify(em)).faults.map(({ kind }) => kind)).toContain('SEAL_BROKEN');
  }));

test.for<[rule: string, before: () => Date, trust: () => Trust, throughSeal: number]>([
  ['behind the newest checkpoint that was kept outside', soon, () => kept(seals[0]!), 1],
  ['of a ticket that is not over', soon, () => kept(...seals), 2],
  ['of a seal that holds a record from then or later', () => new Date(seals[1]!.lastAt), () => kept(...seals), 1],
])('nothing %s is pruned', ([, before, trust, throughSeal]) =>
  undone(async (em) => {
    expect(await prune(em, before(), trust())).toMatchObject({ throughSeal });
  }),
);

type Refusal = {
  why: string;
  trust: () => Trust;
  message: RegExp;
  before?: () => Date;
  first?: (em: EntityManager) => Promise<unknown>;
};
const refusals: Refusal[] = [
  { why: 'without a checkpoint', trust: () => kept(), message: /^no checkpoint that was kept outside is given$/ },
  {
    why: 'behind a checkpoint of another record',
    trust: () => kept({ ...seals[2]!, hash: 'another' }),
    message: /^the record is not valid: seal 3: the checkpoint that was kept outside is another one$/,
  },
  {
    why: 'of a record that was tampered with',
    first: (em) => em.execute(`update audit_record set username = 'mallory' where id = ?`, [seals[0]!.lastId]),
    trust: () => kept(...seals),
    message: /^the record is not valid: record \d+ of ticket \w+: its content does not give its hash$/,
  },
  {
    why: 'of a record that is not signed with the key',
    trust: () => ({ ...kept(...seals), publicKeys: newKeys().publicKeys }),
    message: /which is no known key/,
  },
  {
    why: 'of what is too young',
    before: () => new Date(0),
    trust: () => kept(...seals),
    message: /^nothing can be pruned: no seal/,
  },
  {
    why: 'of what was pruned before',
    first: (em) => prune(em, soon(), kept(...seals)),
    trust: () => kept(...seals),
    message: /^nothing can be pruned: it was pruned before$/,
  },
];
test.for(refusals)('pruning $why is refused, and nothing is deleted', ({ first, before = soon, trust, message }) =>
  undone(async (em) => {
    await first?.(em);
    const records = await left(em);
    const refusal = await prune(em, before(), trust()).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(PruningRefused);
    expect((refusal as Error).message).toMatch(message);
    expect(await left(em)).toEqual(records);
  }),
);

test('the service itself cannot prune', async () => {
  const service = openDatabase(world.database.serviceUrl, 1);
  const records = await left(owner.em.fork());
  await expect(pruneAudit(service.em.fork(), { before: soon(), reason }, kept(...seals))).rejects.toThrow(
    /permission denied for table audit_record/,
  );
  await service.close(true);
  expect(await left(owner.em.fork())).toEqual(records);
});

test('what is pruned is told in the record, and the rest can be verified, also after it goes on', async () => {
  const em = owner.em.fork();
  const before = behind(seals[0]);
  const records = await left(em);
  const { count, lastId } = seals[0]!;
  expect(await prune(em, before, kept(...seals))).toEqual({ records: count, throughRecord: lastId, throughSeal: 1 });
  expect((await left(em)).slice(0, -1)).toEqual(records.slice(count));
  const [told] = await world.sql(`select level, username, data from audit_record where kind = 'AUDIT_PRUNE'`);
  const data = { throughRecord: lastId, throughSeal: 1, recordedBefore: before.toISOString(), records: count };
  expect(told).toEqual({ level: 'SERVICE', username: null, data: { ...data, by: 'cratos_owner', reason } });
  await ticketFor(replica.desk, application);
  await sealAll(replica.desk, keys);
  expect(await verify(em)).toMatchObject({ faults: [], prunedThrough: lastId, seals: 4, unsealed: 0 });
  expect(await prune(em, behind(seals[1]), kept(...seals))).toMatchObject({ throughSeal: 2 });
  expect(await verify(em)).toMatchObject({ faults: [], prunedThrough: seals[1]!.lastId });
});
