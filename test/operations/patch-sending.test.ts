import { setHeaderOptions } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { operationAnnotation, PatchConflict, restartedAtAnnotation } from '../../src/domain/cluster.ts';
import { templatePatch } from '../../src/domain/rollout-patches.ts';
import { eventsAfter } from '../../src/operations/reads.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import type { SimulatedAnswer, SimulatedRequest } from '../../src/sandbox/cluster/simulated-cluster.ts';
import {
  alice,
  authorizedTicket,
  deployApplication,
  openTestWorld,
  registeredApplication,
  type Replica,
  type TestWorld,
} from '../support/desk.ts';
import { untilEnded } from '../support/outcomes.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
let replica: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5, mustBeSimulated: true });
  replica = await world.openReplica();
});
afterAll(() => world.close());

let application: Awaited<ReturnType<typeof deployApplication>>;
beforeEach(async () => {
  application = await deployApplication(world, replica.desk, { replicas: 1 });
  await authorizedTicket(replica.desk, application.name);
});
afterEach(() => {
  world.cluster.simulated!.intercept = undefined;
});

const isOurPatch = ({ method, query }: SimulatedRequest) =>
  method === 'PATCH' && query.get('fieldManager') === 'cratos-redeploy';
const isWithdrawal = ({ body }: SimulatedRequest) => JSON.stringify(body).includes('withdrawn');

type Fault = () => SimulatedAnswer | undefined | Promise<SimulatedAnswer | undefined>;
/** What happens to the service's patches, one after the other; the later ones go through. Tells how many came. */
function onPatches(...faults: Fault[]): { count: number } {
  const seen = { count: 0 };
  world.cluster.simulated!.intercept = (request) => {
    if (!isOurPatch(request)) return undefined;
    seen.count += 1;
    return faults[seen.count - 1]?.();
  };
  return seen;
}

const start = (desk = replica.desk) => redeploy(desk, alice, { applicationName: application.name });
const read = () => {
  const { namespace, name } = application;
  return world.cluster.api.apps.readNamespacedDeployment({ namespace, name });
};
const restartedAt = async () => (await read()).spec!.template.metadata!.annotations?.[restartedAtAnnotation];
const change = async (patch: object) => {
  const { namespace, name } = application;
  await world.cluster.api.apps.patchNamespacedDeployment(
    { namespace, name, body: patch },
    setHeaderOptions('Content-Type', 'application/merge-patch+json'),
  );
};
const scale = (replicas: number) => change({ spec: { replicas } });
const remove = async () => void (await world.cluster.api.apps.deleteNamespacedDeployment(application));
/** As `kubectl rollout undo` to the first revision: nothing of ours stays in template or Deployment. */
const undo = async () => {
  const none = { [operationAnnotation]: null, [restartedAtAnnotation]: null };
  await change({ metadata: { annotations: none }, spec: { template: { metadata: { annotations: none } } } });
};
const uses = async () => {
  const [row] = await world.sql<{ uses: number }>(
    'select sum(uses)::int as uses from redeploy_grant where application_name = ?',
    [application.name],
  );
  return row!.uses;
};
const ticketStatus = async () => {
  const [row] = await world.sql<{ status: string }>(
    'select status from ticket where id = (select ticket_id from ticket_entry where application_name = ?)',
    [application.name],
  );
  return row!.status;
};

describe('a patch that Kubernetes refuses', () => {
  test.each([
    [403, 'Forbidden', 'deployments.apps "web" is forbidden: admission webhook "policy" denied the request'],
    [422, 'Invalid', 'Deployment.apps "web" is invalid: spec.template: Invalid value'],
  ])('with %i is FAILED with its message, and the use is given back', async (status, reason, message) => {
    const patches = onPatches(() => ({ status, reason, message }));
    const operation = await start();
    expect(operation).toMatchObject({ rolloutStatus: 'FAILED', success: false, errorMessage: message, landedAt: null });
    expect(patches.count).toBe(1);
    expect((await read()).metadata!.generation).toBe(1);
    expect(await uses()).toBe(0);
    expect(await ticketStatus()).toBe('AUTHORIZED');
  });

  test('after an earlier one landed whose answer was lost is a restart all the same', async () => {
    const patches = onPatches(
      () => 'reset-after',
      () => ({ status: 403, reason: 'Forbidden', message: 'no longer' }),
    );
    expect(await untilEnded(replica.desk, await start())).toMatchObject({ rolloutStatus: 'COMPLETED' });
    expect(patches.count).toBe(2);
    expect((await read()).metadata!.generation).toBe(2);
    expect(await uses()).toBe(1);
  });
});

