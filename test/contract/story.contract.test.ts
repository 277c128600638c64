import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Service } from '../../src/service.ts';
import { type RolloutWatch, watchRollout } from '../support/rollout-watch.ts';
import { openTestServices, type TestServices } from '../support/service.ts';
import { approve, createTicket, redeploy, reject, Story } from '../support/story.ts';
import { until } from '../support/wait.ts';

// A ticket's life as clients of the API live it, on a real control plane and on the simulated cluster alike.

let services: TestServices;
/** Two replicas: people ask the first, and who watches the second sees what the first one follows. */
let first: Service;
let second: Service;
let story: Story;
let redis: Redis;

beforeAll(async () => {
  services = await openTestServices();
  const settings = { PULL_ERROR_SECONDS: '1', CRASH_LOOP_RESTARTS: '2' };
  [first, second] = await Promise.all([services.start(settings), services.start(settings)]);
  story = await Story.open(services, first);
  redis = new Redis(services.redisUrl);
});
afterAll(async () => {
  redis.disconnect();
  await services.close();
});

const watch = (operationId: string, after?: number, replica = second): RolloutWatch =>
  watchRollout(replica, story.tokens.alice, { operationId, ...(after === undefined ? {} : { after }) });

const podNames = async (namespace: string): Promise<string[]> => {
  const { items } = await services.cluster.api.core.listNamespacedPod({ namespace });
  return items.map(({ metadata }) => metadata!.name!).toSorted();
};

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

