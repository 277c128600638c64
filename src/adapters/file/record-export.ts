import { z } from 'zod';
import { auditKinds, auditLevels } from '../../domain/audit-facts.ts';
import type { Checkpoint } from '../../domain/audit-seal.ts';
import { type ChainedRecord, type Trust, type Verification, verifyRecord } from '../../domain/audit-verification.ts';
import { checkpointIn, checkpointsIn, linesOf } from './checkpoint-lines.ts';
import { UnusableFile } from './trust-files.ts';

const text = z.string();
const textOrNull = text.nullable();

/** A line of an export: every field that the hash is over, beside the record's id and hash. */
const exportedRecord = z.object({
  id: z.coerce.number().int(),
  ticketId: z.number().int().nullable(),
  sequence: z.number().int().nullable(),
  level: z.enum(auditLevels),
  kind: z.enum(auditKinds),
  at: z.iso.datetime().transform((value) => new Date(value)),
  issuer: textOrNull,
  subject: textOrNull,
  username: textOrNull,
  address: textOrNull,
  ticketNo: textOrNull,
  applicationName: textOrNull,
  operationId: textOrNull,
  cluster: textOrNull,
  namespace: textOrNull,
  message: text,
  data: z.record(text, z.unknown()),
  previousHash: textOrNull,
  hash: text,
});

/**
 * Verifies an export in NDJSON by itself. The seals are the checkpoints of `sealFile`, or else those that it holds; of
 * later ones than its own last one the records are not looked for, nor where it holds none of those that end behind its
 * last record. `isPartial`: it is not an export of everything, so
 * that seals tell nothing of it. Needs memory for each ticket, not for each record.
 */
export async function verifyExport(
  file: string,
  trust: Trust,
  { sealFile, isPartial }: { sealFile: string | null; isPartial: boolean },
): Promise<Verification> {
  const records = recordsIn(file);
  if (isPartial) {
    const alone = { records, seals: inOrder([]), before: null, sealsThrough: 0, prunedThrough: Infinity };
    return verifyRecord(alone, { ...trust, checkpoints: new Map() });
  }
  const sealsThrough = (await lastCheckpointOf(file)) ?? (sealFile ? await lastSealWithin(file, sealFile) : Infinity);
  const seals = inOrder(checkpointsIn(sealFile ?? file));
  return verifyRecord({ records, seals, before: null, sealsThrough, prunedThrough: 0 }, trust);
}

async function lastCheckpointOf(file: string): Promise<number | null> {
  let last: number | null = null;
  for await (const { sequence } of checkpointsIn(file)) last = sequence;
  return last;
}

/** Seals go on after an export was taken: the last one that it can hold whole. */
async function lastSealWithin(file: string, sealFile: string): Promise<number> {
  let [lastRecord, last] = [0, 0];
  for await (const { id } of recordsIn(file)) lastRecord = id;
  for await (const { sequence, lastId } of inOrder(checkpointsIn(sealFile))) if (lastId <= lastRecord) last = sequence;
  return last;
}

/** Several replicas may have told the same. */
async function* inOrder(checkpoints: AsyncIterable<Checkpoint> | Iterable<Checkpoint>): AsyncGenerator<Checkpoint> {
  let last = 0;
  for await (const checkpoint of checkpoints) {
    if (checkpoint.sequence <= last) continue;
    last = checkpoint.sequence;
    yield checkpoint;
  }
}

async function* recordsIn(file: string): AsyncGenerator<ChainedRecord> {
  const lastOfTicket = new Map<number, { sequence: number; hash: string }>();
  let number = 0;
  for await (const line of linesOf(file)) {
    number += 1;
    if (line.trim() === '' || checkpointIn(line)) continue;
    const { ticketId, sequence, ...record } = readRecord(line, `${file}, line ${number}`);
    let predecessorHash: string | null = null;
    if (ticketId !== null && sequence !== null) {
      const before = lastOfTicket.get(ticketId);
      if (before?.sequence === sequence - 1) predecessorHash = before.hash;
      lastOfTicket.set(ticketId, { sequence, hash: record.hash });
    }
    yield { ...record, ticketId, sequence, predecessorHash };
  }
}

function readRecord(line: string, place: string): z.infer<typeof exportedRecord> {
  try {
    return exportedRecord.parse(JSON.parse(line));
  } catch (error) {
    const faults = error instanceof z.ZodError ? error.issues.map(({ path }) => path.join('.')).join(', ') : 'not JSON';
    throw new UnusableFile(place, `is no record of an export (${faults})`, { cause: error });
  }
}
