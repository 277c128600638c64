import { isUnfinishedInSql, Operation } from '../domain/operation.ts';
import type { Dependencies } from './dependencies.ts';
import { recordFacts } from './audit.ts';
import { lockTicket } from './ticket-locks.ts';
import { databaseNow, inTransaction, reading } from './transaction.ts';

/*
 * An operation is followed by one process at a time, under a lease on its row. A follower that dies, stops or
 * sleeps loses it; whoever takes over raises the fence, and nothing that carries the old one is written any more.
 */

export const leaseSeconds = 6;
/** How often leases are renewed and orphans looked for; with the lease it bounds a take-over to less than 10 s. */
export const leaseTickMs = 2_000;

const until = `clock_timestamp() + interval '${leaseSeconds} seconds'`;

/** Of these operations the ones that are still ours, with PostgreSQL's clock. */
export async function renewLeases(
  deps: Dependencies,
  operationIds: readonly string[],
): Promise<{ held: Map<string, number>; now: Date }> {
  return reading(deps, async (em) => {
    const rows = await em.execute<{ id: string; fence: number }[]>(
      `update operation set followed_until = ${until} where id = any(?::uuid[]) and follower = ? and ${isUnfinishedInSql} returning id, fence`,
      [`{${operationIds.join(',')}}`, deps.processId],
    );
    return { held: new Map(rows.map(({ id, fence }) => [id, fence])), now: await databaseNow(em) };
  });
}

/** Takes over operations that nobody follows, in the clusters that this process knows. Several replicas share them out. */
export async function takeOverOperations(deps: Dependencies, atMost = 50): Promise<Operation[]> {
  const orphans = await reading(deps, (em) =>
    em.execute<{ id: string; ticketId: number }[]>(
      `select id, ticket_id as "ticketId" from operation
       where ${isUnfinishedInSql} and followed_until < clock_timestamp() and cluster in (select jsonb_array_elements_text(?::jsonb))
       order by followed_until limit ?`,
      [JSON.stringify(deps.clusters.names), atMost],
    ),
  );
  const taken: Operation[] = [];
  for (const { id, ticketId } of orphans) {
    try {
      const operation = await takeOver(deps, id, ticketId);
      if (operation) taken.push(operation);
    } catch (error) {
      deps.log.warn({ operationId: id, err: error }, 'operation not taken over');
    }
  }
  return taken;
}

/** Lets others take over at once, as a process does that stops in order. */
export async function releaseLeases(deps: Dependencies): Promise<void> {
  await reading(deps, (em) =>
    em.execute(`update operation set followed_until = clock_timestamp() where follower = ? and ${isUnfinishedInSql}`, [
      deps.processId,
    ]),
  );
}

async function takeOver(deps: Dependencies, id: string, ticketId: number): Promise<Operation | null> {
  return inTransaction(deps, async (em) => {
    // Never wait here: the leases of what this process follows are renewed by the same loop.
    const [free] = await em.execute<{ id: number }[]>('select id from ticket where id = ? for update skip locked', [
      ticketId,
    ]);
    if (!free) return null; // somebody works on it at this moment; the next look finds it
    const { ticket, now } = await lockTicket(em, { id: ticketId });
    const [row] = await em.execute<{ fence: number }[]>(
      `update operation set follower = ?, followed_until = ${until}, fence = fence + 1
       where id = ? and ${isUnfinishedInSql} and followed_until < clock_timestamp() returning fence`,
      [deps.processId, id],
    );
    if (!row) return null; // another replica was faster
    const operation = await em.findOneOrFail(Operation, id);
    const { id: operationId, applicationName, cluster, namespace, fence } = operation;
    recordFacts(em, ticket, null, now, { operationId, applicationName, cluster, namespace }, [
      { kind: 'OPERATION_TAKE_OVER', follower: deps.processId, fence },
    ]);
    return operation;
  });
}
