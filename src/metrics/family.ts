import type { Metric, MetricType, Registry } from '@prometheus-io/client';

type Labels = { readonly [name: string]: string | undefined };

/** One line of a family; `metricName` where it differs from the family's, as a histogram's lines do. */
export type Sample = { labels: Labels; value: number; metricName?: string };

/**
 * A family whose figures somebody else has counted. The library's own classes only count by themselves, but its
 * registry takes whatever answers `get` as they do.
 */
export function tell(registry: Registry, name: string, type: MetricType, help: string, read: () => Sample[]): void {
  const family = { name, help, type, get: () => Promise.resolve({ name, help, type, values: read() }) };
  registry.registerMetric(family as unknown as Metric);
}

/** `counts` holds how many there are up to each bound. */
export function histogramSamples(
  name: string,
  labels: Labels,
  { count, sum, bounds, counts }: { count: number; sum: number; bounds: readonly number[]; counts: readonly number[] },
): Sample[] {
  const bucket = (le: string, value: number): Sample => ({
    metricName: `${name}_bucket`,
    labels: { ...labels, le },
    value,
  });
  return [
    ...bounds.map((bound, place) => bucket(String(bound), counts[place]!)),
    bucket('+Inf', count),
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
