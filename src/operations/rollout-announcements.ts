import { ClusterAway, ClusterRefused, type KubernetesEvent } from '../domain/cluster.ts';
import { Operation } from '../domain/operation.ts';
import type { RolloutStatus } from '../domain/rollout.ts';
import type { Dependencies } from './dependencies.ts';
import { reading } from './transaction.ts';

/*
 * The Events on the Deployment that tell its story to whoever only has kubectl: one for the start and one for the
 * verdict. Their names follow from the operation, so that whoever writes them again changes nothing.
 */

const reasons: Partial<Record<RolloutStatus, string>> = {
  COMPLETED: 'RedeployCompleted',
  FAILED: 'RedeployFailed',
  TIMED_OUT: 'RedeployTimedOut',
  SUPERSEDED: 'RedeploySuperseded',
};

/** Names of Events that this process knows to stand. */
type Announced = Set<string>;

/**
 * Writes what is not written yet. An operation's follower does it, or whoever is there when it has none; what a
 * cluster that is away cannot take waits for it, at most a day.
 */
export function rolloutAnnouncer(): (deps: Dependencies) => Promise<void> {
  const announced: Announced = new Set();
  return async function announceRollouts(deps) {
    const due = Map.groupBy(await findDue(deps, announced), ({ cluster }) => cluster);
    await Promise.all([...due.values()].map((operations) => announceInOrder(deps, operations, announced)));
  };
}

async function findDue(deps: Dependencies, announced: Announced): Promise<Operation[]> {
  return reading(deps, async (em) => {
    const rows = await em.execute<{ id: string; isFinished: boolean }[]>(
      `select id, success is not null as "isFinished" from operation
       where announced_at is null and deployment_uid is not null and (landed_at is not null or success is not null)
         and operation_start_time > clock_timestamp() - interval '1 day'
         and (follower = ? or followed_until < clock_timestamp())
         and cluster in (select jsonb_array_elements_text(?::jsonb))
       order by operation_start_time`,
      [deps.processId, JSON.stringify(deps.clusters.names)],
    );
    const ids = rows.filter(({ id, isFinished }) => isFinished || !announced.has(startOf(id))).map(({ id }) => id);
    if (ids.length === 0) return [];
    return em.find(Operation, { id: { $in: ids } }, { populate: ['ticket'], orderBy: { operationStartTime: 'asc' } });
  });
}

/** Of one cluster: what it does not take for good is given up, what it does not take now waits. */
async function announceInOrder(
  deps: Dependencies,
  operations: readonly Operation[],
  announced: Announced,
): Promise<void> {
  for (const operation of operations) {
    const { id: operationId, namespace } = operation;
    const cluster = deps.clusters.get(operation.cluster)!;
    try {
      for (const event of eventsOf(operation)) {
        if (announced.has(event.name)) continue;
        await cluster.createEvent(namespace, event);
        announced.add(event.name);
      }
    } catch (error) {
      if (error instanceof ClusterAway) return;
      if (!(error instanceof ClusterRefused)) throw error;
      deps.log.warn({ operationId, err: error }, 'Kubernetes takes no Event about a redeploy');
      if (!operation.isFinished()) for (const { name } of eventsOf(operation)) announced.add(name);
    }
    if (!operation.isFinished()) continue;
    await reading(deps, (em) =>
      em.execute('update operation set announced_at = clock_timestamp() where id = ?', [operationId]),
    );
    for (const { name } of eventsOf(operation)) announced.delete(name);
  }
}

const startOf = (operationId: string): string => `redeploy.${operationId}.started`;

function eventsOf(operation: Operation): KubernetesEvent[] {
  const { id, deploymentName, deploymentUid, username, ticket, rolloutStatus, type } = operation;
  const about = { deploymentName, deploymentUid: deploymentUid! };
  const who = `by ${username}, ticket ${ticket.ticketNo}, operation ${id}`;
  const events: KubernetesEvent[] = [];
  if (operation.landedAt) {
    const why = operation.reason ?? ticket.reason;
    events.push({
      ...about,
      name: startOf(id),
      type: 'Normal',
      reason: 'RedeployStarted',
      message: shorten(`${type} ${who}: ${why}`),
      at: operation.landedAt,
    });
  }
  const reason = reasons[rolloutStatus];
  if (reason && operation.operationEndTime) {
    const took = `after ${operation.durationSeconds} s`;
    events.push({
      ...about,
      name: `redeploy.${id}.ended`,
      type: operation.success ? 'Normal' : 'Warning',
      reason,
      message: shorten(`${type} ${who}, ${took}${operation.errorMessage ? `: ${operation.errorMessage}` : ''}`),
      at: operation.operationEndTime,
    });
  }
  return events;
}

/** Kubernetes takes at most 1,024 characters. */
const shorten = (message: string): string => (message.length > 1000 ? `${message.slice(0, 999)}…` : message);
