import type { EntityManager } from '@mikro-orm/postgresql';
import type { AuditFact } from '../domain/audit-facts.ts';
import type { DeploymentSnapshot } from '../domain/cluster.ts';
import { Operation, OperationEvent } from '../domain/operation.ts';
import { firstState, type RolloutEvent, type RolloutState } from '../domain/rollout.ts';
import { notObserved, type Verdict } from '../domain/rollout-verdict.ts';
import { Ticket } from '../domain/ticket.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { askTogether, execute } from './rows.ts';
import { appendRow, rowLock } from './stored-rows.ts';
import { settleTicket } from './ticket-settlement.ts';
import { inTransaction } from './transaction.ts';

/** The right to write about an operation: only as long as nobody took it over. */
export type Lease = { operationId: string; ticketId: number; fence: number };

/** Another process follows the operation now; whatever this one knows of it is void. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

type Change = (operation: Operation, now: Date, em: EntityManager) => Promise<Written> | Written;
type Written = { facts: AuditFact[]; state: RolloutState | null };

/** How the operation stands now; `state` is its new event, null where there is none. */
export type Recorded = { operation: Operation; state: RolloutState | null };

/**
 * The patch stands in the cluster. What Kubernetes answered is the first look as well: one transaction tells of both.
 * To be told again, as after a commit whose answer was lost, changes nothing.
 */
export const recordLanding = (deps: Dependencies, lease: Lease, deployment: DeploymentSnapshot): Promise<Recorded> =>
  write(deps, lease, (operation, now) => {
    if (operation.landedAt) return { facts: [], state: null };
    const facts: AuditFact[] = [operation.land(deployment, now)];
    if (deployment.status.observedGeneration >= operation.generation!) return { facts, state: null };
    const state = { ...firstState(deployment, operation.oldPods, notObserved), status: 'PROGRESSING' } as const;
    return { facts: [...facts, ...operation.record(state, now)], state };
  });

/** What the watch saw, as the next event. */
export const recordVerdict = (deps: Dependencies, lease: Lease, verdict: Verdict): Promise<Recorded> =>
  write(deps, lease, (operation, now) => ({ facts: operation.advance(verdict, now), state: stateOf(verdict) }));

/** The patch never stood in the cluster: the operation FAILED and the token's use is given back. */
export const recordRefusal = (deps: Dependencies, lease: Lease, message: string): Promise<Recorded> =>
  write(deps, lease, async (operation, now, em) => {
    await giveUseBack(em, operation);
    const state = { ...(await lastState(em, operation)), status: 'FAILED', message } as const;
    return { facts: operation.record(state, now), state };
  });

/** Says to whoever watches what the operation waits for. */
export const recordWaiting = (deps: Dependencies, lease: Lease, message: string): Promise<Recorded> =>
  write(deps, lease, async (operation, now, em) => {
    const state = { ...(await lastState(em, operation)), message };
    return { facts: operation.record(state, now), state };
  });

/** Our own patience ended while the cluster could not be asked: what was seen last stands. */
export const recordTimeOut = (deps: Dependencies, lease: Lease, message: string): Promise<Recorded> =>
  write(deps, lease, async (operation, now, em) => {
    const state = { ...(await lastState(em, operation)), status: 'TIMED_OUT', message } as const;
    return { facts: operation.record(state, now), state };
  });

/** Somebody changed the object: the next patch is conditional on what it is now. Stored before it is sent. */
export const renewPrecondition = (
  deps: Dependencies,
  lease: Lease,
  deployment: DeploymentSnapshot,
): Promise<Recorded> =>
  write(deps, lease, (operation) => {
    operation.startFrom(deployment);
    return { facts: [], state: null };
  });

/**
 * The one way in which a follower writes: under the ticket's lock, only with the operation's present fence, state
 * and record together; the event goes out after the commit.
 */
async function write(deps: Dependencies, lease: Lease, change: Change): Promise<Recorded> {
  const { operation, state, event } = await inTransaction(deps, async (em) => {
    const { operationId: id, ticketId, fence } = lease;
    const [ofTicket, locked] = await askTogether(
      em,
      rowLock(em, Ticket, 'id = ?', [ticketId]),
      rowLock(em, Operation, 'id = ? and fence = ?', [id, fence]),
    );
    if (!ofTicket || !locked) throw new LeaseLost(`operation ${id} is followed by another process`);
    const { entity: ticket } = ofTicket;
    const { entity: operation, now } = locked;
    const { facts, state } = await change(operation, now, em);
    const { id: operationId, applicationName, cluster, namespace } = operation;
    recordFacts(em, ticket, operation, now, { operationId, applicationName, cluster, namespace }, facts);
    if (operation.isFinished()) await settleTicket(em, ticket, now);
    return { operation, state, event: state && storeEvent(em, operation, state, now) };
  });
  if (event) void deps.rolloutEvents.publish(event);
  return { operation, state };
}

/** What was never sent does not count as a use of the token. */
const giveUseBack = (em: EntityManager, { grant }: Operation): Promise<unknown> =>
  execute(em, 'update redeploy_grant set uses = uses - 1 where id = ?', [grant.id]);

export async function lastState(em: EntityManager, { id: operationId, sequence }: Operation): Promise<RolloutState> {
  const event = await em.findOneOrFail(OperationEvent, { operationId, sequence });
  return event.state;
}

/** Adds the operation's present sequence number as an event; to be published after the commit. */
export function storeEvent(em: EntityManager, operation: Operation, state: RolloutState, at: Date): RolloutEvent {
  const { id: operationId, sequence } = operation;
  appendRow(em, OperationEvent, { operationId, sequence, status: state.status, at, state });
  return { ...state, operationId, sequence, at };
}

/** The part of a verdict that is an event. */
export function stateOf(verdict: Verdict): RolloutState {
  const { status, message, replicas, newPods, newPodCount, terminatedPods, terminatedPodCount, failures } = verdict;
  return { status, message, replicas, newPods, newPodCount, terminatedPods, terminatedPodCount, failures };
}
