import type { Registry } from '@prometheus-io/client';
import type { Figures } from '../operations/record-figures.ts';
import {
  type RecordLabel,
  type RecordLabels,
  secondsBounds,
  type Series,
  sumSeries,
} from '../operations/record-sums.ts';
import { histogramSamples, type Sample, tell } from './family.ts';

const boundNames =
  'Applications and usernames beyond the first METRICS_LABEL_VALUES of the record, and usernames at an application beyond the first ten times as many, are told as "other".';

/** Before anything has ended: what does not begin at 0 does not rise for Prometheus when it comes. */
const results = ['success', 'failed'];
const noSeconds = [0, 0, ...secondsBounds.map(() => 0)];

/** The guide's eight. `figures` answers null where the record could not be read: then there are none. */
export function tellRecord(registry: Registry, figures: () => Figures | null): void {
  const told = (name: string, type: 'counter' | 'gauge' | 'histogram', help: string, of: (it: Figures) => Sample[]) =>
    tell(registry, name, type, `${help} The same in every replica: take max, not sum.`, () => {
      const read = figures();
      return read ? of(read) : [];
    });

  told(
    'app_redeploy_ticket_created_total',
    'counter',
    `Applications that tickets asked to redeploy; env is their tag of that name. ${boundNames}`,
    ({ entries }) =>
      sumBy(entries, 'application', 'username', 'env').map(({ labels, values }) => sample(labels, values[0]!)),
  );
  told(
    'app_redeploy_token_created_total',
    'counter',
    `Redeploy tokens that were approved: success were issued, failed could not be. ${boundNames}`,
    ({ entries }) =>
      sumBy(entries, 'application', 'username').flatMap(({ labels, values: [, issued, failed] }) => [
        sample({ ...labels, result: 'success' }, issued!),
        sample({ ...labels, result: 'failed' }, failed!),
      ]),
  );
  told(
    'app_redeploy_token_expired_total',
    'counter',
    `Redeploy tokens whose time was over before anything else ended them. ${boundNames}`,
    ({ rights, expiries }) =>
      sumBy([...withZeros(rights, [0]), ...expiries], 'application', 'username').map(({ labels, values }) =>
        sample(labels, values[0]!),
      ),
  );
  told(
    'app_redeploy_operations_total',
    'counter',
    `Redeploys that have ended: success, failed (timed out ones among them) or superseded. ${boundNames}`,
    ({ rights, endings }) => {
      const ended = endings.map((series) => ({ ...series, values: series.values.slice(0, 1) }));
      const begun = withResults(withZeros(rights, [0]));
      return sumBy([...begun, ...ended], 'application', 'namespace', 'username', 'result').map(({ labels, values }) =>
        sample(labels, values[0]!),
      );
    },
  );
  told('app_redeploy_token_active_count', 'gauge', 'Redeploy tokens that are valid now.', ({ activeTokens }) => [
    sample({}, activeTokens),
  ]);
  const duration = 'app_redeploy_duration_seconds';
  told(
    duration,
    'histogram',
    `From the request to the verdict, of redeploys that have ended. ${boundNames}`,
    ({ rights, endings }) => {
      const took = endings.map((series) => ({ ...series, values: series.values.slice(0, noSeconds.length) }));
      const begun = withResults(withZeros(rights, noSeconds));
      return sumBy([...begun, ...took], 'application', 'namespace', 'result').flatMap((series) =>
        secondsSamples(duration, series),
      );
    },
  );
  told(
    'app_redeploy_success_rate',
    'gauge',
    `Share of the redeploys that ended within time_window and succeeded; superseded ones do not count. ${boundNames}`,
    ({ successes }) => successes.map(({ labels, values: [succeeded, ended] }) => sample(labels, succeeded! / ended!)),
  );
  const rollout = 'app_redeploy_rollout_duration_seconds';
  told(
    rollout,
    'histogram',
    `From the change in the cluster to "successfully rolled out", of the redeploys that came so far. ${boundNames}`,
    ({ endings }) => {
      const took = endings.map((series) => ({ ...series, values: series.values.slice(noSeconds.length) }));
      return sumBy(took, 'application', 'namespace', 'strategy').flatMap((series) => secondsSamples(rollout, series));
    },
  );
}

const sample = (labels: RecordLabels, value: number): Sample => ({ labels, value });

const secondsSamples = (name: string, { labels, values: [count, sum, ...counts] }: Series): Sample[] =>
  histogramSamples(name, labels, { count: count!, sum: sum!, bounds: secondsBounds, counts });

/** Under these labels alone, in this order. */
const sumBy = (several: readonly Series[], ...names: RecordLabel[]): Series[] =>
  sumSeries(
    several.map(({ labels, ...counted }) => ({
      ...counted,
      labels: Object.fromEntries(names.map((name) => [name, labels[name] ?? ''])),
    })),
  );

const withZeros = (several: readonly Series[], zeros: readonly number[]): Series[] =>
  several.map((series) => ({ ...series, values: zeros }));

const withResults = (several: readonly Series[]): Series[] =>
  several.flatMap((series) => results.map((result) => ({ ...series, labels: { ...series.labels, result } })));
