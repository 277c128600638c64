import type { Benchmark, OpenSide } from './benchmark.ts';
import { processorTime } from './processor-time.ts';
import { startProfile } from './profile.ts';

export type Order = { open: unknown } | { round: { isProfiled: boolean } } | { close: true };
export type Answer = { done: unknown } | { failed: string };

/** One side of a benchmark in a process of its own: carries out one order after the other. */
const [file = '', name = ''] = process.argv.slice(2);
const { default: benchmark } = (await import(file)) as { default: Benchmark };
let side: OpenSide | undefined;

async function carryOut(order: Order): Promise<unknown> {
  if ('open' in order) {
    const open = benchmark.sides[name]!;
    side = await open(order.open);
    return null;
  }
  if ('close' in order) return side?.close();
  const { round, afterwards, pids = [] } = side!;
  const profile = order.round.isProfiled ? await startProfile() : null;
  const before = processorTime(pids);
  const { units, ...figures } = await round();
  const cpu = (processorTime(pids) - before) / units;
  const lines = (await profile?.stop()) ?? null;
  return { figures: { cpu, ...figures, ...(await afterwards?.()) }, lines };
}

process.on('message', (order: Order) => {
  carryOut(order).then(
    (done) => {
      process.send!({ done: done ?? null } satisfies Answer);
      if ('close' in order) process.disconnect!();
    },
    (error: unknown) =>
      process.send!({ failed: String(error instanceof Error ? error.stack : error) } satisfies Answer),
  );
});
// A parent that is gone asks for nothing any more.
process.once('disconnect', () => process.exit());
