import { readFile } from 'node:fs/promises';
import type { Trust } from '../../domain/audit-verification.ts';
import { readKeys } from '../../domain/checkpoint-signature.ts';
import { checkpointsIn } from './checkpoint-lines.ts';

/** A file that cannot be used, in words for whoever named it. */
export class UnusableFile extends Error {
  override readonly name = 'UnusableFile';

  constructor(file: string, why: string, options?: ErrorOptions) {
    super(`${file}: ${why}`, options);
  }
}

/** What was kept outside: checkpoints, as lines of JSON or of a log, and public keys in PEM. */
export async function loadTrust(checkpointFiles: readonly string[], keyFiles: readonly string[]): Promise<Trust> {
  const checkpoints = new Map<number, string>();
  for (const file of checkpointFiles) {
    let found = 0;
    for await (const { sequence, hash } of checkpointsIn(file)) {
      if ((checkpoints.get(sequence) ?? hash) !== hash) {
        throw new UnusableFile(file, `tells another checkpoint ${sequence} than was told before`);
      }
      checkpoints.set(sequence, hash);
      found += 1;
    }
    if (found === 0) throw new UnusableFile(file, 'holds no checkpoint');
  }
  const pems = await Promise.all(keyFiles.map((file) => readFile(file, 'utf8')));
  const publicKeys = pems.flatMap((pem, i) => {
    try {
      return [...readKeys(pem).publicKeys];
    } catch (error) {
      throw new UnusableFile(keyFiles[i]!, (error as Error).message, { cause: error });
    }
  });
  return { checkpoints, publicKeys: new Map(publicKeys) };
}
