import { RedeployError } from '../domain/errors.ts';
import { type Period, type PeriodLength, periodsOf } from '../domain/periods.ts';
import type { Dependencies } from './dependencies.ts';
import { arrayOf } from './rows.ts';
import { reading } from './transaction.ts';

type Counts<Name extends string> = Record<Name | 'total', number>;
type Seconds = { median: number; p95: number };

/** What became of what began within one period. */
export type ApplicationStatistics = Period & {
  tickets: Counts<'succeeded' | 'failed' | 'mixed' | 'unused' | 'rejected' | 'cancelled' | 'expired' | 'open'>;
  operations: Counts<'completed' | 'failed' | 'timedOut' | 'superseded' | 'unfinished'>;
  /** Null where nothing was approved. */
  timeToApproval: Seconds | null;
  /** Null where nothing was completed. */
  duration: Seconds | null;
};

export type StatisticsRange = Period & { period: PeriodLength | null };

export const longestStatisticsDays = 366;

type Row<Counted> = Counted & { applicationName: string; place: number; median: number | null; p95: number | null };
type TicketCounts = ApplicationStatistics['tickets'];
type OperationCounts = ApplicationStatistics['operations'];

/** For each of these registered applications one for every period, oldest first. Throws INVALID_INPUT. */
export async function statisticsOfApplications(
  deps: Pick<Dependencies, 'orm'>,
  names: readonly string[],
  range: StatisticsRange,
): Promise<ApplicationStatistics[][]> {
  requireRange(range);
  const periods = periodsOf(range, range.period);
  const starts = arrayOf(periods.map(({ from }) => from.toISOString()));
  const values = [starts, arrayOf(names), range.from.toISOString(), range.to.toISOString()];
  const { tickets, operations } = await reading(deps, async (em) => ({
    tickets: await em.execute<Row<TicketCounts>[]>(ticketStatistics, values),
    operations: await em.execute<Row<OperationCounts>[]>(operationStatistics, values),
  }));
  const found = { tickets: byPlace(tickets), operations: byPlace(operations) };
  return names.map((name) =>
    periods.map((period, place) => {
      const key = keyOf(name, place + 1);
      const [ofTickets, ofOperations] = [found.tickets.get(key), found.operations.get(key)];
      return {
        ...period,
        tickets: ofTickets?.counts ?? noTickets,
        operations: ofOperations?.counts ?? noOperations,
        timeToApproval: ofTickets?.seconds ?? null,
        duration: ofOperations?.seconds ?? null,
      };
    }),
  );
}

const keyOf = (applicationName: string, place: number): string => `${applicationName} ${place}`;

/** Counts and seconds, by application and period. */
const byPlace = <Counted>(rows: readonly Row<Counted>[]) =>
  new Map(
    rows.map(({ applicationName, place, median, p95, ...counts }) => {
      const seconds = median === null || p95 === null ? null : { median, p95 };
      return [keyOf(applicationName, place), { counts: counts as Counted, seconds }];
    }),
  );

function requireRange({ from, to }: StatisticsRange): void {
  const days = (to.getTime() - from.getTime()) / 86_400_000;
  if (days > 0 && days <= longestStatisticsDays) return;
  throw new RedeployError('INVALID_INPUT', `to must be behind from, by at most ${longestStatisticsDays} days`, {
    fields: ['to'],
  });
}

const noTickets: TicketCounts = {
  total: 0,
  succeeded: 0,
  failed: 0,
  mixed: 0,
  unused: 0,
  rejected: 0,
  cancelled: 0,
  expired: 0,
  open: 0,
};
const noOperations: OperationCounts = { total: 0, completed: 0, failed: 0, timedOut: 0, superseded: 0, unfinished: 0 };

const counted = (name: string, condition: string): string => `count(*) filter (where ${condition})::int as "${name}"`;
const percentile = (name: string, fraction: number, seconds: string, condition: string): string =>
  `round((percentile_cont(${fraction}) within group (order by extract(epoch from ${seconds}))
     filter (where ${condition}))::numeric, 3)::float8 as "${name}"`;

/** The period is found by its start: they follow one another. */
const placeOf = (instant: string): string => `width_bucket(${instant}, ?::timestamptz[]) as place`;
const named = '= any(?::text[])';
const approved = 't.approved_at is not null and t.break_glass_at is null';

const ticketStatistics = `select e.application_name as "applicationName", ${placeOf('t.created_at')},
    count(*)::int as total,
    ${counted('succeeded', `t.result = 'SUCCEEDED'`)},
    ${counted('failed', `t.result = 'FAILED' or t.status = 'FAILED'`)},
    ${counted('mixed', `t.result = 'MIXED'`)},
    ${counted('unused', `t.result = 'UNUSED'`)},
    ${counted('rejected', `t.status = 'REJECTED'`)},
    ${counted('cancelled', `t.status = 'CANCELLED'`)},
    ${counted('expired', `t.status = 'EXPIRED'`)},
    ${counted('open', 't.ended_at is null')},
    ${percentile('median', 0.5, 't.approved_at - t.created_at', approved)},
    ${percentile('p95', 0.95, 't.approved_at - t.created_at', approved)}
  from ticket t join ticket_entry e on e.ticket_id = t.id
  where e.application_name ${named} and t.created_at >= ?::timestamptz and t.created_at < ?::timestamptz
  group by 1, 2`;

const time = 'o.operation_end_time - o.operation_start_time';
const completed = `o.rollout_status = 'COMPLETED'`;

const operationStatistics = `select o.application_name as "applicationName", ${placeOf('o.operation_start_time')},
    count(*)::int as total,
    ${counted('completed', completed)},
    ${counted('failed', `o.rollout_status = 'FAILED'`)},
    ${counted('timedOut', `o.rollout_status = 'TIMED_OUT'`)},
    ${counted('superseded', `o.rollout_status = 'SUPERSEDED'`)},
    ${counted('unfinished', 'o.success is null')},
    ${percentile('median', 0.5, time, completed)},
    ${percentile('p95', 0.95, time, completed)}
  from operation o
  where o.application_name ${named} and o.operation_start_time >= ?::timestamptz and o.operation_start_time < ?::timestamptz
  group by 1, 2`;
