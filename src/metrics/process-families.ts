import type { MetricType, Registry } from '@prometheus-io/client';
import type { Figures } from '../operations/record-figures.ts';
import { type Sample, tell } from './family.ts';

/** What is looked at for each scrape; all of this process but the record. */
export type Observed = {
  readFigures: () => Promise<Figures>;
  followedCount: () => number;
  openCounts: () => { connections: number; subscriptions: number };
  /** Since the process began; the outage is that of the worst namespace. */
  watches: () => { cluster: string; resource: string; restarts: number; outageSeconds: number }[];
  databasePool: () => { busy: number; idle: number; waiting: number };
};

/** Of this replica alone, beside what it is told of; and the outbox, of which the record tells. */
export function tellProcess(registry: Registry, observed: Observed, figures: () => Figures | null): void {
  const told = (name: string, type: MetricType, help: string, read: () => Sample[]) =>
    tell(registry, `cratos_redeploy_${name}`, type, help, read);
  const number = (name: string, help: string, read: () => number | undefined) =>
    told(name, 'gauge', help, () => {
      const value = read();
      return value === undefined ? [] : [{ labels: {}, value }];
    });

  number(
    'record_up',
    'Whether the record could be read for this scrape; without it all that is told from it is left out.',
    () => (figures() ? 1 : 0),
  );
  number('open_connections', 'WebSockets that are signed in.', () => observed.openCounts().connections);
  number(
    'open_subscriptions',
    'Subscriptions, over WebSockets and as server-sent events.',
    () => observed.openCounts().subscriptions,
  );
  number('followed_operations', 'Operations that this replica follows.', observed.followedCount);
  told('watch_restarts_total', 'counter', 'How often a watch of Kubernetes was interrupted and taken up again.', () =>
    observed.watches().map(({ cluster, resource, restarts }) => ({ labels: { cluster, resource }, value: restarts })),
  );
  told(
    'watch_outage_seconds',
    'gauge',
    'How long a watch has brought nothing because it is interrupted; 0 while it stands.',
    () =>
      observed
        .watches()
        .map(({ cluster, resource, outageSeconds }) => ({ labels: { cluster, resource }, value: outageSeconds })),
  );
  told('database_connections', 'gauge', 'Connections to PostgreSQL in the pool.', () => {
    const { busy, idle } = observed.databasePool();
    return [
      { labels: { state: 'busy' }, value: busy },
      { labels: { state: 'idle' }, value: idle },
    ];
  });
  number(
    'database_waiting',
    'Statements that wait for a connection of the pool.',
    () => observed.databasePool().waiting,
  );
  number(
    'outbox_waiting',
    'Notifications that the receiver has not taken yet. The same in every replica: take max, not sum.',
    () => figures()?.outbox.waiting,
  );
  number(
    'outbox_age_seconds',
    'Age of the oldest of them. The same in every replica: take max, not sum.',
    () => figures()?.outbox.oldestSeconds,
  );
}
