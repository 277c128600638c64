import type { Benchmark } from '../harness/benchmark.ts';
import type { World } from '../world/dependencies.ts';
import { deliver, heapBytes, liveWorld, type LiveRound, productSide } from '../world/live-side.ts';

/** More than the sockets between the two take in. */
const events = 6_000;
const others = 19;

/** One client that reads nothing for a while; the others must not notice. */
const roundWithStalled: LiveRound = async (subscribers) => {
  await subscribers.read(false);
  return deliver(events)(subscribers);
};

const benchmark: Benchmark<World> = {
  name: 'slow-client',
  figures: {
    cpu: "µs of the server's CPU per delivery to the others",
    latency: 'ms from PUBLISH to one of the others',
    held: 'KiB held for the slow one',
    skipped: 'events that the slow one was spared, of 6,000',
    ends: 'of rounds that ended on the newest state for the slow one as well',
  },
  goals: [
    { figure: 'latency', of: 'product', against: 'alone', atMost: 1.1 },
    { figure: 'held', of: 'product', atMost: 64 },
    { figure: 'skipped', of: 'product', atLeast: 1 },
    { figure: 'ends', of: 'product', atLeast: 1 },
  ],
  prepare: liveWorld(others + 1),
  rounds: 4,
  sides: {
    product: productSide({
      count: others + 1,
      round: roundWithStalled,
      afterwards: async (subscribers) => {
        const whileItStalls = await heapBytes();
        const skipped = await subscribers.read(true); // fails where it does not come to the newest state
        return { held: (whileItStalls - (await heapBytes())) / 1024, skipped, ends: 1 };
      },
    }),
    alone: productSide({ count: others, round: deliver(events), application: 'data-processor' }),
  },
};

export default benchmark;
