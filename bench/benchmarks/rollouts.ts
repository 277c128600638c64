import type { Benchmark, Goal } from '../harness/benchmark.ts';
import { startWorld, type World } from '../world/dependencies.ts';
import { deployersOf, redeployLimits } from '../world/deployers.ts';
import { rolloutsSide } from '../world/rollouts-side.ts';

const sides = {
  one: rolloutsSide({ atOnce: 1, times: 40 }),
  ten: rolloutsSide({ atOnce: 10, times: 4 }),
  hundred: rolloutsSide({ atOnce: 100, times: 1 }),
  thousand: rolloutsSide({ atOnce: 1_000, times: 1 }),
};
const isConstant = (figure: string): Goal => ({ figure, of: 'thousand', against: 'one', atMost: 1 });

/** From each mutation to the COMPLETED of its rollout, all of them under way at once. */
const benchmark: Benchmark<World> = {
  name: 'rollouts',
  figures: {
    cpu: "µs of the service's CPU per rollout",
    atOnce: 'rollouts that were under way at once, at most',
    requests: 'requests to the API server per rollout, but watches',
    watches: 'collections that are watched',
  },
  goals: [
    ...['ten', 'hundred', 'thousand'].map((of): Goal => ({ figure: 'cpu', of, against: 'one', atMost: 1.2 })),
    isConstant('requests'),
    isConstant('watches'),
  ],
  prepare: (keep) => startWorld(keep, { people: deployersOf(1_000), env: redeployLimits }),
  // A thousand rollouts are long enough a round; the sides warm up by themselves.
  rounds: 1,
  warmUps: 0,
  sides,
};

export default benchmark;
