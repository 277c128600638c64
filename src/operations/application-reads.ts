import type { Application } from '../domain/application.ts';
import type { Target } from '../domain/cluster.ts';
import { isUnfinishedInSql } from '../domain/operation.ts';
import { mayReadApplication, type Owners } from '../domain/permissions.ts';
import type { Actor, Person } from '../domain/person.ts';
import type { Dependencies } from './dependencies.ts';
import type { RedeployRequest } from './inputs.ts';
import type { RowList } from './pages.ts';
import {
  type FrequencyLimits,
  type RecentRedeploys,
  recentRedeploysInSql,
  recentRedeploysParams,
} from './redeploy-frequency.ts';
import { arrayOf, type Columns, groupBy, only, type Question, readRows, type RowSource } from './rows.ts';
import { applicationNotFound } from './tickets.ts';
import { readingTogether } from './transaction.ts';

type Deps = Pick<Dependencies, 'orm'>;

const columns = [
  ...(['id', 'name', 'businessTags', 'owners', 'manifest', 'imageRepositories', 'createdAt', 'updatedAt'] as const),
] as const;
/** Targets stand in the row only where the registration itself is gone from the database. */
export type ApplicationRow = Pick<Application, (typeof columns)[number]> & { lastTargets?: Target[] };
export const applicationRows: RowList<ApplicationRow> = {
  key: 'id',
  order: 'desc',
  cursor: 'int',
  table: 'application',
  columns,
  always: ['id', 'name', 'owners'],
};

type TargetRow = Target & { applicationId: number };
const targetRows: RowSource<TargetRow> = {
  table: 'application_target',
  columns: ['applicationId', 'cluster', 'clusterUid', 'namespace', 'deploymentName'],
};

/** An operation, and where it stands in the way. */
export type Unfinished = Pick<Target, 'clusterUid' | 'namespace' | 'deploymentName'> & {
  id: string;
  username: string;
  grantId: number;
};

/** What a redeploy goes by. */
export type Registered = Pick<Application, 'owners' | 'manifest' | 'imageRepositories'> & {
  targets: Target[];
  /** On these targets, whosever they are. */
  unfinished: Unfinished[];
  /** PostgreSQL's clock, as of this look. */
  now: Date;
};

/** With what the limits of this request go by. Null where it is registered no more. */
export const registeredApplication = (
  limits: FrequencyLimits,
  person: Person,
  request: Pick<RedeployRequest, 'applicationName' | 'rollbackTo'>,
): Question<(Registered & RecentRedeploys) | null> => ({
  text: `select owners, manifest, image_repositories as "imageRepositories", clock_timestamp()::timestamptz(3) as now,
       (select coalesce(jsonb_agg(jsonb_build_object('cluster', cluster, 'clusterUid', cluster_uid, 'namespace', namespace,
          'deploymentName', deployment_name) order by position), '[]')
        from application_target t where t.application_id = a.id) as targets,
       (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'username', username, 'grantId', grant_id,
          'clusterUid', cluster_uid, 'namespace', namespace, 'deploymentName', deployment_name)), '[]')
        from operation join (select cluster_uid, namespace, deployment_name from application_target t
          where t.application_id = a.id) t using (cluster_uid, namespace, deployment_name)
        where ${isUnfinishedInSql}) as unfinished,
       ${recentRedeploysInSql}
     from application a where name = ?`,
  params: [...recentRedeploysParams(limits, person, request), request.applicationName],
  read: ([row]: (Registered & RecentRedeploys)[]) => row ?? null,
});

/** Throws NOT_FOUND for what does not exist and for what this person may not know of. */
export async function findApplication(deps: Deps, actor: Actor, name: string): Promise<ApplicationRow> {
  const [row] = await readingTogether(deps, (em) => readRows(em, applicationRows, 'where name = ?', [name]));
  if (!row || !mayReadApplication(actor, row.owners)) throw applicationNotFound(name);
  return row;
}

export const targetsOfApplications = async (deps: Deps, ids: readonly number[]): Promise<Target[][]> => {
  const rows = await readingTogether(deps, (em) =>
    readRows(em, targetRows, 'where application_id = any(?::int[]) order by position', [arrayOf(ids)]),
  );
  return groupBy(rows, ids, (row) => row.applicationId);
};

/** By name. Null for what is registered no more and for what this person may not know of. */
export const applicationsByName = async (
  deps: Deps,
  actor: Actor,
  names: readonly string[],
  columns?: Columns,
): Promise<(ApplicationRow | null)[]> => {
  const rows = await readingTogether(deps, (em) =>
    readRows(em, only(applicationRows, columns), 'where name in (select jsonb_array_elements_text(?::jsonb))', [
      JSON.stringify(names),
    ]),
  );
  const readable = rows.filter(({ owners }) => mayReadApplication(actor, owners));
  const byName = new Map(readable.map((row) => [row.name, row]));
  return names.map((name) => byName.get(name) ?? null);
};

/** Whose these applications are; without those that are registered no more. */
export async function ownersOfApplications(deps: Deps, names: readonly string[]): Promise<Map<string, Owners>> {
  const rows = await readingTogether(deps, (em) =>
    em.execute<{ name: string; owners: Owners }[]>(
      'select name, owners from application where name in (select jsonb_array_elements_text(?::jsonb))',
      [JSON.stringify(names)],
    ),
  );
  return new Map(rows.map(({ name, owners }) => [name, owners]));
}

/** Whose the applications of each of these tickets are; null stands for one that is registered no more. */
export async function ownersOfTickets(
  deps: Deps,
  ticketIds: readonly number[],
): Promise<Map<number, (Owners | null)[]>> {
  const rows = await readingTogether(deps, (em) =>
    em.execute<{ ticketId: number; owners: Owners | null }[]>(
      `select e.ticket_id as "ticketId", a.owners from ticket_entry e
       left join application a on a.name = e.application_name where e.ticket_id = any(?::int[])`,
      [arrayOf(ticketIds)],
    ),
  );
  const lists = groupBy(rows, ticketIds, (row) => row.ticketId);
  return new Map(ticketIds.map((id, place) => [id, lists[place]!.map(({ owners }) => owners)]));
}
