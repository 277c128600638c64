import type { RedeployType } from '../../src/domain/operation.ts';
import type { ChildReplica } from '../support/child-replica.ts';
import type { Dependency } from '../support/counting-proxy.ts';
import { until } from '../support/wait.ts';
import type { FaultPoint } from './fault-plan.ts';
import type { FaultWorld, Prepared } from './fault-world.ts';
import { differences, type Finding, operationOf, type OperationRow } from './findings.ts';
import { InterruptedRedeploy } from './interrupted-redeploy.ts';

export type Outcome = {
  /** What was asked there; null where the verdict came first. */
  request: string | null;
  /** Whether there was an operation then. */
  wasStored: boolean;
  takeOvers: number;
  findings: Finding[];
  /** What the process asked up to there. */
  requests: Record<Dependency, string[]>;
};

/** The process is killed at this request, without a point not at all; another one finishes the story. */
export async function killAt(world: FaultWorld, type: RedeployType, point: FaultPoint | null): Promise<Outcome> {
  const prepared = await world.prepare(type);
  const child = await world.startChild();
  try {
    const { client, request, requests } = await begin(world, prepared, child, point, () => child.kill());
    if (request !== null) {
      await child.gone();
      client.leave();
      await world.abandoned(prepared);
    }
    const stored = await operationOf(world.services, prepared);
    const standing = stored ? prepared.before : await world.standing(prepared);
    const row = await client.finish();
    const findings = [
      ...differences('lost operation', { 'what stands there unasked': [standing, prepared.before] }),
      ...(await client.findings(row)),
      ...(await client.findingsInAnswer(row)),
    ];
    return { request, wasStored: !!stored, takeOvers: await takeOversOf(world, row), findings, requests };
  } finally {
    await child.close();
  }
}

/** The process is stopped at this request, and goes on when another one has finished the story. */
export async function stopAt(world: FaultWorld, type: RedeployType, point: FaultPoint): Promise<Outcome> {
  const [prepared, next] = [await world.prepare(type), await world.prepare('RESTART')];
  const child = await world.startChild();
  try {
    const { client, request, requests } = await begin(world, prepared, child, point, () => child.stop());
    if (request !== null) {
      client.leave();
      await world.abandoned(prepared);
    }
    const wasStored = !!(await operationOf(world.services, prepared));
    const row = await client.finish();
    const findings = await client.findings(row);
    const takeOvers = await takeOversOf(world, row);
    const before = await recordOf(world, prepared, row);
    child.count();
    child.resume();
    findings.push(...(await client.findingsInAnswer(row)));
    await until('it has looked after its leases twice', () => renewals(child) >= 2, 60);
    const afterwards = new InterruptedRedeploy(world, next, child);
    await afterwards.follow(() => false);
    findings.push(...(await afterwards.findings(await afterwards.finish())));
    const after = await recordOf(world, prepared, row);
    findings.push(...differences('late change', { 'what was changed': [after, before] }));
    return { request, wasStored, takeOvers, findings, requests };
  } finally {
    await child.close();
  }
}

async function begin(
  world: FaultWorld,
  prepared: Prepared,
  child: ChildReplica,
  point: FaultPoint | null,
  strike: () => void,
): Promise<{ client: InterruptedRedeploy; request: string | null; requests: Outcome['requests'] }> {
  let request: string | null = null;
  const spring = (at: string) => {
    strike();
    request = at;
  };
  child.count(point && { ...point, spring });
  const client = new InterruptedRedeploy(world, prepared, child);
  await client.follow(() => request !== null);
  const { requests } = child;
  if (request === null) child.count(); // too late now
  return { client, request, requests };
}

const renewals = ({ requests }: ChildReplica): number =>
  requests.postgres.filter((request) => request.startsWith('update operation set followed_until')).length;

async function takeOversOf({ services }: FaultWorld, { id }: OperationRow): Promise<number> {
  const text = `select id from audit_record where kind = 'OPERATION_TAKE_OVER' and operation_id = ?`;
  return (await services.sql(text, [id])).length;
}

/** Everything that a follower could have changed. */
async function recordOf(world: FaultWorld, { namespace }: Prepared, { id, ticketId }: OperationRow): Promise<object> {
  const { apps, core } = world.services.cluster.api;
  const [rows] = await world.services.sql<object>(
    `select t.audit_sequence, o.sequence, o.fence, o.last_update_time, g.uses,
            (select count(*) from audit_record where ticket_id = t.id) as records,
            (select count(*) from operation_event where operation_id = o.id) as events,
            (select count(*) from operation where ticket_id = t.id) as operations
     from operation o join ticket t on t.id = o.ticket_id join redeploy_grant g on g.id = o.grant_id
     where o.id = ? and t.id = ?`,
    [id, ticketId],
  );
  const { items: deployments } = await apps.listNamespacedDeployment({ namespace });
  const { items: events } = await core.listNamespacedEvent({ namespace });
  const stands = deployments.map(({ metadata }) => [metadata!.generation, metadata!.resourceVersion]);
  return { rows, stands, events: events.length };
}
