import type { Benchmark } from '../harness/benchmark.ts';
import type { World } from '../world/dependencies.ts';
import { bareSide, deliver, liveWorld, productSide } from '../world/live-side.ts';

const live = { count: 1, round: deliver(300) };

/** How long an event is on its way when nothing else is. */
const benchmark: Benchmark<World> = {
  name: 'latency',
  figures: { latency: 'ms from Redis PUBLISH to the client, p50' },
  goals: [{ figure: 'latency', of: 'product', against: 'relay', atMost: 1.3 }],
  prepare: liveWorld(1),
  sides: { product: productSide(live), relay: bareSide(live) },
};

export default benchmark;
