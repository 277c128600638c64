import { LockMode } from '@mikro-orm/postgresql';
import { ClusterAway } from '../domain/cluster.ts';
import { Operation } from '../domain/operation.ts';
import { lateSuccess } from '../domain/rollout-verdict.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { lockTicket } from './ticket-locks.ts';
import { inTransaction, reading } from './transaction.ts';

/** A rollout that comes up later than this after its verdict is nobody's news. */
const lookedAtSeconds = 3_600;

/**
 * Rollouts that timed out or failed and came up after all: the verdict stays, the success is added to the record.
 * Every replica looks; the operation's row decides who records it.
 */
export async function recordLateSuccesses(deps: Dependencies): Promise<void> {
  const operations = await reading(deps, async (em) => {
    const due = await em.execute<{ id: string }[]>(
      `select id from operation
       where success = false and succeeded_late_at is null and rollout_status in ('TIMED_OUT', 'FAILED')
         and landed_at is not null and operation_end_time > clock_timestamp() - interval '${lookedAtSeconds} seconds'
         and cluster in (select jsonb_array_elements_text(?::jsonb))`,
      [JSON.stringify(deps.clusters.names)],
    );
    return due.length === 0 ? [] : em.find(Operation, { id: { $in: due.map(({ id }) => id) } });
  });
  for (const operation of operations) if (hasSucceeded(deps, operation)) await record(deps, operation);
}

function hasSucceeded(deps: Dependencies, operation: Operation): boolean {
  const { cluster, namespace, deploymentName } = operation;
  try {
    return lateSuccess(operation.attempt(), deps.clusters.get(cluster)!.snapshot(namespace, deploymentName));
  } catch (error) {
    if (error instanceof ClusterAway) return false;
    throw error;
  }
}

async function record(deps: Dependencies, { id, ticket: { id: ticketId } }: Operation): Promise<void> {
  await inTransaction(deps, async (em) => {
    const { ticket, now } = await lockTicket(em, { id: ticketId });
    const operation = await em.findOneOrFail(Operation, id, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (operation.succeededLateAt) return;
    const { applicationName, cluster, namespace } = operation;
    recordFacts(em, ticket, null, now, { operationId: id, applicationName, cluster, namespace }, [
      operation.succeedLate(now),
    ]);
  });
}