test('an emergency: asked for, approved by two others, the token in Redis, redeployed, watched, recorded and audited', async () => {
  const tags = { env: 'production', version: 'v2.1.0', critical: 'true' };
  const placed = await story.place({ replicas: 3, image: 'web-service:v2.0.0', tags });
  const { applicationName, namespace, deploymentName } = placed;
  const oldPods = await podNames(namespace);

  const businessTags = Object.entries(tags).map(([tagKey, tagValue]) => ({ tag: { tagKey, tagValue } }));
  const detail = { id: 100, name: applicationName, applicationName, businessTags };
  const asked = { workOrderKey: 'APPLICATION_REDEPLOY', category: 'BUG_FIX', reason: 'it answers 500' };
  const input = { ...asked, entries: [{ detail, expectedEffect: 'it answers', rollbackPlan: 'none needed' }] };
  type Created = { createTicket: { ticketId: number; ticketNo: string } };
  const { createTicket: ticket } = await story.get<Created>('alice', createTicket, { input });
  const { ticketId, ticketNo } = ticket;
  expect(ticket).toEqual({
    ticketId,
    ticketNo,
    workOrderKey: 'APPLICATION_REDEPLOY',
    status: 'PENDING_APPROVAL',
    emergency: true,
    username: 'alice',
    approvalsRequired: 2,
    entries: [
      {
        applicationName,
        businessTags: businessTags.map(({ tag }) => tag),
        success: null,
        completed: false,
      },
    ],
  });
  expect(ticketNo).toMatch(/^(?=.*[a-z])(?=.*[0-9])[a-z0-9]{8}$/);
  const decision = { input: { ticketNo, comment: 'seen' } };
  expect(await story.refusal('alice', redeploy, { input: { applicationName } })).toMatchObject({
    code: 'TOKEN_INVALID',
  });
  expect(await story.refusal('alice', approve, decision)).toMatchObject({ code: 'FORBIDDEN' });

  expect(await story.get('carol', approve, decision)).toMatchObject({ approve: { status: 'PENDING_APPROVAL' } });
  expect(await story.refusal('carol', approve, decision)).toMatchObject({ code: 'CONFLICT' });
  expect(await story.get('dave', approve, decision)).toMatchObject({
    approve: {
      status: 'AUTHORIZED',
      approvals: [
        { approver: 'carol', decision: 'APPROVED', comment: 'seen' },
        { approver: 'dave', decision: 'APPROVED', comment: 'seen' },
      ],
      entries: [{ success: true, completed: true, token: { valid: true } }],
    },
  });

  const key = `APPLICATION:REDEPLOY:TOKEN:USERNAME:alice:APPLICATION_NAME:${applicationName}`;
  const copy = JSON.parse((await redis.get(key))!) as { expires: string };
  const expires = Date.parse(copy.expires);
  expect(copy).toMatchObject({ username: 'alice', applicationName, ticketId, ticketNo, valid: true });
  const [left, now] = [await redis.pttl(key), Date.now()];
  expect(Math.abs(now + left - expires)).toBeLessThan(250);
  expect(Math.abs(expires - now - 2 * 3_600_000)).toBeLessThan(60_000);
  const token =
    'query ($applicationName: String!) { token(applicationName: $applicationName) { valid expires ticketNo username secondsRemaining } }';
  expect(await story.get('alice', token, { applicationName })).toMatchObject({
    token: { valid: true, expires: copy.expires, ticketNo, username: 'alice', secondsRemaining: expect.any(Number) },
  });

  const started = await story.get<{ redeploy: { id: string } }>('alice', redeploy, {
    input: { applicationName, namespace, deploymentName, strategy: 'RollingUpdate', reason: 'Emergency redeploy' },
  });
  const { id } = started.redeploy;
  const watches = [watch(id, 0, first), watch(id, 0, second)];
  for (const one of watches) expect(await one.ended).toEqual({ completed: true });
  const [{ events }] = watches as [RolloutWatch, RolloutWatch];
  expect(watches[1]!.events).toEqual(events);
  expect(events.map(({ sequence }) => sequence)).toEqual(upTo(events.length));
  const statuses = [...new Set(events.map(({ status }) => status))];
  expect(statuses).toEqual(
    ['STARTED', 'PROGRESSING', 'VERIFYING', 'COMPLETED'].filter((one) => statuses.includes(one)),
  );
  expect(statuses).toEqual(expect.arrayContaining(['STARTED', 'PROGRESSING', 'COMPLETED']));
  const last = events.at(-1)!;
  expect(last).toMatchObject({
    status: 'COMPLETED',
    operationId: id,
    replicas: { desired: 3, updated: 3, ready: 3, available: 3, old: 0 },
    failures: [],
  });
  expect(last.newPods.toSorted()).toEqual(await podNames(namespace));
  expect(last.terminatedPods.toSorted()).toEqual(oldPods);

  const record = await story.operation(id);
  expect(record).toEqual({
    ticketId,
    ticketEntryId: expect.any(Number),
    username: 'alice',
    applicationName,
    namespace,
    deploymentName,
    previousImage: 'web-service:v2.0.0',
    currentImage: 'web-service:v2.0.0',
    previousReplicas: 3,
    currentReplicas: 3,
    rolloutStrategy: 'RollingUpdate',
    operationStartTime: expect.any(String),
    operationEndTime: last.at,
    lastUpdateTime: last.at,
    durationSeconds: expect.any(Number),
    success: true,
    errorMessage: null,
    rolloutStatus: 'COMPLETED',
    newPods: last.newPods,
    terminatedPods: last.terminatedPods,
    failures: [],
    cluster: services.cluster.contextName,
    reason: 'Emergency redeploy',
    revision: 2,
    events: {
      edges: events.map(({ sequence, status }) => ({
        node: { sequence, status },
      })),
    },
  });
  const seconds = (Date.parse(last.at) - Date.parse(String(record['operationStartTime']))) / 1000;
  expect(record['durationSeconds']).toBe(Math.round(seconds));

  const { status, records: trail } = await story.trail('carol', ticketNo);
  expect(status).toBe('AUTHORIZED');
  expect(trail.map(({ sequence }) => sequence)).toEqual(upTo(trail.length));
  expect([...new Set(trail.map(({ level }) => level))]).toEqual([
    'TICKET',
    'ENTRY',
    'TOKEN',
    'OPERATION',
    'KUBERNETES',
  ]);
  const kinds = trail.map(({ kind }) => kind);
  expect(kinds.slice(0, 9)).toEqual([
    'TICKET_CREATE',
    'ENTRY_CREATE',
    'TICKET_APPROVE',
    'TICKET_APPROVE',
    'ENTRY_PROCESS',
    'ENTRY_SUCCESS',
    'TOKEN_CREATE',
    'TOKEN_USE',
    'REDEPLOY_START',
  ]);
  expect(kinds).toEqual(
    expect.arrayContaining(['DEPLOYMENT_UPDATE', 'REPLICASET_CREATE', 'ROLLOUT_STATUS', 'POD_CHANGES']),
  );
  expect(kinds.at(-1)).toBe('REDEPLOY_SUCCESS');
  expect(trail.filter(({ kind }) => kind === 'TICKET_APPROVE').map(({ username }) => username)).toEqual([
    'carol',
    'dave',
  ]);
});

