import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { Checkpoint } from '../../domain/audit-seal.ts';

const instant = z.iso.datetime();
const checkpoint: z.ZodType<Checkpoint> = z.object({
  sequence: z.number().int(),
  firstId: z.number().int(),
  lastId: z.number().int(),
  count: z.number().int(),
  firstAt: instant,
  lastAt: instant,
  root: z.string(),
  previousHash: z.string().nullable(),
  at: instant,
  hash: z.string(),
  keyId: z.string().nullable(),
  signature: z.string().nullable(),
});

/**
 * The checkpoint that a line holds, by itself or under `checkpoint` as in the log and in exports; null where it holds
 * none, as other lines of a log do, and one that was not written to its end.
 */
export function checkpointIn(line: string): Checkpoint | null {
  if (!line.includes('"root":')) return null;
  const value = parse(line);
  const wrapped = z.object({ checkpoint }).safeParse(value);
  return wrapped.data?.checkpoint ?? checkpoint.safeParse(value).data ?? null;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

export const linesOf = (file: string): AsyncIterable<string> =>
  createInterface({ input: createReadStream(file), crlfDelay: Infinity });

/** In the order of the file. */
export async function* checkpointsIn(file: string): AsyncGenerator<Checkpoint> {
  for await (const line of linesOf(file)) {
    const found = checkpointIn(line);
    if (found) yield found;
  }
}
