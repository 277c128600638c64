import { toWholeSeconds } from '../../src/domain/operation.ts';
import type { TestServices } from '../support/service.ts';
import { faultsInChain } from '../support/audit-chain.ts';
import type { FaultWorld, Prepared, Standing } from './fault-world.ts';

export type FindingKind = 'doubled restart' | 'lost operation' | 'lost record' | 'lost event' | 'late change';
export type Finding = { kind: FindingKind; what: string };

export type OperationRow = {
  id: string;
  ticketId: number;
  status: string;
  isEnded: boolean;
  isAnnounced: boolean;
  startedAt: string;
  revision: number | null;
  sequence: number;
  uses: number;
  ticketStatus: string;
};

/** What alice's request has become; nothing where it was never stored. */
export async function operationOf(
  { sql }: TestServices,
  { input }: Pick<Prepared, 'input'>,
): Promise<OperationRow | undefined> {
  const rows = await sql<OperationRow>(
    `select o.id, o.ticket_id as "ticketId", rollout_status as status, success is not null as "isEnded",
            announced_at is not null as "isAnnounced", operation_start_time as "startedAt", revision, sequence, g.uses,
            t.status as "ticketStatus"
     from operation o join redeploy_grant g on g.id = o.grant_id join ticket t on t.id = o.ticket_id
     where request_id = ?`,
    [input.requestId],
  );
  return rows[0];
}

/** What an operation that ended well has left behind otherwise than it should. */
export async function findingsIn(world: FaultWorld, prepared: Prepared, row: OperationRow): Promise<Finding[]> {
  const { sql } = world.services;
  const records = await sql<{ kind: string }>('select kind from audit_record where operation_id = ? order by id', [
    row.id,
  ]);
  const events = await sql<{ sequence: number; status: string }>(
    'select sequence, status from operation_event where operation_id = ? order by sequence',
    [row.id],
  );
  const announced = await announcements(world, prepared, row.id);
  return [
    ...inCluster(prepared, row, await world.standing(prepared)),
    ...differences('lost operation', {
      status: [row.status, 'COMPLETED'],
      'uses of the token': [row.uses, 1],
      'status of the ticket': [row.ticketStatus, 'AUTHORIZED'],
    }),
    ...differences('lost record', {
      'faults in the chain': [await faultsInChain({ sql }, row.ticketId), []],
      ...onceEach(prepared, records),
      'Events of Kubernetes': [announced, [`redeploy.${row.id}.ended`, `redeploy.${row.id}.started`]],
      'numbers of the stored events': [numbersOf(events), upTo(row.sequence)],
      'final events': [events.flatMap(({ status }) => (isFinal(status) ? status : [])), ['COMPLETED']],
    }),
  ];
}

/** What a client has not got as it should: every event once, in order, up to the final one. */
export const findingsInStream = (
  who: string,
  events: readonly { sequence: number; status: string }[],
  { sequence }: OperationRow,
): Finding[] => differences('lost event', { [`events of ${who}`]: [numbersOf(events), upTo(sequence)] });

export const differences = (kind: FindingKind, facts: Record<string, [is: unknown, should: unknown]>): Finding[] =>
  Object.entries(facts).flatMap(([name, [is, should]]) => {
    const [one, other] = [JSON.stringify(is), JSON.stringify(should)];
    return one === other ? [] : { kind, what: `${name}: ${one}, not ${other}` };
  });

function inCluster({ type, before }: Prepared, row: OperationRow, after: Standing): Finding[] {
  const restartedAt = type === 'ROLLBACK' ? before.restartedAt : toWholeSeconds(new Date(row.startedAt));
  return differences('doubled restart', {
    generation: [after.generation, before.generation + 1],
    revision: [after.revision, before.revision + 1],
    "the operation's revision": [row.revision, before.revision + 1],
    // A rollback revives one that is there.
    ReplicaSets: [after.replicaSets.length, before.replicaSets.length + (type === 'ROLLBACK' ? 0 : 1)],
    restartedAt: [after.restartedAt, restartedAt],
    "the Deployment's operation": [after.operationId, row.id],
  });
}

function onceEach({ type }: Prepared, records: readonly { kind: string }[]): Record<string, [number, number]> {
  const change = type === 'CREATE' ? 'DEPLOYMENT_CREATE' : 'DEPLOYMENT_UPDATE';
  const kinds = ['TOKEN_USE', 'REDEPLOY_START', change, 'REPLICASET_CREATE', 'POD_CHANGES', 'REDEPLOY_SUCCESS'];
  const count = (kind: string) => records.filter((record) => record.kind === kind).length;
  return Object.fromEntries(kinds.map((kind) => [kind, [count(kind), 1]]));
}

async function announcements(world: FaultWorld, { namespace }: Prepared, id: string): Promise<string[]> {
  const { items } = await world.services.cluster.api.core.listNamespacedEvent({ namespace });
  const names = items.map(({ metadata }) => metadata.name!);
  return names.filter((name) => name.startsWith(`redeploy.${id}.`)).toSorted();
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);
const numbersOf = (events: readonly { sequence: number }[]): number[] => events.map(({ sequence }) => sequence);
const isFinal = (status: string): boolean => ['COMPLETED', 'FAILED', 'TIMED_OUT', 'SUPERSEDED'].includes(status);
