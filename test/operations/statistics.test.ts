import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PeriodLength } from '../../src/domain/periods.ts';
import { type ApplicationStatistics, statisticsOfApplications } from '../../src/operations/statistics.ts';
import { openTestWorld, type Replica, type TestWorld } from '../support/desk.ts';
import { explain } from '../support/explain.ts';

let world: TestWorld;
let replica: Replica;
beforeAll(async () => {
  world = await openTestWorld();
  replica = await world.openReplica({ follows: false });
});
afterAll(() => world.close());

const at = (text: string): Date => new Date(`2025-03-${text}Z`);
type Told = [
  created: string,
  status: string,
  result: string | null,
  secondsToApproval: number | null,
  glass?: 'broken',
];
/** Of web, in March 2025, whose third is a Monday. */
const tickets: Told[] = [
  ['02T23:59:59.999', 'COMPLETED', 'SUCCEEDED', 7],
  ['03T00:00', 'COMPLETED', 'SUCCEEDED', 60],
  ['03T12:00', 'COMPLETED', 'FAILED', 120],
  ['03T23:59:59.999', 'COMPLETED', 'MIXED', 180],
  ['04T00:00', 'COMPLETED', 'UNUSED', 10, 'broken'],
  ['04T01:00', 'REJECTED', null, null],
  ['09T23:59:59.999', 'CANCELLED', null, null],
  ['10T00:00', 'EXPIRED', null, null],
  ['10T01:00', 'FAILED', null, 1000],
  ['11T01:00', 'AUTHORIZED', null, 2000],
  ['11T02:00', 'PENDING_APPROVAL', null, null],
];
type Ran = [started: string, status: string, success: boolean | null, seconds: number | null];
const operations: Ran[] = [
  ['02T23:59:59.999', 'COMPLETED', true, 1],
  ['03T00:00', 'COMPLETED', true, 30],
  ['03T06:00', 'COMPLETED', true, 90],
  ['03T12:00', 'COMPLETED', true, 40],
  ['03T13:00', 'TIMED_OUT', false, 900],
  ['04T00:00', 'FAILED', false, 10],
  ['11T00:00', 'SUPERSEDED', false, 5],
  ['11T01:00', 'COMPLETED', true, 31.5],
  ['11T02:00', 'VERIFYING', null, null],
  ['12T00:00', 'COMPLETED', true, 1],
];

/** Tickets with an entry for an application, and operations of it, from rows of a query. */
const insertTickets = (given: string) => `
  with given as (${given}), stored as (
    insert into ticket (ticket_no, category, reason, issuer, subject, username, status, result, approvals_required,
      created_at, decide_by, approved_at, break_glass_at, ended_at)
    select ticket_no, 'BUG_FIX', 'why', 'i', 's', 'alice', status, result, 1, created, created,
      created + seconds * interval '1 second', case when is_broken then created end,
      case when status not in ('AUTHORIZED', 'PENDING_APPROVAL') then created end
    from given returning id, ticket_no)
  insert into ticket_entry (ticket_id, position, application_name, business_tags, targets)
  select id, 0, application, '[]', '[]' from stored join given using (ticket_no)`;
const insertOperations = (given: string) => `
  with given as (${given})
  insert into operation (id, type, ticket_id, entry_id, grant_id, issuer, subject, username, application_name, cluster,
    cluster_uid, namespace, deployment_name, request_hash, previous_image, previous_replicas, rollout_strategy,
    operation_start_time, rollout_status, last_update_time, operation_end_time, success, new_pods, terminated_pods,
    failures, old_pods, follower, followed_until)
  select gen_random_uuid(), 'RESTART', g.ticket_id, g.entry_id, g.id, 'i', 's', 'alice', application, 'main', 'uid',
    'default', 'web', '', 'web:v1', 1, 'RollingUpdate', started, status, started,
    started + seconds * interval '1 second', success, '[]', '[]', '[]', '[]', 'nobody', started
  from given, (select * from redeploy_grant order by id limit 1) g`;

const statisticsOf = async (from: string, to: string, period: PeriodLength | null, name = 'web') => {
  const range = { from: at(from), to: at(to), period };
  const [found] = await statisticsOfApplications(replica.desk, [name], range);
  return found!;
};

