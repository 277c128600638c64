import type { Benchmark } from '../harness/benchmark.ts';
import type { World } from './dependencies.ts';
import { bareSide, deliver, liveWorld, productSide, usualSide } from './live-side.ts';

/** One rollout that many people watch at once. */
export function fanOut(subscribers: number, events: number): Benchmark<World> {
  const live = { count: subscribers, round: deliver(events) };
  return {
    name: `fan-out-${subscribers}`,
    figures: {
      cpu: "µs of the server's CPU per delivery of 1.6 KB",
      heap: 'KiB of heap per subscriber',
      latency: 'ms from PUBLISH to a subscriber',
    },
    goals: [
      { figure: 'cpu', of: 'product', against: 'bare', atMost: 1.3 },
      { figure: 'cpu', of: 'product', against: 'usual', atMost: 1 / 7 },
      { figure: 'heap', of: 'product', against: 'usual', atMost: 0.65 },
    ],
    prepare: liveWorld(subscribers),
    rounds: 6,
    sides: { product: productSide(live), bare: bareSide(live), usual: usualSide(live) },
  };
}