describe('exactly one restart', () => {
  test.each<[what: string, ...Fault[]]>([
    ['the request is lost', () => 'reset'],
    ['the answer is lost', () => 'reset-after'],
    ['both are, several times', () => 'reset', () => 'reset-after', () => 'reset'],
    ['the API server is overloaded', () => ({ status: 503, reason: 'ServiceUnavailable', message: 'overloaded' })],
  ])('when %s', async (_, ...faults) => {
    onPatches(...faults);
    expect(await untilEnded(replica.desk, await start())).toMatchObject({ rolloutStatus: 'COMPLETED', success: true });
    expect((await read()).metadata!.generation).toBe(2);
    expect(await uses()).toBe(1);
  });

  test("when somebody scales just before: their change is kept, and what stood before is the record's", async () => {
    onPatches(
      () => scale(3).then(() => undefined),
      () => scale(2).then(() => undefined),
    );
    const ended = await untilEnded(replica.desk, await start());
    expect(ended).toMatchObject({ rolloutStatus: 'COMPLETED', previousReplicas: 2, currentReplicas: 2 });
    const { metadata, spec } = await read();
    expect({ generation: metadata!.generation, replicas: spec!.replicas }).toEqual({ generation: 4, replicas: 2 });
    expect(metadata!.annotations![operationAnnotation]).toBe(ended.id);
  });
});

describe('what happens between the read and the patch', () => {
  const recreate = async () => {
    await remove();
    await world.cluster.createDeployment(application.namespace, { name: application.name, image: 'web:v1' });
  };
  test.each<[what: string, act: () => Promise<void>, message: string]>([
    ['deleted', remove, 'object has been deleted'],
    ['deleted and created anew', recreate, 'object has been deleted'],
    ['paused', () => change({ spec: { paused: true } }), "can't restart paused deployment (run rollout resume first)"],
  ])('%s: FAILED, nothing is restarted, and the use is given back', async (_, act, message) => {
    onPatches(() => act().then(() => undefined));
    expect(await start()).toMatchObject({ rolloutStatus: 'FAILED', success: false, errorMessage: message });
    expect(await restartedAt().catch(() => undefined)).toBeUndefined();
    expect(await uses()).toBe(0);
  });

  test('an undo of our patch whose answer was lost: it is found by its ReplicaSet, and superseded', async () => {
    const patches = onPatches(
      () => 'reset-after',
      async () => {
        await until('the ReplicaSet is there', async () => {
          const { items } = await world.cluster.api.apps.listNamespacedReplicaSet(application);
          return items.some(({ metadata }) => metadata!.annotations?.[operationAnnotation] !== undefined);
        });
        await undo();
        return undefined;
      },
    );
    const ended = await untilEnded(replica.desk, await start());
    expect(patches.count).toBe(2);
    expect(ended).toMatchObject({ rolloutStatus: 'SUPERSEDED', success: false });
    expect((await read()).metadata!.generation).toBe(3);
    expect(await restartedAt()).toBeUndefined();
  });
});

describe('while the API server is away', () => {
  test('the operation says that it waits, and goes on afterwards', async () => {
    let isAway = true;
    world.cluster.simulated!.intercept = (request) => (isAway && isOurPatch(request) ? 'reset' : undefined);
    const starting = start();
    const waiting = await until('it says so', async () => {
      const [row] = await world.sql<{ id: string }>(
        `select operation_id as id from operation_event join operation on id = operation_id
         where application_name = ? and state->>'message' like 'Waiting for the cluster: %'`,
        [application.name],
      );
      return row;
    });
    isAway = false;
    expect((await starting).id).toBe(waiting.id);
    expect(await untilEnded(replica.desk, waiting)).toMatchObject({ rolloutStatus: 'COMPLETED' });
    const events = await eventsAfter(replica.desk, waiting.id, 0, 100);
    expect(events.filter(({ message }) => message.startsWith('Waiting for the cluster'))).toHaveLength(1);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => i + 1));
  });

  test('what must be read after a conflict and may not be is waited for, too', async () => {
    let isRefused = true;
    world.cluster.simulated!.intercept = async (request) => {
      if (isOurPatch(request)) await scale(Number(isRefused) + 1);
      const isRead = request.method === 'GET' && request.path.endsWith(`${application.namespace}/replicasets`);
      return isRead && isRefused ? { status: 403, reason: 'Forbidden', message: 'may not list' } : undefined;
    };
    const starting = start();
    await until('it says so', async () => {
      const rows = await world.sql(
        `select 1 from operation_event join operation on id = operation_id
         where application_name = ? and state->>'message' like '%may not list%'`,
        [application.name],
      );
      return rows.length > 0;
    });
    isRefused = false;
    world.cluster.simulated!.intercept = undefined;
    expect(await untilEnded(replica.desk, await starting)).toMatchObject({ rolloutStatus: 'COMPLETED' });
  });
});

