import type { EntityManager } from '@mikro-orm/postgresql';
import type { AuditKind, AuditLevel } from '../domain/audit-facts.ts';
import { RedeployError } from '../domain/errors.ts';
import type { Operation } from '../domain/operation.ts';
import { mayReadWhatBelongsTo } from '../domain/permissions.ts';
import type { Actor } from '../domain/person.ts';
import type { RolloutEvent, RolloutState } from '../domain/rollout.ts';
import type { Approval, Ticket, TicketEntry } from '../domain/ticket.ts';
import type { Dependencies } from './dependencies.ts';
import { arrayOf, groupBy, readRows, type RowSource } from './rows.ts';
import { ticketNotFound } from './ticket-locks.ts';
import { reading } from './transaction.ts';

type Deps = Pick<Dependencies, 'orm'>;

const ticketColumns = [
  ...(['id', 'ticketNo', 'category', 'reason', 'issuer', 'subject', 'username', 'status', 'result'] as const),
  ...(['approvalsRequired', 'createdAt', 'decideBy', 'approvedAt', 'endedAt', 'summary'] as const),
] as const;
export type TicketRow = Pick<Ticket, (typeof ticketColumns)[number]>;
export const ticketRows: RowSource<TicketRow> = {
  table: 'ticket',
  columns: ticketColumns,
  instants: ['createdAt', 'decideBy', 'approvedAt', 'endedAt'],
};

const entryColumns = [
  ...(['id', 'applicationName', 'businessTags', 'targets', 'expectedEffect', 'rollbackPlan'] as const),
  ...(['success', 'completed', 'executedAt', 'completedAt', 'errorMessage'] as const),
] as const;
export type EntryRow = Pick<TicketEntry, (typeof entryColumns)[number]> & { ticketId: number };
const entryRows: RowSource<EntryRow> = {
  table: 'ticket_entry',
  columns: [...entryColumns, 'ticketId'],
  instants: ['executedAt', 'completedAt'],
};

const approvalColumns = ['id', 'username', 'decision', 'comment', 'at'] as const;
export type ApprovalRow = Pick<Approval, (typeof approvalColumns)[number]> & { ticketId: number };
const approvalRows: RowSource<ApprovalRow> = {
  table: 'approval',
  columns: [...approvalColumns, 'ticketId'],
  instants: ['at'],
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
] as const;
export type OperationRow = Pick<Operation, (typeof operationColumns)[number]> & { ticketId: number; entryId: number };
export const operationRows: RowSource<OperationRow> = {
  table: 'operation',
  columns: [...operationColumns, 'ticketId', 'entryId'],
  instants: ['operationStartTime', 'lastUpdateTime', 'operationEndTime'],
};

