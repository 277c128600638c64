import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second, whatever its clock does. */
const microsecondsPerTick = 10_000;

/**
 * The CPU, user and system, that this process and the others have taken up to now, in µs. Of the others, which only
 * Linux tells, that of their children as well: PostgreSQL has one for each connection.
 */
export function processorTime(others: readonly number[]): number {
  const { user, system } = process.cpuUsage();
  if (others.length === 0) return user + system;
  const ticks = statusOfAll()
    .filter(({ pid, parent }) => others.includes(pid) || others.includes(parent))
    .reduce((sum, status) => sum + status.ticks + (others.includes(status.pid) ? status.ticksOfEnded : 0), 0);
  return user + system + ticks * microsecondsPerTick;
}

type Status = { pid: number; parent: number; ticks: number; ticksOfEnded: number };

const statusOfAll = (): Status[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const text = statusText(name);
      // The program's name, in brackets, may hold anything; the state is what follows.
      const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
      if (!fields) return [];
      const [parent, user, system, userOfEnded, systemOfEnded] = [1, 11, 12, 13, 14].map((at) => Number(fields[at]));
      return [
        { pid: Number(name), parent: parent!, ticks: user! + system!, ticksOfEnded: userOfEnded! + systemOfEnded! },
      ];
    });

/** Null of a process that ended meanwhile. */
function statusText(pid: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
}
