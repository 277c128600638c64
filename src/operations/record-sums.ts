import type { EntityManager } from '@mikro-orm/postgresql';
import { arrayOf } from './rows.ts';

/** What figures are told apart by. */
export type RecordLabel = 'application' | 'username' | 'namespace' | 'env' | 'strategy' | 'result' | 'time_window';
export type RecordLabels = { [Label in RecordLabel]?: string };

/** Sums over tickets under one combination of labels. */
export type Series = {
  labels: RecordLabels;
  values: readonly number[];
  /** The first ticket among them. */
  since: number;
};

/** The upper bounds by which seconds are counted: what the alert asks for among them, and room for every time-out behind it. */
export const secondsBounds = [5, 10, 20, 30, 60, 90, 120, 180, 300, 450, 600, 900, 1200, 1800, 3600] as const;

/** How many have such seconds, their sum, and how many of them have at most as many as each bound. */
const countBySeconds = (seconds: string): string =>
  [
    `count(${seconds})`,
    `coalesce(sum(${seconds}), 0)`,
    ...secondsBounds.map((bound) => `count(*) filter (where ${seconds} <= ${bound})`),
  ].join(', ');

/** Tickets by number: those behind `after` up to `until`, and `more`, but not `except`. */
export type TicketSet = { after: number; until: number; more: readonly number[]; except: readonly number[] };

const within = (ticketId: string): string =>
  `(${ticketId} > ? and ${ticketId} <= ? or ${ticketId} = any(?::int[])) and ${ticketId} <> all(?::int[])`;

const queries = {
  /** Tickets' entries; those of them that got a token; those that could get none. */
  entries: `
    select jsonb_build_object('application', e.application_name, 'username', t.username, 'env', coalesce(env.value, ''))
        as labels, min(t.id) as since,
      array[count(*), count(*) filter (where e.success), count(*) filter (where not e.success)]::float8[] as values
    from ticket t join ticket_entry e on e.ticket_id = t.id
      left join lateral (
        select tag ->> 'tagValue' as value from jsonb_array_elements(e.business_tags) tag
        where tag ->> 'tagKey' = 'env' limit 1) env on true
    where ${within('e.ticket_id')} group by e.application_name, t.username, env.value`,
  /** What there were tokens for, whether used or not. */
  rights: `
    select jsonb_build_object('application', e.application_name, 'username', t.username,
        'namespace', target ->> 'namespace') as labels, min(t.id) as since, '{}'::float8[] as values
    from ticket t join ticket_entry e on e.ticket_id = t.id cross join lateral jsonb_array_elements(e.targets) target
    where e.success and ${within('e.ticket_id')} group by e.application_name, t.username, target ->> 'namespace'`,
  /** Tokens that nothing else had ended when their time was over. */
  expiries: `
    select jsonb_build_object('application', g.application_name, 'username', g.username) as labels,
      min(g.ticket_id) as since, array[count(*)]::float8[] as values
    from redeploy_grant g where g.ended_at >= g.expires and ${within('g.ticket_id')} group by g.application_name, g.username`,
  /** Operations that have ended, by their seconds; and those of them that rolled out, by what that took. */
  endings: `
    select jsonb_build_object('application', o.application_name, 'username', o.username, 'namespace', o.namespace,
        'strategy', o.rollout_strategy, 'result', it.result) as labels,
      min(o.ticket_id) as since,
      array[${countBySeconds('it.took')}, ${countBySeconds('it.rolled_out')}]::float8[] as values
    from operation o cross join lateral (
      select extract(epoch from o.operation_end_time - o.operation_start_time)::float8 as took,
        extract(epoch from o.available_at - o.landed_at)::float8 as rolled_out,
        case o.rollout_status
          when 'COMPLETED' then 'success' when 'SUPERSEDED' then 'superseded' else 'failed' end as result) it
    where o.operation_end_time is not null and ${within('o.ticket_id')}
    group by o.application_name, o.username, o.namespace, o.rollout_strategy, it.result`,
};
export type RecordSums = Record<keyof typeof queries, readonly Series[]>;

export const noSums: RecordSums = { entries: [], rights: [], expiries: [], endings: [] };

/** More at once could outlast what a statement may take. */
const ticketsAtOnce = 20_000;

export async function readSums(em: EntityManager, { after, until, more, except }: TicketSet): Promise<RecordSums> {
  let sums = await readPart(em, { after, until: Math.min(until, after + ticketsAtOnce), more, except });
  for (let from = after + ticketsAtOnce; from < until; from += ticketsAtOnce) {
    const part = { after: from, until: Math.min(until, from + ticketsAtOnce), more: [], except };
    sums = addSums(sums, await readPart(em, part));
  }
  return sums;
}

async function readPart(em: EntityManager, { after, until, more, except }: TicketSet): Promise<RecordSums> {
  const read = (query: string) => em.execute<Series[]>(query, [after, until, arrayOf(more), arrayOf(except)]);
  return {
    entries: await read(queries.entries),
    rights: await read(queries.rights),
    expiries: await read(queries.expiries),
    endings: await read(queries.endings),
  };
}

export const addSums = (one: RecordSums, other: RecordSums): RecordSums => ({
  entries: sumSeries([...one.entries, ...other.entries]),
  rights: sumSeries([...one.rights, ...other.rights]),
  expiries: sumSeries([...one.expiries, ...other.expiries]),
  endings: sumSeries([...one.endings, ...other.endings]),
});

/** One for each combination of labels; these must stand in the same order everywhere, as those of jsonb do. */
export function sumSeries(all: readonly Series[]): Series[] {
  const sums = new Map<string, Series>();
  for (const { labels, values, since } of all) {
    const key = JSON.stringify(labels);
    const sum = sums.get(key);
    sums.set(key, {
      labels,
      values: sum ? values.map((value, place) => value + sum.values[place]!) : values,
      since: Math.min(since, sum?.since ?? since),
    });
  }
  return [...sums.values()];
}
