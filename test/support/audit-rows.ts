import { openDatabase } from '../../src/adapters/database/database.ts';
import { type AuditKind, auditKindLevels } from '../../src/domain/audit-facts.ts';
import type { TestDatabase } from './database.ts';

/** One ticket's records, in order. */
const story: AuditKind[] = [
  ...(['TICKET_CREATE', 'ENTRY_CREATE', 'TICKET_APPROVE', 'ENTRY_PROCESS', 'ENTRY_SUCCESS', 'TOKEN_CREATE'] as const),
  ...(['TOKEN_USE', 'REDEPLOY_START', 'DEPLOYMENT_UPDATE', 'REDEPLOY_PROGRESS', 'REPLICASET_CREATE'] as const),
  ...(['ROLLOUT_STATUS', 'ROLLOUT_STATUS', 'ROLLOUT_STATUS', 'REDEPLOY_PROGRESS', 'ROLLOUT_STATUS'] as const),
  ...(['ROLLOUT_STATUS', 'POD_CHANGES', 'REDEPLOY_SUCCESS', 'TICKET_COMPLETE_REQUEST', 'TOKEN_REVOKE'] as const),
  'TICKET_COMPLETE',
];

/** A year of records begins then. */
export const recordBegin = new Date('2025-01-01T00:00:00.000Z');

/**
 * A year's record, evenly spread. Of its first half every third ticket is of one user, application and namespace that do
 * not occur any more afterwards, and was rejected at first: frequent names that a walk from the newest record
 * would look for in vain for half of the record.
 */
export async function fillRecord({ ownerUrl }: Pick<TestDatabase, 'ownerUrl'>, count: number): Promise<void> {
  const owner = openDatabase(ownerUrl, 1, 3_600_000); // millions of rows take their time
  const em = owner.em.fork();
  const sql = <Row extends object>(text: string, params: unknown[] = []) => em.execute<Row[]>(text, params);
  await sql(`set maintenance_work_mem = '512MB'`);
  const literal = `{${story.join(',')}}`;
  const indexes = await sql<{ name: string; statement: string }>(
    `select indexname as name, indexdef as statement from pg_indexes where tablename = 'audit_record'
       and indexname not in (select conname from pg_constraint)`,
  );
  for (const { name } of indexes) await sql(`drop index ${name}`);
  await sql(
    `with given as (select ?::int as total, ?::text[] as story, cardinality(?::text[]) as steps, ?::timestamptz as begin),
     numbered as (select i, i / steps as ticket, i % steps + 1 as place, i < total / 2 and i / steps % 3 = 0 as is_old
       from given, generate_series(1, total) i),
     told as (select *,
         case when is_old and place = 3 then 'TICKET_REJECT' else story[place] end as kind,
         case when is_old then 'retired' else 'user-' || ticket % 100 end as person,
         case when is_old then 'retired' else 'application-' || ticket % 200 end as application,
         case when is_old then 'retired' when ticket % 10 = 0 then 'staging' else 'production' end as place_name
       from numbered, given),
     levelled as (select * from told join jsonb_each_text(?::jsonb) as levels (of, level) on levels.of = told.kind)
     insert into audit_record (ticket_id, sequence, level, kind, at, issuer, subject, username, ticket_no,
       application_name, operation_id, cluster, namespace, message, data, previous_hash, hash)
     select ticket, place, level, kind, begin + i * (interval '365 days' / total),
       'https://issuer.test', 'subject-of-' || person, case when level <> 'TOKEN' then person end,
       'n' || lpad(ticket::text, 7, '0'), case when level <> 'TICKET' then application end,
       case when level in ('OPERATION', 'KUBERNETES') then lpad(ticket::text, 32, '0')::uuid end,
       case when level in ('OPERATION', 'KUBERNETES') then 'main' end,
       case when level in ('OPERATION', 'KUBERNETES') then place_name end,
       'what happened to ' || application || ' told in a sentence of some length: ' || kind,
       jsonb_build_object('reason', 'it answers 500 since ' || i,
         'result', case when ticket % 50 = 0 then 'FAILED' else 'SUCCEEDED' end),
       md5(i::text) || md5(i::text), md5(kind) || md5(i::text)
     from levelled order by i`,
    [count, literal, literal, recordBegin.toISOString(), JSON.stringify(auditKindLevels)],
  );
  for (const { statement } of indexes) await sql(statement);
  await sql('vacuum analyze audit_record');
  await owner.close(true);
}
