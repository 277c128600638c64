import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Ends what an earlier, killed process left running. `words` tell it from a stranger that got its number: the command
 * line must contain each of them. Refuses while the process that started it is alive and still its parent.
 * False: no such process.
 */
export async function stopLeftover(options: {
  pid: number;
  starter: number;
  words: string[];
  folder: string;
}): Promise<boolean> {
  const { pid, starter, words, folder } = options;
  const isOurs = () => {
    const command = commandLine(pid);
    return words.every((word) => command.includes(word));
  };
  if (!isOurs()) return false;
  if (parentOf(pid) === starter) {
    throw new Error(`${folder} is in use by process ${starter}: end that one first.`);
  }
  for (const [signal, milliseconds] of [
    ['SIGINT', 10_000],
    ['SIGKILL', 5_000],
  ] as const) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    const deadline = Date.now() + milliseconds;
    while (Date.now() < deadline) {
      // A dead process that nobody has waited for still has its number, but no command line.
      if (!isOurs()) return true;
      await sleep(15);
    }
  }
  throw new Error(`Process ${pid}, left by an earlier start, cannot be ended.`);
}

function commandLine(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

function parentOf(pid: number): number {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    }
    return Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }));
  } catch {
    return 0;
  }
}
