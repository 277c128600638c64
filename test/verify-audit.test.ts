import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CheckpointFile } from '../src/adapters/file/checkpoint-file.ts';
import { verifyExport } from '../src/adapters/file/record-export.ts';
import { loadTrust } from '../src/adapters/file/trust-files.ts';
import { readKeys, type SigningKeys } from '../src/domain/checkpoint-signature.ts';
import { exportAuditRecords } from '../src/operations/audit-export.ts';
import { checkpointKeeper } from '../src/operations/checkpoint-keeping.ts';
import { cancelTicket } from '../src/operations/ticket-endings.ts';
import { reading } from '../src/operations/transaction.ts';
import { exportTexts } from '../src/rest/audit-lines.ts';
import {
  alice,
  frank,
  openTestWorld,
  registeredApplication,
  type Replica,
  type TestWorld,
  ticketFor,
} from './support/desk.ts';
import { compileCache } from './support/compile-cache.ts';
import { exportLines, newKeyPem, safeguardOf, sealAll } from './support/sealed-record.ts';

let folder: string;
let world: TestWorld;
let replica: Replica;
let ticketNo: string;
let keys: SigningKeys | null;
/** Of two seals, and a record that is in none. */
let lines: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cratos-verify-test-'));
  world = await openTestWorld();
  replica = await world.openReplica({ follows: false });
  const { desk } = replica;
  const pem = newKeyPem();
  await writeFile(file('key.pem'), pem);
  keys = readKeys(pem).signing;
  const application = await registeredApplication(desk);
  for (let count = 0; count < 2; count += 1) {
    ({ ticketNo } = await ticketFor(desk, application));
    await cancelTicket(desk, alice, { ticketNo });
    await sealAll(desk, keys);
    await keep();
  }
  await ticketFor(desk, application);
  lines = await reading(desk, exportLines);
  await writeFile(file('record.ndjson'), `${lines.join('\n')}\n`);
}, 60_000);
afterAll(async () => {
  await world.close();
  await rm(folder, { recursive: true, force: true });
});

const file = (name: string): string => join(folder, name);
const keep = () => checkpointKeeper(new CheckpointFile(file('checkpoints.ndjson')))(replica.desk);

type Ended = { code: number; out: string; err: string };
const run = (command: string, env: Record<string, string>, ...args: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const path = fileURLToPath(new URL(`../src/${command}.ts`, import.meta.url));
    execFile(process.execPath, [path, ...args], { env: { ...env, ...compileCache } }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
const verify = (...args: string[]) => run('verify-audit', { DATABASE_URL: world.database.serviceUrl }, ...args);
const kept = () => ['--checkpoints', file('checkpoints.ndjson'), '--public-key', file('key.pem')];
const recordLines = () => lines.filter((line) => !line.includes('"checkpoint"'));

describe('verify-audit', () => {
  test('needs nothing but the database', async () => {
    const { code, out, err } = await verify();
    expect(out).toMatch(
      /^\d+ records and 2 seals were read\.\nSealed through record \d+, at .*Z \(seal 2, signed with key [0-9a-f]{64}\)\.\n2 records are in no seal: .*\nValid\.\n$/,
    );
    expect([code, err]).toEqual([0, '']);
  });

  test('needs nothing but an export', async () => {
    const { code, out } = await run('verify-audit', {}, '--export', file('record.ndjson'), ...kept());
    expect(out).toMatch(new RegExp(`^${recordLines().length} records and 2 seals were read\\.`));
    expect(out).toMatch(/\nValid\.\n$/);
    expect(code).toBe(0);
  });

  test('tells what is wrong, and ends with 1', async () => {
    const name = (username: string) =>
      world.sql('update audit_record set username = ? where ticket_no = ? and sequence = 2', [username, ticketNo]);
    await name('mallory');
    const { code, out } = await verify(...kept());
    await name('alice');
    expect(out).toMatch(
      new RegExp(
        `\nRECORD_ALTERED: record \\d+ of ticket ${ticketNo}: its content does not give its hash\nNot valid: 1 faults\\.\n$`,
      ),
    );
    expect(code).toBe(1);
  });

  test('ends with 2 where it cannot verify, and says why', async () => {
    expect(await run('verify-audit', {})).toMatchObject({
      code: 2,
      out: expect.stringContaining('--checkpoints FILE'),
    });
    const { code, err } = await verify('--checkpoints', file('nowhere'));
    expect(code).toBe(2);
    expect(err).toMatch(/^The record could not be verified: ENOENT/);
  });
});

describe('prune-audit', () => {
  const prune = (...args: string[]) => run('prune-audit', { DATABASE_MIGRATION_URL: world.database.ownerUrl }, ...args);
  const soon = new Date(Date.now() + 3_600_000).toISOString();

  test('does nothing without an instant, a reason and a checkpoint', async () => {
    expect(await prune('--before', soon, '--reason', 'too old')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--reason TEXT'),
    });
  });

  test('prunes, and the rest can be verified; not without the right checkpoints', async () => {
    const forged = (await readFile(file('checkpoints.ndjson'), 'utf8')).replace(/"hash":"."/, '"hash":"_');
    await writeFile(file('forged.ndjson'), forged.replaceAll(/"hash":"[0-9a-f]/g, '"hash":"_'));
    const because = ['--before', soon, '--reason', 'too old'];
    const refused = await prune(...because, '--checkpoints', file('forged.ndjson'));
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^Nothing was deleted: the record is not valid/),
    });
    const pruned = await prune(...because, ...kept());
    expect(pruned.err).toBe('');
    expect(pruned.out).toMatch(/^Deleted \d+ records, through \d+ of seal 2\.\n$/);
    const { code, out } = await verify(...kept());
    expect(out).toMatch(/\nThe records through \d+ were pruned\.\nValid\.\n$/);
    expect(code).toBe(0);
  });
});