describe('statistics', () => {
  beforeAll(async () => {
    const rows = tickets.map(([created, status, result, seconds, glass], number) => ({
      ticket_no: `web${number}`,
      application: 'web',
      created: at(created),
      status,
      result,
      seconds,
      is_broken: glass !== undefined,
    }));
    await world.sql(
      insertTickets(`select * from jsonb_to_recordset(?::jsonb) as (ticket_no text, application text, created timestamptz,
        status text, result text, seconds float8, is_broken boolean)`),
      [JSON.stringify([...rows, { ...rows[1], ticket_no: 'api1', application: 'api' }])],
    );
    await world.sql(`insert into redeploy_grant (ticket_id, ticket_no, entry_id, application_name, issuer, subject, username,
        granted_at, expires) select ticket_id, 'web0', id, 'web', 'i', 's', 'alice', now(), now() from ticket_entry limit 1`);
    const ran = operations.map(([started, status, success, seconds]) => ({
      application: 'web',
      started: at(started),
      status,
      success,
      seconds,
    }));
    await world.sql(
      insertOperations(`select * from jsonb_to_recordset(?::jsonb) as (application text, started timestamptz, status text,
        success boolean, seconds float8)`),
      [JSON.stringify([...ran, { ...ran[1], application: 'api' }])],
    );
  });

  const none = {
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
  const idle = { total: 0, completed: 0, failed: 0, timedOut: 0, superseded: 0, unfinished: 0 };

  test('of a day count what began between midnight and midnight in UTC', async () => {
    const days = await statisticsOf('03T00:00', '06T00:00', 'DAY');
    expect(days).toEqual([
      {
        from: at('03T00:00'),
        to: at('04T00:00'),
        tickets: { ...none, total: 3, succeeded: 1, failed: 1, mixed: 1 },
        operations: { ...idle, total: 4, completed: 3, timedOut: 1 },
        // Of 60, 120 and 180 s; 0.95 × (3 − 1) = 1.9 steps from the first: 120 + 0.9 × 60.
        timeToApproval: { median: 120, p95: 174 },
        // Of 30, 40 and 90 s, not of the 900 s that a time-out takes: 40 + 0.9 × 50.
        duration: { median: 40, p95: 85 },
      },
      {
        from: at('04T00:00'),
        to: at('05T00:00'),
        tickets: { ...none, total: 2, unused: 1, rejected: 1 },
        operations: { ...idle, total: 1, failed: 1 },
        // Nobody approved what took a broken glass.
        timeToApproval: null,
        duration: null,
      },
      {
        from: at('05T00:00'),
        to: at('06T00:00'),
        tickets: none,
        operations: idle,
        timeToApproval: null,
        duration: null,
      },
    ]);
  });

  test('of a week begin on Monday', async () => {
    const weeks = await statisticsOf('01T00:00', '17T00:00', 'WEEK');
    expect(weeks.map(({ from, tickets: { total } }) => [from, total])).toEqual([
      [at('01T00:00'), 1],
      [at('03T00:00'), 6],
      [at('10T00:00'), 4],
    ]);
    expect(weeks[2]).toMatchObject({
      tickets: { ...none, total: 4, failed: 1, expired: 1, open: 2 },
      operations: { ...idle, total: 4, completed: 2, superseded: 1, unfinished: 1 },
      timeToApproval: { median: 1500, p95: 1950 },
      duration: { median: 16.25, p95: 29.975 },
    });
  });

  test('undivided are of the whole time, from its beginning on and before its end', async () => {
    const [whole, ...others] = await statisticsOf('03T00:00', '11T02:00', null);
    expect(others).toEqual([]);
    expect(whole).toMatchObject({
      tickets: {
        total: 9,
        succeeded: 1,
        failed: 2,
        mixed: 1,
        unused: 1,
        rejected: 1,
        cancelled: 1,
        expired: 1,
        open: 1,
      },
      operations: { total: 7, completed: 4, failed: 1, timedOut: 1, superseded: 1, unfinished: 0 },
    });
  });

  test('count each ticket once', async () => {
    const [{ tickets: counted }] = (await statisticsOf('01T00:00', '31T00:00', 'MONTH')) as [ApplicationStatistics];
    const { total, ...parts } = counted;
    expect(total).toBe(tickets.length);
    expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBe(total);
  });

  test('of several applications are kept apart', async () => {
    const range = { from: at('03T00:00'), to: at('04T00:00'), period: null };
    const found = await statisticsOfApplications(replica.desk, ['api', 'nothing', 'web'], range);
    expect(found.map(([one]) => [one!.tickets.total, one!.operations.total])).toEqual([
      [1, 1],
      [0, 0],
      [3, 4],
    ]);
  });

  test.for([
    ['11T00:00', '11T00:00'],
    ['11T00:00', '10T00:00'],
  ] as const)('from %s to %s are refused', async ([from, to]) => {
    await expect(statisticsOf(from, to, 'DAY')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  test('of more than a year are refused', async () => {
    const range = { from: new Date('2024-01-01'), to: new Date('2025-01-02'), period: null };
    await expect(statisticsOfApplications(replica.desk, ['web'], range)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { fields: ['to'] },
    });
    const leapYear = { ...range, to: new Date('2025-01-01') };
    await expect(statisticsOfApplications(replica.desk, ['web'], leapYear)).resolves.toHaveLength(1);
  });
});

describe('among very many tickets and operations', () => {
  beforeAll(async () => {
    const many = 20_000;
    await world.sql(
      insertTickets(`select 'many' || i as ticket_no, case when i % 10 = 3 then 'busy' else 'application-' || i % 1000 end as application, 'COMPLETED' as status,
        timestamptz '2026-01-01Z' + i * interval '80 minutes' as created, 'SUCCEEDED' as result, 60 as seconds, false as is_broken
        from generate_series(1, ${many}) i`),
    );
    await world.sql(
      insertOperations(`select case when i % 10 = 3 then 'busy' else 'application-' || i % 1000 end as application, 'COMPLETED' as status, true as success,
        timestamptz '2026-01-01Z' + i * interval '80 minutes' as started, 60 as seconds from generate_series(1, ${many}) i`),
    );
    for (const table of ['ticket', 'ticket_entry', 'operation']) await world.sql(`analyze ${table}`);
  });

  test.for([
    ['a busy day', 'busy', '2026-02-01', '2026-02-02', 'ticket_created_index'],
    ['a quiet year', 'application-7', '2026-01-01', '2027-01-01', 'ticket_entry_application_index'],
  ] as const)('the statistics of %s come from indexes', async ([, name, from, to, index]) => {
    const range = { from: new Date(from), to: new Date(to), period: 'DAY' } as const;
    const explained = await explain(world, replica, () => statisticsOfApplications(replica.desk, [name], range));
    for (const { nodes } of explained) expect(nodes).not.toContain('Seq Scan');
    expect(explained.map(({ indexes }) => indexes)).toEqual([
      expect.arrayContaining([index]),
      ['operation_application_index'],
    ]);
  });
});