test('a rejection ends the ticket: no token, no redeploy, nobody decides again', async () => {
  const { applicationName } = await story.place({ replicas: 0 });
  const ticketNo = await story.requested(applicationName);
  const decision = { input: { ticketNo, comment: 'a planned change' } };
  expect(await story.get('dave', reject, decision)).toMatchObject({
    reject: {
      status: 'REJECTED',
      endedAt: expect.any(String),
      approvals: [{ approver: 'dave', decision: 'REJECTED', comment: 'a planned change' }],
    },
  });
  expect(await story.refusal('carol', approve, decision)).toMatchObject({ code: 'CONFLICT' });
  expect(await story.refusal('alice', redeploy, { input: { applicationName } })).toMatchObject({
    code: 'TOKEN_INVALID',
  });
  expect(await redis.exists(`APPLICATION:REDEPLOY:TOKEN:USERNAME:alice:APPLICATION_NAME:${applicationName}`)).toBe(0);
  const { records } = await story.trail('frank', ticketNo);
  expect(records.map(({ kind }) => kind)).toEqual(['TICKET_CREATE', 'ENTRY_CREATE', 'TICKET_REJECT']);
});

describe('watching a rollout', () => {
  test('a late subscriber gets the present state first, one with a number every event behind it', async () => {
    const { applicationName } = await story.place({ replicas: 3 });
    await story.authorized(applicationName);
    const id = await story.redeployed(applicationName);
    const whole = watch(id, 0, first);
    await until('the rollout is on its way', () => whole.events.some(({ replicas }) => replicas.updated > 0));
    const known = whole.last();
    const [late, behind] = [watch(id), watch(id, 2)];
    for (const one of [whole, late, behind]) expect(await one.ended).toEqual({ completed: true });
    expect(whole.sequences()).toEqual(upTo(whole.events.length));
    expect(late.sequences()[0]).toBeGreaterThanOrEqual(known);
    expect(whole.events.slice(-late.events.length)).toEqual(late.events);
    expect(behind.events).toEqual(whole.events.slice(2));
    const afterwards = watch(id);
    expect(await afterwards.ended).toEqual({ completed: true });
    expect(afterwards.events).toEqual(whole.events.slice(-1));
  });

  test('watches that break in the middle of it lose no verdict', async () => {
    const placed = await Promise.all([story.place({ replicas: 4 }), story.place({ replicas: 4 })]);
    for (const { applicationName } of placed) await story.authorized(applicationName);
    const watches: RolloutWatch[] = [];
    for (const { applicationName } of placed) watches.push(watch(await story.redeployed(applicationName), 0));
    for (let times = 0; times < 3; times += 1) {
      const before = watches.map((one) => one.last());
      await services.cluster.breakWatches();
      await until('the rollouts went on', () =>
        watches.every((one, i) => one.end() !== null || one.last() > before[i]!),
      );
    }
    for (const one of watches) {
      expect(await one.ended).toEqual({ completed: true });
      expect(one.sequences()).toEqual(upTo(one.events.length));
      expect(one.events.at(-1)).toMatchObject({ status: 'COMPLETED', replicas: { ready: 4, old: 0 } });
    }
  });
});
