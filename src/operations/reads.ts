import type { AuditKind, AuditLevel } from '../domain/audit-facts.ts';
import { RedeployError } from '../domain/errors.ts';
import type { Grant } from '../domain/grant.ts';
import type { Operation } from '../domain/operation.ts';
import { mayReadWhatBelongsTo } from '../domain/permissions.ts';
import type { Actor } from '../domain/person.ts';
import type { RolloutEvent, RolloutState } from '../domain/rollout.ts';
import type { TicketChange } from '../domain/ticket-changes.ts';
import type { Approval, Ticket, TicketEntry } from '../domain/ticket.ts';
import type { Dependencies } from './dependencies.ts';
import { type Page, pagesOf, type RowList } from './pages.ts';
import { arrayOf, columnOf, type Columns, groupBy, only, readRows, type RowSource } from './rows.ts';
import { ticketNotFound } from './ticket-locks.ts';
import { readingTogether } from './transaction.ts';

type Deps = Pick<Dependencies, 'orm'>;

const ticketColumns = [
  ...(['id', 'ticketNo', 'category', 'reason', 'issuer', 'subject', 'username', 'status', 'result'] as const),
  ...(['approvalsRequired', 'createdAt', 'decideBy', 'approvedAt', 'endedAt', 'summary', 'auditSequence'] as const),
  ...(['policy', 'policyHash', 'breakGlassAt', 'breakGlassReason', 'reviewedAt', 'reviewedBy'] as const),
  ...(['reviewComment', 'completionAskedAt'] as const),
] as const;
export type TicketRow = Pick<Ticket, (typeof ticketColumns)[number]>;
export const ticketRows: RowList<TicketRow> = {
  key: 'id',
  order: 'desc',
  cursor: 'int',
  table: 'ticket',
  columns: ticketColumns,
  always: ['id', 'approvalsRequired'],
};

const entryColumns = [
  ...(['id', 'applicationName', 'businessTags', 'targets', 'manifest', 'expectedEffect', 'rollbackPlan'] as const),
  ...(['success', 'completed', 'executedAt', 'completedAt', 'errorMessage'] as const),
] as const;
const tokenColumns = [
  ...(['ticketNo', 'username', 'expires', 'revokedAt', 'revokedReason', 'uses', 'maxUses', 'breakGlass'] as const),
] as const;
type Token = Pick<Grant, (typeof tokenColumns)[number]>;
/** With the columns of its token, where one was granted, as they stood at `readAt` by PostgreSQL's clock. */
export type EntryRow = Pick<TicketEntry, (typeof entryColumns)[number]> & { ticketId: number; readAt: Date } & (
    | (Token & { grantId: number })
    | ({ [K in keyof Token]: null } & { grantId: null })
  );
const entryRows: RowSource<EntryRow> = {
  // An entry has one token at most: where none of its columns is asked for, PostgreSQL leaves the join out.
  table: `(select e.*, g.id as grant_id, ${tokenColumns.map((name) => `g.${columnOf(name)}`).join(', ')},
    now()::timestamptz(3) as read_at from ticket_entry e left join redeploy_grant g on g.entry_id = e.id)`,
  columns: [...entryColumns, 'ticketId', 'grantId', ...tokenColumns, 'readAt'],
  always: ['id', 'ticketId'],
};

const approvalColumns = ['id', 'username', 'decision', 'comment', 'groups', 'at'] as const;
export type ApprovalRow = Pick<Approval, (typeof approvalColumns)[number]> & { ticketId: number };
const approvalRows: RowSource<ApprovalRow> = {
  table: 'approval',
  columns: [...approvalColumns, 'ticketId'],
  always: ['ticketId'],
};

const operationColumns = [
  ...(['id', 'type', 'issuer', 'subject', 'username', 'applicationName', 'cluster', 'namespace'] as const),
  ...([
    'deploymentName',
    'reason',
    'previousImage',
    'previousReplicas',
    'rolloutStrategy',
    'operationStartTime',
  ] as const),
  ...(['rolloutStatus', 'sequence', 'lastUpdateTime', 'revision', 'currentImage', 'currentReplicas'] as const),
  ...([
    'operationEndTime',
    'durationSeconds',
    'success',
    'errorMessage',
    'newPods',
    'terminatedPods',
    'failures',
  ] as const),
  ...(['images', 'rollbackTo', 'warnings', 'firstPodAt', 'availableAt', 'succeededLateAt'] as const),
] as const;
export type OperationRow = Pick<Operation, (typeof operationColumns)[number]> & { ticketId: number; entryId: number };
export const operationRows: RowList<OperationRow> = {
  key: 'id',
  order: 'desc',
  cursor: 'uuid',
  table: 'operation',
  columns: [...operationColumns, 'ticketId', 'entryId'],
  always: ['id', 'ticketId', 'rolloutStatus'],
};

