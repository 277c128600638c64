import { type FileHandle, open } from 'node:fs/promises';
import type { Checkpoint, Checkpoints } from '../../domain/audit-seal.ts';
import { checkpointIn } from './checkpoint-lines.ts';

/** More than the longest line has. */
const tailBytes = 64 * 1024;

/** Checkpoints as lines of JSON, appended to a file that is never rewritten. */
export class CheckpointFile implements Checkpoints {
  private readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async newest(): Promise<Checkpoint | null> {
    return this.using(async (file) => {
      const lines = (await tailOf(file)).split('\n').toReversed();
      for (const line of lines) {
        const found = checkpointIn(line);
        if (found) return found;
      }
      return null;
    });
  }

  async append(checkpoints: readonly Checkpoint[]): Promise<void> {
    await this.using(async (file) => {
      const tail = await tailOf(file);
      // Whoever wrote last may have died in the middle of a line.
      const start = tail === '' || tail.endsWith('\n') ? '' : '\n';
      await file.appendFile(start + checkpoints.map((checkpoint) => `${JSON.stringify(checkpoint)}\n`).join(''));
      await file.sync();
    });
  }

  private async using<T>(work: (file: FileHandle) => Promise<T>): Promise<T> {
    const file = await open(this.path, 'a+', 0o644);
    try {
      return await work(file);
    } finally {
      await file.close();
    }
  }
}

async function tailOf(file: FileHandle): Promise<string> {
  const { size } = await file.stat();
  const length = Math.min(size, tailBytes);
  const { buffer } = await file.read({ buffer: Buffer.alloc(length), position: size - length });
  return buffer.toString();
}