describe('a patch that must not be sent any more', () => {
  let hasty: Replica;
  beforeAll(async () => {
    hasty = await world.openReplica({ limits: { patchWithinSeconds: 1 } });
  });

  test.each([
    ['was not sent in time', () => undefined, 'not sent within 1 seconds'],
    [
      'lost its grant',
      () =>
        world.sql(
          `update redeploy_grant set revoked_at = clock_timestamp(), revoked_reason = 'incident over' where application_name = ?`,
          [application.name],
        ),
      'not sent: the token was revoked: incident over',
    ],
  ])('because it %s is withdrawn, and a late sender changes nothing', async (_, act, message) => {
    world.cluster.simulated!.intercept = async (request) => {
      if (!isOurPatch(request) || isWithdrawal(request)) return undefined;
      await act();
      return 'reset';
    };
    const ended = await untilEnded(hasty.desk, await start(hasty.desk));
    expect(ended).toMatchObject({ rolloutStatus: 'FAILED', success: false, errorMessage: message });
    expect(await uses()).toBe(0);

    world.cluster.simulated!.intercept = undefined;
    const [stored] = await world.sql<{ uid: string; resourceVersion: string }>(
      'select deployment_uid as uid, resource_version as "resourceVersion" from operation where id = ?',
      [ended.id],
    );
    const cluster = hasty.desk.clusters.get(ended.cluster)!;
    const late = templatePatch(
      stored!,
      { operationId: ended.id, ticketNo: 'abcd1234', username: 'alice', reason: 'why' },
      '2026-11-23T03:00:00Z',
    );
    await expect(cluster.patchDeployment(ended.namespace, ended.deploymentName, late)).rejects.toThrow(PatchConflict);
    const { metadata } = await read();
    expect(metadata!.annotations!['redeploy.cratos.dev/withdrawn']).toBe(ended.id);
    expect(await restartedAt()).toBeUndefined();
  });

  test('but it landed long ago and its answer was lost: it goes on', async () => {
    let isAnswerLost = true;
    world.cluster.simulated!.intercept = async (request) => {
      if (!isOurPatch(request)) return undefined;
      if (isWithdrawal(request)) isAnswerLost = false;
      return isAnswerLost ? 'reset-after' : undefined;
    };
    expect(await untilEnded(hasty.desk, await start(hasty.desk))).toMatchObject({ rolloutStatus: 'COMPLETED' });
    expect((await read()).metadata!.generation).toBe(2);
  });
});

describe('after it landed', () => {
  test('a Deployment that the late watches have not seen yet is not taken for deleted', async () => {
    const name = await registeredApplication(replica.desk);
    await authorizedTicket(replica.desk, name);
    let isBehind = true;
    let reads = 0;
    world.cluster.simulated!.intercept = ({ method, path }) => {
      if (method === 'GET' && path.endsWith(`/deployments/${name}`)) reads += 1;
      return isBehind && path === '/apis/apps/v1/deployments' ? 'reset' : undefined;
    };
    await world.cluster.breakWatches();
    await world.cluster.createDeployment('default', { name, image: 'web:v1' });
    const operation = await redeploy(replica.desk, alice, { applicationName: name });
    await until('it is looked for, too', () => reads > 1);
    isBehind = false;
    expect(await untilEnded(replica.desk, operation)).toMatchObject({ rolloutStatus: 'COMPLETED' });
  });

  test("somebody else's new image, which leaves our annotation in the template, supersedes it", async () => {
    const { namespace, name } = application;
    await change({ spec: { template: { spec: { containers: [{ name: 'app', image: 'web:unready' }] } } } });
    const operation = await start();
    await until('its ReplicaSet is there', async () => {
      const { items } = await world.cluster.api.apps.listNamespacedReplicaSet({ namespace });
      return items.some(({ metadata }) => metadata!.annotations?.[operationAnnotation] === operation.id);
    });
    await world.cluster.api.apps.patchNamespacedDeployment(
      { namespace, name, body: { spec: { template: { spec: { containers: [{ name: 'app', image: 'web:v3' }] } } } } },
      setHeaderOptions('Content-Type', 'application/strategic-merge-patch+json'),
    );
    expect(await untilEnded(replica.desk, operation)).toMatchObject({ rolloutStatus: 'SUPERSEDED' });
  });
});