const auditColumns = [
  ...(['id', 'sequence', 'level', 'kind', 'at', 'username', 'ticketNo', 'applicationName', 'operationId'] as const),
  ...(['cluster', 'namespace', 'message', 'data', 'hash', 'previousHash', 'ticketId', 'address'] as const),
] as const;
export type AuditRow = {
  id: string;
  ticketId: number | null;
  sequence: number | null;
  level: AuditLevel;
  kind: AuditKind;
  at: Date;
  username: string | null;
  address: string | null;
  ticketNo: string | null;
  applicationName: string | null;
  operationId: string | null;
  cluster: string | null;
  namespace: string | null;
  message: string;
  data: Record<string, unknown>;
  hash: string;
  previousHash: string | null;
};
export const auditRows: RowSource<AuditRow> = { table: 'audit_record', columns: auditColumns };
/** A ticket's story: in the order in which it was written, which is not quite that of its instants. */
const ticketAuditRows: RowList<AuditRow> = { ...auditRows, key: 'sequence', order: 'asc', cursor: 'int' };

/** Throws NOT_FOUND for what does not exist and for what this person may not know of. */
export async function findTicket(deps: Deps, actor: Actor, ticketNo: string): Promise<TicketRow> {
  const [row] = await readingTogether(deps, (em) =>
    readRows<TicketRow>(em, ticketRows, 'where ticket_no = ?', [ticketNo]),
  );
  if (!row || !mayReadWhatBelongsTo(actor, row)) throw ticketNotFound(ticketNo);
  return row;
}

/** Of what is at hand nothing is read again. */
export function operationRowOf(operation: Operation): OperationRow {
  const row = Object.fromEntries(operationColumns.map((name) => [name, operation[name] ?? null]));
  return { ...(row as unknown as OperationRow), ticketId: operation.ticket.id, entryId: operation.entry.id };
}

/** Throws NOT_FOUND for what does not exist and for what this person may not know of. */
export async function findOperation(deps: Deps, actor: Actor, id: string): Promise<OperationRow> {
  const [row] = isUuid(id)
    ? await readingTogether(deps, (em) => readRows<OperationRow>(em, operationRows, 'where id = ?', [id]))
    : [];
  if (!row || !mayReadWhatBelongsTo(actor, row)) throw new RedeployError('NOT_FOUND', `there is no operation ${id}`);
  return row;
}

/** Those that exist, in no order. */
export const ticketsAmong = (deps: Deps, ids: readonly number[]): Promise<TicketRow[]> =>
  batch<TicketRow>(deps, ticketRows, 'where id = any(?::int[])', ids);

export const ticketsById = async (deps: Deps, ids: readonly number[]): Promise<TicketRow[]> =>
  groupBy(await ticketsAmong(deps, ids), ids, (row) => row.id).map(([row]) => row!);

export const entriesOfTickets = async (deps: Deps, ids: readonly number[], columns?: Columns): Promise<EntryRow[][]> =>
  groupBy(
    await batch<EntryRow>(deps, only(entryRows, columns), 'where ticket_id = any(?::int[]) order by position', ids),
    ids,
    (row) => row.ticketId,
  );

export const approvalsOfTickets = async (
  deps: Deps,
  ids: readonly number[],
  columns?: Columns,
): Promise<ApprovalRow[][]> =>
  groupBy(
    await batch<ApprovalRow>(deps, only(approvalRows, columns), 'where ticket_id = any(?::int[]) order by id', ids),
    ids,
    (row) => row.ticketId,
  );

const batch = <R extends object>(
  deps: Deps,
  source: RowSource<R>,
  rest: string,
  ids: readonly number[],
): Promise<R[]> => readingTogether(deps, (em) => readRows<R>(em, source, rest, [arrayOf(ids)]));