const auditColumns = [
  ...(['id', 'sequence', 'level', 'kind', 'at', 'username', 'ticketNo', 'applicationName', 'operationId'] as const),
  ...(['cluster', 'namespace', 'message', 'data', 'hash', 'previousHash'] as const),
] as const;
export type AuditRow = {
  id: string;
  sequence: number | null;
  level: AuditLevel;
  kind: AuditKind;
  at: Date;
  username: string | null;
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
export const auditRows: RowSource<AuditRow> = { table: 'audit_record', columns: auditColumns, instants: ['at'] };

/** Throws NOT_FOUND for what does not exist and for what this person may not know of. */
export async function findTicket(deps: Deps, actor: Actor, ticketNo: string): Promise<TicketRow> {
  const [row] = await reading(deps, (em) => readRows<TicketRow>(em, ticketRows, 'where ticket_no = ?', [ticketNo]));
  if (!row || !mayReadWhatBelongsTo(actor, row)) throw ticketNotFound(ticketNo);
  return row;
}

/** Throws NOT_FOUND for what does not exist and for what this person may not know of. */
export async function findOperation(deps: Deps, actor: Actor, id: string): Promise<OperationRow> {
  const [row] = isUuid(id)
    ? await reading(deps, (em) => readRows<OperationRow>(em, operationRows, 'where id = ?', [id]))
    : [];
  if (!row || !mayReadWhatBelongsTo(actor, row)) throw new RedeployError('NOT_FOUND', `there is no operation ${id}`);
  return row;
}

export const ticketsById = async (deps: Deps, ids: readonly number[]): Promise<TicketRow[]> => {
  const rows = await batch<TicketRow>(deps, ticketRows, 'where id = any(?::int[])', ids);
  return groupBy(rows, ids, (row) => row.id).map(([row]) => row!);
};

export const entriesOfTickets = async (deps: Deps, ids: readonly number[]): Promise<EntryRow[][]> =>
  groupBy(
    await batch<EntryRow>(deps, entryRows, 'where ticket_id = any(?::int[]) order by position', ids),
    ids,
    (row) => row.ticketId,
  );

export const approvalsOfTickets = async (deps: Deps, ids: readonly number[]): Promise<ApprovalRow[][]> =>
  groupBy(
    await batch<ApprovalRow>(deps, approvalRows, 'where ticket_id = any(?::int[]) order by id', ids),
    ids,
    (row) => row.ticketId,
  );

const batch = <R extends object>(
  deps: Deps,
  source: RowSource<R>,
  rest: string,
  ids: readonly number[],
): Promise<R[]> => reading(deps, (em) => readRows<R>(em, source, rest, [arrayOf(ids)]));

/** A page of a list that is ordered by one ascending number or id. */
export type Page = { after: string | null; before: string | null; limit: number; inverted: boolean };

/** One ticket's operations, newest first; cursors are the operations' ids. */
export const operationsPage = (deps: Deps, ticketId: number, page: Page): Promise<OperationRow[]> =>
  reading(deps, (em) =>
    pageOf<OperationRow>(em, operationRows, 'id', 'desc', 'uuid', 'ticket_id = ?', [ticketId], page),
  );

/** One ticket's story, in order; cursors are the records' numbers within the ticket. */
export const auditPage = (deps: Deps, ticketId: number, page: Page): Promise<AuditRow[]> =>
  reading(deps, (em) => pageOf<AuditRow>(em, auditRows, 'sequence', 'asc', 'int', 'ticket_id = ?', [ticketId], page));

/** One operation's events, in order; cursors are their numbers. */
export const eventsPage = (deps: Deps, operationId: string, page: Page): Promise<RolloutEvent[]> =>
  reading(deps, async (em) => {
    const rows = await pageOf<EventRow>(
      em,
      eventRows,
      'sequence',
      'asc',
      'int',
      'operation_id = ?',
      [operationId],
      page,
    );
    return rows.map(toEvent);
  });

/** Events behind a number, oldest first. */
export const eventsAfter = (deps: Deps, operationId: string, after: number, limit: number): Promise<RolloutEvent[]> =>
  eventsPage(deps, operationId, { after: String(after), before: null, limit, inverted: false });

/** The present state of an operation; there is always one, written with the operation itself. */
export async function latestEvent(deps: Deps, operationId: string): Promise<RolloutEvent> {
  const [row] = await reading(deps, (em) =>
    readRows<EventRow>(em, eventRows, 'where operation_id = ? order by sequence desc limit 1', [operationId]),
  );
  return toEvent(row!);
}

/** The highest event number of each of these operations, in one query. */
export async function latestSequences(deps: Deps, operationIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await reading(deps, (em) =>
    em.execute<{ id: string; sequence: number }[]>('select id, sequence from operation where id = any(?::uuid[])', [
      arrayOf(operationIds),
    ]),
  );
  return new Map(rows.map(({ id, sequence }) => [id, sequence]));
}

type EventRow = { operationId: string; sequence: number; at: Date; state: RolloutState };
const eventRows: RowSource<EventRow> = {
  table: 'operation_event',
  columns: ['operationId', 'sequence', 'at', 'state'],
  instants: ['at'],
};
const toEvent = ({ state, operationId, sequence, at }: EventRow): RolloutEvent => ({
  ...state,
  operationId,
  sequence,
  at,
});

/** One page of rows that are ordered by one column. */
export function pageOf<R extends object>(
  em: EntityManager,
  source: RowSource<R>,
  key: string,
  order: 'asc' | 'desc',
  type: 'int' | 'bigint' | 'uuid',
  where: string,
  params: readonly unknown[],
  { after, before, limit, inverted }: Page,
): Promise<R[]> {
  const [behind, ahead] = order === 'asc' ? ['>', '<'] : ['<', '>'];
  const direction = inverted === (order === 'asc') ? 'desc' : 'asc';
  const conditions = [where];
  const values = [...params];
  for (const [cursor, sign] of [
    [after, behind],
    [before, ahead],
  ] as const) {
    if (cursor === null) continue;
    conditions.push(`${key} ${sign} ?::${type}`);
    values.push(cursor);
  }
  return readRows<R>(em, source, `where ${conditions.join(' and ')} order by ${key} ${direction} limit ?`, [
    ...values,
    limit,
  ]);
}

export const isUuid = (id: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
