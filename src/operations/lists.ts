import { mayDecide, seesEverything } from '../domain/permissions.ts';
import type { Actor } from '../domain/person.ts';
import type { RolloutStatus } from '../domain/rollout.ts';
import type { TicketCategory, TicketStatus } from '../domain/ticket-status.ts';
import { type ApplicationRow, applicationRows } from './application-reads.ts';
import type { Dependencies } from './dependencies.ts';
import { type OperationRow, operationRows, type TicketRow, ticketRows } from './reads.ts';
import { type Page, pageOf } from './pages.ts';
import { type Columns, Conditions, type Filter, only } from './rows.ts';
import { grantRows, type RedeployToken, showGrant } from './tokens.ts';
import { databaseNow, readingRows } from './transaction.ts';

/*
 * The lists, newest first. Each shows only what the viewer may know of; a filter narrows it further.
 */

type Deps = Pick<Dependencies, 'orm'>;

export type TicketFilter = Filter<{
  awaitingMyDecision: boolean;
  openReview: boolean;
  status: readonly TicketStatus[];
  category: readonly TicketCategory[];
  username: string;
  applicationName: string;
  createdAfter: Date;
  createdBefore: Date;
}>;

export function listTickets(
  deps: Deps,
  actor: Actor,
  filter: TicketFilter,
  page: Page,
  columns?: Columns,
): Promise<TicketRow[]> {
  const where = new Conditions();
  if (!seesEverything(actor)) where.add('issuer = ? and subject = ?', actor.issuer, actor.subject);
  if (filter?.awaitingMyDecision) {
    where.add(`status = 'PENDING_APPROVAL' and decide_by > clock_timestamp() and ?::boolean`, mayDecide(actor));
    // As the ticket itself decides: somebody else, who has not approved it yet, and whose approval is missing.
    where.add(`not ${mayBe('it')}`, ...nameOf(actor));
    where.add(`not exists (select from approval a where a.ticket_id = it.id and ${mayBe('a')})`, ...nameOf(actor));
    where.add(
      '(awaits_groups is null or awaits_groups && array(select jsonb_array_elements_text(?::jsonb)))',
      JSON.stringify(actor.groups),
    );
  }
  if (filter?.openReview) where.add('break_glass_at is not null and reviewed_at is null');
  where.oneOf('status', filter?.status);
  where.oneOf('category', filter?.category);
  where.equals('username', filter?.username);
  if (filter?.applicationName != null) {
    where.add(
      'exists (select from ticket_entry e where e.ticket_id = it.id and e.application_name = ?)',
      filter.applicationName,
    );
  }
  where.between('created_at', filter?.createdAfter, filter?.createdBefore);
  return readingRows(deps, (em) => pageOf(em, only(ticketRows, columns), where, page));
}

/** `mayBeSamePerson`, of a row. */
const mayBe = (row: string): string =>
  `(${row}.issuer = ? and ${row}.subject = ? or lower(${row}.username) = lower(?))`;
const nameOf = ({ issuer, subject, username }: Actor): string[] => [issuer, subject, username];

export type OperationFilter = Filter<{
  rolloutStatus: readonly RolloutStatus[];
  username: string;
  applicationName: string;
  cluster: string;
  namespace: string;
  startedAfter: Date;
  startedBefore: Date;
}>;

export function listOperations(deps: Deps, actor: Actor, filter: OperationFilter, page: Page): Promise<OperationRow[]> {
  const where = new Conditions();
  if (!seesEverything(actor)) where.add('issuer = ? and subject = ?', actor.issuer, actor.subject);
  where.oneOf('rollout_status', filter?.rolloutStatus);
  where.equals('username', filter?.username);
  where.equals('application_name', filter?.applicationName);
  where.equals('cluster', filter?.cluster);
  where.equals('namespace', filter?.namespace);
  where.between('operation_start_time', filter?.startedAfter, filter?.startedBefore);
  return readingRows(deps, (em) => pageOf(em, operationRows, where, page));
}

export type TokenFilter = Filter<{ valid: boolean; username: string; applicationName: string }>;

const isLive = '(revoked_at is null and expires > clock_timestamp() and (max_uses is null or uses < max_uses))';

export function listTokens(deps: Deps, actor: Actor, filter: TokenFilter, page: Page): Promise<RedeployToken[]> {
  const where = new Conditions();
  if (!seesEverything(actor)) where.add('issuer = ? and subject = ?', actor.issuer, actor.subject);
  if (filter?.valid != null) where.add(filter.valid ? isLive : `not ${isLive}`);
  where.equals('username', filter?.username);
  where.equals('application_name', filter?.applicationName);
  return readingRows(deps, async (em) => {
    const now = await databaseNow(em);
    const rows = await pageOf(em, grantRows, where, page);
    return rows.map((row) => showGrant(row, row.ticketId, now));
  });
}

export type ApplicationFilter = Filter<{ name: string; tagKey: string; tagValue: string; namespace: string }>;

export function listApplications(
  deps: Deps,
  actor: Actor,
  filter: ApplicationFilter,
  page: Page,
): Promise<ApplicationRow[]> {
  const where = new Conditions();
  if (!seesEverything(actor)) {
    where.add(
      `(owners -> 'users' @> to_jsonb(?::text) or exists (select from jsonb_array_elements_text(owners -> 'groups') g
         where g in (select jsonb_array_elements_text(?::jsonb))))`,
      actor.username,
      JSON.stringify(actor.groups),
    );
  }
  where.equals('name', filter?.name);
  const { tagKey, tagValue } = filter ?? {};
  const tag = { ...(tagKey == null ? {} : { tagKey }), ...(tagValue == null ? {} : { tagValue }) };
  if (Object.keys(tag).length > 0) where.add('business_tags @> ?::jsonb', JSON.stringify([tag]));
  if (filter?.namespace != null) {
    where.add(
      'exists (select from application_target t where t.application_id = it.id and t.namespace = ?)',
      filter.namespace,
    );
  }
  return readingRows(deps, (em) => pageOf(em, applicationRows, where, page));
}