/** Each ticket's operations, newest first; cursors are the operations' ids. */
export const operationsOfTickets = (
  deps: Deps,
  ticketIds: readonly number[],
  page: Page,
  columns?: Columns,
): Promise<OperationRow[][]> =>
  readingTogether(deps, (em) =>
    pagesOf(em, only(operationRows, columns), { column: 'ticketId', type: 'int' }, ticketIds, page),
  );

/** Each ticket's story, in order; cursors are the records' numbers within the ticket. */
export const auditOfTickets = (deps: Deps, ticketIds: readonly number[], page: Page): Promise<AuditRow[][]> =>
  readingTogether(deps, (em) => pagesOf(em, ticketAuditRows, { column: 'ticketId', type: 'int' }, ticketIds, page));

/** Each operation's events, in order; cursors are their numbers. */
export const eventsOfOperations = (deps: Deps, ids: readonly string[], page: Page): Promise<RolloutEvent[][]> =>
  readingTogether(deps, async (em) => {
    const lists = await pagesOf(em, eventRows, { column: 'operationId', type: 'uuid' }, ids, page);
    return lists.map((rows) => rows.map(toEvent));
  });

/** Events behind a number, oldest first. */
export const eventsAfter = (deps: Deps, operationId: string, after: number, limit: number): Promise<RolloutEvent[]> =>
  eventsOfOperations(deps, [operationId], { after: String(after), before: null, limit, inverted: false }).then(
    ([events]) => events!,
  );

/** The present state of an operation; there is always one, written with the operation itself. */
export async function latestEvent(deps: Deps, operationId: string): Promise<RolloutEvent> {
  const [row] = await readingTogether(deps, (em) =>
    readRows<EventRow>(em, eventRows, 'where operation_id = ? order by sequence desc limit 1', [operationId]),
  );
  return toEvent(row!);
}

/** The highest event number of each of these operations, in one query. */
export async function latestSequences(deps: Deps, operationIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await readingTogether(deps, (em) =>
    em.execute<{ id: string; sequence: number }[]>('select id, sequence from operation where id = any(?::uuid[])', [
      arrayOf(operationIds),
    ]),
  );
  return new Map(rows.map(({ id, sequence }) => [id, sequence]));
}

type EventRow = { operationId: string; sequence: number; at: Date; state: RolloutState };
const eventRows: RowList<EventRow> = {
  key: 'sequence',
  order: 'asc',
  cursor: 'int',
  table: 'operation_event',
  columns: ['operationId', 'sequence', 'at', 'state'],
};
const toEvent = ({ state, operationId, sequence, at }: EventRow): RolloutEvent => ({
  ...state,
  operationId,
  sequence,
  at,
});

export const isUuid = (id: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);

/** Tickets with records behind this one, and the last record there is. */
export async function ticketChangesSince(
  deps: Deps,
  auditId: string,
): Promise<{ changes: TicketChange[]; lastId: string }> {
  const changes = await readingTogether(deps, (em) =>
    em.execute<(TicketChange & { lastId: string })[]>(
      `select ticket_id as "ticketId", max(sequence) as version, max(id)::text as "lastId"
       from audit_record where id > ?::bigint and ticket_id is not null group by ticket_id`,
      [auditId],
    ),
  );
  const lastId = changes.reduce(
    (last, change) => (BigInt(change.lastId) > BigInt(last) ? change.lastId : last),
    auditId,
  );
  return { changes, lastId };
}

export async function lastAuditId(deps: Deps): Promise<string> {
  const [row] = await readingTogether(deps, (em) =>
    em.execute<{ id: string }[]>('select coalesce(max(id), 0)::text as id from audit_record'),
  );
  return row!.id;
}

/** Without what merely repeats another step on the level of entries and Kubernetes. */
const stepRows: RowList<AuditRow> = {
  ...ticketAuditRows,
  table: `(select * from audit_record where level in ('TICKET', 'TOKEN', 'OPERATION'))`,
};

/** The first thousand steps of each of these tickets, in order. */
export const stepsOfTickets = (deps: Deps, ticketIds: readonly number[]): Promise<AuditRow[][]> =>
  readingTogether(deps, (em) =>
    pagesOf(em, stepRows, { column: 'ticketId', type: 'int' }, ticketIds, {
      after: null,
      before: null,
      limit: 1_000,
      inverted: false,
    }),
  );
