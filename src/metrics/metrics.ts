import { setTimeout as pause } from 'node:timers/promises';
import { Counter, Histogram, Registry } from '@prometheus-io/client';
import type { Logger } from 'pino';
import type { Measurements, OperationKind } from '../domain/measurements.ts';
import type { Figures } from '../operations/record-figures.ts';
import { boundLabels } from './label-bounds.ts';
import { nodeFamilies } from './node-families.ts';
import { type Observed, tellProcess } from './process-families.ts';
import { tellRecord } from './record-families.ts';

export type MetricsSettings = {
  host: string;
  port: number;
  /** So many applications, and so many people, have label values of their own. */
  labelValues: number;
};

/** Prometheus gives up after 10 s; what the record says is then read on for the next scrape. */
const patienceMs = 5_000;

/** Everything that Prometheus may ask of this process. */
export class Metrics implements Measurements {
  private readonly registry = new Registry();
  private readonly labelValues: number;
  private readonly log: Logger;
  private observed: Observed | null = null;
  private figures: Figures | null = null;
  private clockOffsetMs = 0;

  private readonly graphqlDuration = new Histogram({
    name: 'cratos_redeploy_graphql_duration_seconds',
    help: 'From the arrival of a GraphQL operation to its answer, of a subscription to its being open, by kind.',
    labelNames: ['operation'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.registry],
  });
  private readonly graphqlErrors = new Counter({
    name: 'cratos_redeploy_graphql_errors_total',
    help: 'GraphQL answers with errors, once for each extensions.code in them; operation is unknown where there was none.',
    labelNames: ['operation', 'code'],
    registers: [this.registry],
  });
  private readonly eventLag = new Histogram({
    name: 'cratos_redeploy_event_lag_seconds',
    help: 'Of rollout events: record is from the watch to the record, up to a second of it on purpose; delivery is from the record to the subscribers of this replica.',
    labelNames: ['stage'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });

  constructor({ labelValues }: Pick<MetricsSettings, 'labelValues'>, log: Logger) {
    this.labelValues = labelValues;
    this.log = log;
    for (const operation of ['query', 'mutation', 'subscription']) this.graphqlDuration.zero({ operation });
    for (const stage of ['record', 'delivery']) this.eventLag.zero({ stage });
  }

  graphqlAnswered(operation: OperationKind, seconds: number): void {
    this.graphqlDuration.observe({ operation }, seconds);
  }

  graphqlFailed(operation: OperationKind, code: string): void {
    this.graphqlErrors.inc({ operation, code });
  }

  eventRecorded(seconds: number): void {
    this.eventLag.observe({ stage: 'record' }, seconds);
  }

  eventDelivered(at: Date): void {
    const seconds = (Date.now() + this.clockOffsetMs - at.getTime()) / 1000;
    this.eventLag.observe({ stage: 'delivery' }, Math.max(seconds, 0));
  }

  /** To be told once, before the first scrape. */
  observe(observed: Observed): void {
    this.observed = observed;
    tellRecord(this.registry, () => this.figures);
    tellProcess(this.registry, observed, () => this.figures);
  }

  /** In Prometheus' text format. What cannot be read of the record in time is left out, and `record_up` says so. */
  async exposition(): Promise<string> {
    this.figures = await this.readInTime();
    return Registry.merge([this.registry, nodeFamilies()]).metrics();
  }

  private async readInTime(): Promise<Figures | null> {
    if (!this.observed) return null;
    const patience = new AbortController();
    const late = pause(patienceMs, undefined, { signal: patience.signal }).then(
      () => Promise.reject(new Error(`not read within ${patienceMs} ms`)),
      () => null,
    );
    try {
      const figures = await Promise.race([this.observed.readFigures(), late]);
      if (figures) this.clockOffsetMs = figures.clockOffsetMs;
      return figures && boundLabels(figures, this.labelValues);
    } catch (error) {
      this.log.warn({ err: error }, 'the record cannot be measured');
      return null;
    } finally {
      patience.abort();
    }
  }
}
