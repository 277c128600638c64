import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Benchmark, Figures, Keep } from './benchmark.ts';
import type { Answer, Order } from './side-process.ts';
import { judge, type Outcome, type Rounds } from './statistics.ts';

const program = fileURLToPath(new URL('side-process.ts', import.meta.url));
const usualWarmUps = 2;
const usualRounds = 15;
/** Fewer tell nothing of how much they vary. */
const fewestRounds = 5;

export type Profiles = Record<string, string[]>;

/** Runs a benchmark: all its sides are open at once, and every round one after the other has its turn. */
export async function measure(
  file: string,
  benchmark: Benchmark,
  options: { seconds: number; isProfiled: boolean; stop: AbortSignal },
): Promise<{ outcome: Outcome; profiles: Profiles }> {
  const kept: { stop: () => Promise<unknown> }[] = [];
  const keep: Keep = async (starting) => {
    const part = await starting;
    kept.push(part);
    return part;
  };
  try {
    const setting = await benchmark.prepare(keep);
    const sides: [string, SideProcess][] = [];
    for (const name of Object.keys(benchmark.sides)) {
      const side = await keep(Promise.resolve(new SideProcess(file, name, options.stop)));
      await side.tell({ open: setting });
      sides.push([name, side]);
    }
    const rounds: Rounds = Object.fromEntries(sides.map(([name]) => [name, []]));
    const profiles: Profiles = {};
    const { warmUps = usualWarmUps } = benchmark;
    const count = warmUps + (benchmark.rounds ?? usualRounds);
    let deadline = Infinity;
    for (let round = 0; round < count; round += 1) {
      if (round === warmUps) deadline = performance.now() + options.seconds * 1000;
      if (round >= warmUps + fewestRounds && performance.now() > deadline) break;
      // Of the last round that warms up: the code is hot, and its figures are not kept.
      const isProfiled = options.isProfiled && round === warmUps - 1;
      for (const [name, side] of round % 2 === 0 ? sides : sides.toReversed()) {
        const { figures, lines } = (await side.tell({ round: { isProfiled } })) as Measured;
        if (round >= warmUps) rounds[name]!.push(figures);
        if (lines) profiles[name] = lines;
      }
    }
    return { outcome: judge(benchmark, rounds), profiles };
  } finally {
    for (const part of kept.toReversed()) await part.stop();
  }
}

type Measured = { figures: Figures; lines: string[] | null };

const longestOrderMs = 300_000;

/** The parent's end of a side's process. */
class SideProcess {
  private readonly child: ChildProcess;
  private readonly name: string;
  private readonly ended: Promise<void>;

  constructor(file: string, name: string, stop: AbortSignal) {
    stop.throwIfAborted();
    stop.addEventListener('abort', () => this.child.kill(), { once: true });
    this.name = name;
    this.child = fork(program, [file, name], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.ended = new Promise((resolve) => this.child.once('exit', () => resolve()));
  }

  async tell(order: Order): Promise<unknown> {
    const answered = Promise.withResolvers<Answer>();
    const fail = (why: string) => () => answered.resolve({ failed: why });
    const onExit = fail('its process ended');
    const timer = setTimeout(fail('no answer'), longestOrderMs);
    this.child.once('message', answered.resolve).once('exit', onExit);
    this.child.send(order, (error) => error && answered.resolve({ failed: error.message }));
    const answer = await answered.promise;
    clearTimeout(timer);
    this.child.off('message', answered.resolve).off('exit', onExit);
    if ('failed' in answer) throw new Error(`${this.name}: ${answer.failed}`);
    return answer.done;
  }

  async stop(): Promise<void> {
    if (this.child.connected) await this.tell({ close: true }).catch(() => this.child.kill('SIGKILL'));
    await this.ended;
  }
}
