import { collectDefaultMetrics, Registry } from '@prometheus-io/client';

/** What promtool's lint refuses; the first three stand there a second time under proper names. */
const ill = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_eventloop_utilization_histogram',
  'nodejs_eventloop_utilization_summary',
];

let families: Registry | undefined;

/** Of this process and its event loop: watched once, however many services run in it. */
export function nodeFamilies(): Registry {
  if (families) return families;
  families = new Registry();
  collectDefaultMetrics({ register: families });
  for (const name of ill) families.removeSingleMetric(name);
  return families;
}