describe('an export', () => {
  /** By what the faults of an export with these lines are found. */
  const found = async (changed: readonly string[], isPartial = false): Promise<string[]> => {
    await writeFile(file('changed.ndjson'), changed.join('\n'));
    const trust = await loadTrust([file('checkpoints.ndjson')], [file('key.pem')]);
    const sealFiles = [file('checkpoints.ndjson')];
    const { faults } = await verifyExport(file('changed.ndjson'), trust, { sealFiles, isPartial });
    return [...new Set(faults.map(({ kind }) => safeguardOf(kind)))].toSorted();
  };

  test.for<[change: string, change: () => string[], ...foundBy: string[]]>([
    ['as it is', () => lines],
    ['with its last record, that is not sealed, left out', () => lines.toSpliced(recordLines().length - 1, 1)],
    ['with a record altered', () => lines.with(2, lines[2]!.replace('"message":"', '"message":"not ')), 'chain'],
    ['with a record left out', () => lines.toSpliced(2, 1), 'chain', 'seal'],
    ['with a record twice', () => lines.toSpliced(2, 0, lines[2]!), 'chain', 'seal'],
    ['with two records in each other’s place', () => lines.with(1, lines[2]!).with(2, lines[1]!), 'chain', 'seal'],
    ['with its end cut off', () => lines.toSpliced(4, recordLines().length - 4), 'seal'],
    ['with its beginning cut off', () => lines.slice(3), 'chain', 'seal'],
  ])('%s', async ([, change, ...foundBy]) => {
    expect(await found(change())).toEqual(foundBy);
  });

  test('whose own last checkpoint is an earlier one is as it was then', async () => {
    const first = lines.find((line) => line.includes('{"checkpoint":{"sequence":1,'))!;
    const { lastId } = (JSON.parse(first) as { checkpoint: { lastId: number } }).checkpoint;
    const then = recordLines().filter((line) => Number((JSON.parse(line) as { id: string }).id) <= lastId);
    expect(await found([...then, first])).toEqual([]);
  });

  test('as it is handed out is verified, against checkpoints that have gone on since', async () => {
    const handOut = async () => {
      const records = await exportAuditRecords(replica.desk, frank, { format: 'ndjson' });
      return (await Array.fromAsync(exportTexts.ndjson(records))).join('').trimEnd().split('\n');
    };
    await sealAll(replica.desk, keys);
    await handOut();
    const handedOut = await handOut();
    await sealAll(replica.desk, keys);
    await keep();
    expect(handedOut.at(-1)).toContain('AUDIT_EXPORT_END');
    expect(await found(handedOut)).toEqual([]);
    const [first = '', ...others] = handedOut;
    expect(await found([first.replace('"address":null', '"address":"::1"'), ...others])).toEqual(['chain']);
    expect(await found(others)).toContain('seal');
  });

  test('is verified with the seals of several logs, of which each holds some', async () => {
    const [first, second] = (await readFile(file('checkpoints.ndjson'), 'utf8')).trim().split('\n');
    await writeFile(file('first.log'), `{"msg":"audit checkpoint","checkpoint":${second}}\n`);
    await writeFile(file('second.log'), `{"msg":"serving"}\n${first}\n${second}\n`);
    const logs = [file('first.log'), file('second.log')];
    const trust = await loadTrust(logs, []);
    const of = (sealFiles: string[]) => verifyExport(file('record.ndjson'), trust, { sealFiles, isPartial: false });
    expect(await of(logs)).toMatchObject({ faults: [], seals: 2 });
    expect((await of(logs.slice(0, 1))).faults.map(({ kind }) => kind)).toContain('SEAL_CHAIN_BROKEN');
  });

  test('of some records alone is verified by their own hashes and chains', async () => {
    const some = recordLines().filter((line) => line.includes(`"ticketNo":"${ticketNo}"`));
    expect(await found(some, true)).toEqual([]);
    expect(await found(some.with(0, some[0]!.replace('"message":"', '"message":"not ')), true)).toEqual(['chain']);
  });

  test('that is none is told with the line', async () => {
    await expect(found([...lines.slice(0, 3), '{"id":1}'])).rejects.toThrow(
      /changed\.ndjson, line 4: is no record of an export \(/,
    );
  });
});
