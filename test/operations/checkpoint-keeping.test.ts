import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Checkpoint, Checkpoints } from '../../src/domain/audit-seal.ts';
import { checkpointKeeper } from '../../src/operations/checkpoint-keeping.ts';
import type { Desk } from '../../src/operations/dependencies.ts';
import { reading } from '../../src/operations/transaction.ts';
import { openTestWorld, registeredApplication, type TestWorld } from '../support/desk.ts';
import { allSeals, sealAll } from '../support/sealed-record.ts';

let world: TestWorld;
let desk: Desk;
let kept: Checkpoint[];
let told: { msg: string; checkpoint: Checkpoint }[];
const outside: Checkpoints = {
  newest: async () => kept.at(-1) ?? null,
  append: async (checkpoints) => void kept.push(...checkpoints),
};
beforeAll(async () => {
  world = await openTestWorld();
  const replica = await world.openReplica({ follows: false });
  const log = pino(
    { level: 'error' },
    { write: (line: string) => void told.push(JSON.parse(line) as (typeof told)[0]) },
  );
  desk = { ...replica.desk, log };
});
beforeEach(() => {
  kept = [];
  told = [];
});
afterAll(() => world.close());

async function sealMore(): Promise<Checkpoint> {
  await registeredApplication(desk);
  return sealAll(desk);
}

test('every checkpoint is kept once, whoever sealed it, also after a restart', async () => {
  const keep = checkpointKeeper(outside);
  await keep(desk);
  expect(kept).toEqual([]);
  await sealMore();
  await sealMore();
  await keep(desk);
  await keep(desk);
  expect(kept.map(({ sequence }) => sequence)).toEqual([1, 2]);
  await sealMore();
  await checkpointKeeper(outside)(desk);
  expect(kept).toEqual(await reading(desk, allSeals));
  expect(told).toEqual([]);
});

test('what cannot be kept now is kept later', async () => {
  await sealMore();
  const full: Checkpoints = { ...outside, append: () => Promise.reject(new Error('ENOSPC')) };
  let disk = full;
  const keep = checkpointKeeper({ newest: () => disk.newest(), append: (all) => disk.append(all) });
  await expect(keep(desk)).rejects.toThrow('ENOSPC');
  disk = outside;
  await keep(desk);
  expect(kept).toEqual(await reading(desk, allSeals));
});

test.for([
  ['was rewritten', `update audit_seal set hash = 'another' where sequence = (select max(sequence) from audit_seal)`],
  [
    'was put back to an earlier state',
    'delete from audit_seal where sequence = (select max(sequence) from audit_seal)',
  ],
] as const)('that the record %s since is told, once, and nothing is kept', async ([, sql]) => {
  const newest = await sealMore();
  const keep = checkpointKeeper(outside);
  await keep(desk);
  const before = [...kept];
  await world.sql(sql);
  await keep(desk);
  await keep(desk);
  expect(told).toMatchObject([
    { msg: 'the audit record is not the one that its checkpoints tell of', checkpoint: { sequence: newest.sequence } },
  ]);
  expect(kept).toEqual(before);
  await world.sql('delete from audit_seal');
});
