import type { SimulatedCluster, SimulatedRequest } from '../../src/sandbox/cluster/simulated-cluster.ts';

/** What an API server was asked, by kind: watch, list, get, post, patch. */
export type ApiRequests = Record<string, number>;

/** Counts from now on; `end` answers with what came until then. The test's own requests must not fall in between. */
export function countRequests(simulated: SimulatedCluster): { end: () => ApiRequests } {
  const counted: ApiRequests = {};
  simulated.intercept = (request) => {
    const kind = kindOf(request);
    counted[kind] = (counted[kind] ?? 0) + 1;
    return undefined;
  };
  return {
    end: () => {
      simulated.intercept = undefined;
      return counted;
    },
  };
}

function kindOf({ method, query }: SimulatedRequest): string {
  if (query.has('watch')) return 'watch';
  return query.has('limit') ? 'list' : method.toLowerCase();
}
