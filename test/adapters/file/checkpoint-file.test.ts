import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { CheckpointFile } from '../../../src/adapters/file/checkpoint-file.ts';
import { checkpointsIn } from '../../../src/adapters/file/checkpoint-lines.ts';
import { loadTrust, UnusableFile } from '../../../src/adapters/file/trust-files.ts';
import type { Checkpoint } from '../../../src/domain/audit-seal.ts';
import { checkpointOf } from '../../../src/domain/checkpoint-signature.ts';

let folder: string;
let path: string;
let file: CheckpointFile;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cratos-checkpoints-test-'));
});
beforeEach(async () => {
  path = join(folder, 'checkpoints.ndjson');
  await rm(path, { force: true });
  file = new CheckpointFile(path);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const at = '2025-08-22T10:00:00.000Z';
const checkpoint = (sequence: number, root = 'abc'): Checkpoint =>
  checkpointOf(
    { sequence, firstId: sequence, lastId: sequence, count: 1, firstAt: at, lastAt: at, root, previousHash: null, at },
    null,
  );
const kept = () => Array.fromAsync(checkpointsIn(path));

test('what is appended is read again, by whoever opens the file', async () => {
  expect(await file.newest()).toBeNull();
  await file.append([checkpoint(1), checkpoint(2)]);
  await new CheckpointFile(path).append([checkpoint(3)]);
  expect(await file.newest()).toEqual(checkpoint(3));
  expect(await kept()).toEqual([checkpoint(1), checkpoint(2), checkpoint(3)]);
});

test('a line that was not written to its end is passed over, and harms none that follows', async () => {
  await file.append([checkpoint(1)]);
  await appendFile(path, JSON.stringify(checkpoint(2)).slice(0, -20));
  expect(await file.newest()).toEqual(checkpoint(1));
  await file.append([checkpoint(2)]);
  expect(await kept()).toEqual([checkpoint(1), checkpoint(2)]);
  expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(4);
});

test('of many the newest is found', async () => {
  await file.append(Array.from({ length: 1_000 }, (_, i) => checkpoint(i + 1)));
  expect(await file.newest()).toEqual(checkpoint(1_000));
});

test("the service's log will do, whatever else it tells", async () => {
  const lines = [
    'not JSON',
    '{"msg":"serving"}',
    `{"msg":"audit checkpoint","checkpoint":${JSON.stringify(checkpoint(1))}}`,
  ];
  await writeFile(path, lines.join('\n'));
  expect(await kept()).toEqual([checkpoint(1)]);
  expect((await loadTrust([path], [])).checkpoints).toEqual(new Map([[1, checkpoint(1).hash]]));
});

test('two files may tell the same, but not different checkpoints', async () => {
  await file.append([checkpoint(1)]);
  const other = join(folder, 'other.ndjson');
  await writeFile(other, JSON.stringify(checkpoint(1)));
  expect((await loadTrust([path, other], [])).checkpoints.size).toBe(1);
  await writeFile(other, JSON.stringify(checkpoint(1, 'another')));
  await expect(loadTrust([path, other], [])).rejects.toThrow(
    /other\.ndjson: tells another checkpoint 1 than was told before$/,
  );
});

test('a file without a checkpoint or without a key is refused with its name', async () => {
  await writeFile(path, 'nothing');
  await expect(loadTrust([path], [])).rejects.toThrow(UnusableFile);
  await expect(loadTrust([path], [])).rejects.toThrow(/checkpoints\.ndjson: holds no checkpoint$/);
  await expect(loadTrust([], [path])).rejects.toThrow(/checkpoints\.ndjson: holds no key in PEM$/);
});
