import { setHeaderOptions } from '@kubernetes/client-node';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { errorStatus } from '../../src/domain/errors.ts';
import { problemTitles } from '../../src/rest/problems.ts';
import type { Service } from '../../src/service.ts';
import { callRest, type RestAnswer, redeployPath } from '../support/rest.ts';
import { openTestServices, type TestServices } from '../support/service.ts';
import { type Placed, Story } from '../support/story.ts';
import { until } from '../support/wait.ts';

let services: TestServices;
let service: Service;
let other: Service;
/** Lets an application be redeployed once a minute. */
let strict: Service;
let story: Story;
let placed: Placed;

const quickly = { PULL_ERROR_SECONDS: '1' };

beforeAll(async () => {
  services = await openTestServices({ readyMilliseconds: 5 });
  [service, other, strict] = await Promise.all([
    services.start(quickly),
    services.start(quickly),
    services.start({ ...quickly, REDEPLOYS_PER_MINUTE: '1' }),
  ]);
  story = await Story.open(services, service);
  // Otherwise every ticket and its entry would have the same number.
  await services.sql(`select setval(pg_get_serial_sequence('ticket_entry', 'id'), 1000)`);
  // A replica that has not seen the cluster yet answers UNAVAILABLE.
  for (const one of [service, other]) {
    const { applicationName } = await story.place({ replicas: 0 });
    await story.authorized(applicationName);
    await until('the replica has seen the cluster', async () => {
      const { status } = await callRest(one, {
        method: 'POST',
        path: redeployPath(applicationName),
        token: story.tokens.alice,
      });
      return status === 202;
    });
  }
});
afterAll(() => services.close());

beforeEach(async () => {
  placed = await story.place({ replicas: 1 });
  await story.authorized(placed.applicationName);
});

type Options = { body?: object; key?: string; name?: string; token?: string; at?: Service };

const post = ({ body, key, name = placed.applicationName, token = story.tokens.alice, at = service }: Options = {}) =>
  callRest(at, {
    method: 'POST',
    path: redeployPath(name),
    token,
    ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

/** As the Location of an answer says. */
const follow = ({ headers }: RestAnswer, token = story.tokens.alice) =>
  callRest(service, { path: headers.location!, token });

const untilEnded = (answer: RestAnswer): Promise<RestAnswer> =>
  until('the operation ends', async () => {
    const now = await follow(answer);
    return now.body['success'] !== null && now;
  });

const operations = () =>
  services.sql<{ id: string }>('select id from operation where application_name = ?', [placed.applicationName]);

const guideBody = () => ({
  namespace: placed.namespace,
  strategy: 'RollingUpdate',
  reason: 'Emergency redeploy for bug fix',
});

describe("the guide's call", () => {
  test('restarts the application: 202 with the operation, which is followed at Location to its end', async () => {
    const answer = await post({ body: guideBody() });
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({
      username: 'alice',
      applicationName: placed.applicationName,
      namespace: placed.namespace,
      deploymentName: placed.deploymentName,
      reason: 'Emergency redeploy for bug fix',
      previousImage: 'web:v1',
      previousReplicas: 1,
      rolloutStrategy: 'RollingUpdate',
      operationEndTime: null,
      success: null,
    });
    expect(answer.headers.location).toBe(`/v1/operations/${String(answer.body['id'])}`);
    const { body } = await untilEnded(answer);
    expect(body).toMatchObject({
      rolloutStatus: 'COMPLETED',
      success: true,
      errorMessage: null,
      currentImage: 'web:v1',
    });
    expect(body['newPods']).toHaveLength(1);
    expect(body['terminatedPods']).toHaveLength(1);
  });

  test("has the guide's 19 names, as GraphQL has them, which takes either id", async () => {
    placed = await story.place({ replicas: 1, image: 'bad-image:v1', isUp: false });
    await story.authorized(placed.applicationName);
    const ended = (await untilEnded(await post({ body: guideBody() }))).body;
    expect(ended).toMatchObject({ rolloutStatus: 'FAILED', failures: [{ container: 'app', doomed: true }] });
    const names = `ticketId ticketEntryId username applicationName namespace deploymentName previousImage currentImage
      previousReplicas currentReplicas rolloutStrategy operationStartTime operationEndTime durationSeconds success
      errorMessage rolloutStatus newPods terminatedPods`;
    const query = `query ($id: ID!) { operation(id: $id) {
      globalId: id ${names} lastUpdateTime cluster reason revision type rollbackTo images { container image }
      warnings { reason message advice } firstPodSeconds availableSeconds succeededLateAt
      failures { pod container reason message exitCode restarts doomed since advice log } } }`;
    const { id, ...shown } = ended;
    for (const either of [id, shown['globalId']]) {
      expect(await story.get('alice', query, { id: either })).toEqual({ operation: shown });
    }
    expect(names.split(/\s+/)).toHaveLength(19);
  });

  test('needs no body where the target is clear, and takes every member as null', async () => {
    expect((await post()).status).toBe(202);
    const nothing = { cluster: null, namespace: null, deploymentName: null, strategy: null, reason: null };
    const second = await story.place({ replicas: 0 });
    await story.authorized(second.applicationName);
    expect((await post({ name: second.applicationName, body: nothing })).status).toBe(202);
  });

  test("a change that Kubernetes refused is FAILED with Kubernetes' words", async () => {
    services.cluster.simulated!.intercept = ({ method }) =>
      method === 'PATCH' ? { status: 403, reason: 'Forbidden', message: 'not today' } : undefined;
    try {
      const { status, body } = await post();
      expect(status).toBe(202);
      expect(body).toMatchObject({ rolloutStatus: 'FAILED', success: false });
      expect(body['errorMessage']).toContain('not today');
    } finally {
      services.cluster.simulated!.intercept = undefined;
    }
  });
});

describe('an operation', () => {
  test('is read by whoever did it and by those who may read all; it is not there for others', async () => {
    const answer = await post();
    for (const name of ['alice', 'carol', 'frank', 'grace'] as const) {
      expect((await follow(answer, story.tokens[name])).body['id']).toBe(answer.body['id']);
    }
    expect((await follow(answer, story.tokens.bob)).body).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  });
});

describe('Idempotency-Key', () => {
  test('the same request is answered with the same operation as it stands, and restarts nothing', async () => {
    const first = await post({ key: 'k-1', body: guideBody() });
    const ended = await untilEnded(first);
    const again = await post({ key: 'k-1', body: guideBody(), at: other });
    expect(again).toMatchObject({ status: 202, headers: { location: first.headers.location } });
    expect(again.body).toEqual(ended.body);
    expect(await operations()).toHaveLength(1);
  });

  test('ten that arrive together at two replicas are one operation', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => post({ key: 'k-2', at: i % 2 ? service : other })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ body }) => body['id'])).size).toBe(1);
    expect(await operations()).toHaveLength(1);
  });

  test('another body or another application under it is a CONFLICT', async () => {
    const first = await post({ key: 'k-3', body: guideBody() });
    const others = [{ body: { ...guideBody(), reason: 'another' } }, {}, { body: guideBody(), name: 'another' }];
    for (const change of others) {
      const { status, body } = await post({ key: 'k-3', ...change });
      expect({ status, code: body['code'] }).toEqual({ status: 409, code: 'CONFLICT' });
      expect(body['detail']).toContain(first.body['id']);
    }
    expect(await operations()).toHaveLength(1);
  });

  test("it is GraphQL's requestId, and the same in quotation marks", async () => {
    const { body } = await post({ key: '"k-4"' });
    expect((await post({ key: 'k-4' })).body['id']).toBe(body['id']);
    const mutation = 'mutation ($input: RedeployInput!) { redeploy(input: $input) { id } }';
    const input = { applicationName: placed.applicationName, requestId: 'k-4' };
    expect(await story.get('alice', mutation, { input })).toEqual({ redeploy: { id: body['globalId'] } });
  });

  test('a client that leaves does not stop what it began, and finds it under its key', async () => {
    const leaving = new AbortController();
    let isPatching = false;
    services.cluster.simulated!.intercept = ({ method }) => {
      isPatching ||= method === 'PATCH';
      if (isPatching) leaving.abort();
      return undefined;
    };
    const url = new URL(redeployPath(placed.applicationName), service.url);
    const headers = { authorization: `Bearer ${story.tokens.alice}`, 'idempotency-key': 'k-5' };
    await expect(fetch(url, { method: 'POST', headers, signal: leaving.signal })).rejects.toThrow(/abort/);
    services.cluster.simulated!.intercept = undefined;
    expect((await untilEnded(await post({ key: 'k-5' }))).body).toMatchObject({ rolloutStatus: 'COMPLETED' });
    expect(await operations()).toHaveLength(1);
  });
});

describe('each code', () => {
  type Row = {
    code: keyof typeof errorStatus;
    says: RegExp;
    wrong?: () => unknown;
    ask?: () => Options;
    after?: () => unknown;
  };
  const change = (spec: object) =>
    services.cluster.api.apps.patchNamespacedDeployment(
      { namespace: placed.namespace, name: placed.deploymentName, body: { spec } },
      setHeaderOptions('Content-Type', 'application/merge-patch+json'),
    );
  const refusals = () =>
    services.sql<{ data: object }>(`select data from audit_record where kind = 'REQUEST_REFUSE' order by id`);
  const rows: Record<string, Row> = {
    'no role': {
      code: 'FORBIDDEN',
      says: /only an APPLICATION_DEPLOYER/,
      ask: () => ({ token: story.tokens.frank }),
    },
    'no token': { code: 'TOKEN_INVALID', says: /bob has no token/, ask: () => ({ token: story.tokens.bob }) },
    'a token that was revoked': {
      code: 'TOKEN_INVALID',
      says: /was revoked/,
      wrong: () =>
        services.sql('update redeploy_grant set revoked_at = clock_timestamp() where application_name = ?', [
          placed.applicationName,
        ]),
    },
    'a target that was not approved': {
      code: 'FORBIDDEN',
      says: /does not cover this target/,
      ask: () => ({ body: { namespace: 'kube-system' } }),
    },
    'too often': {
      code: 'TOO_MANY_REQUESTS',
      says: /1 times a minute/,
      wrong: () => post(),
      ask: () => ({ at: strict }),
    },
    'no Deployment': {
      code: 'NOT_FOUND',
      says: /is not deployed/,
      wrong: () =>
        services.cluster.api.apps.deleteNamespacedDeployment({
          namespace: placed.namespace,
          name: placed.deploymentName,
        }),
    },
    'a paused Deployment': { code: 'CONFLICT', says: /paused/, wrong: () => change({ paused: true }) },
    'another strategy': {
      code: 'CONFLICT',
      says: /asked for Recreate/,
      ask: () => ({ body: { strategy: 'Recreate' } }),
    },
    'a strategy that there is not': {
      code: 'INVALID_INPUT',
      says: /^strategy: /,
      ask: () => ({ body: { strategy: 'Blue' } }),
    },
    'the API server away': {
      code: 'UNAVAILABLE',
      says: /cannot be read/,
      wrong: () => services.cluster.relay.close(),
      after: () => services.cluster.relay.serve(),
    },
  };

  test.for(Object.keys(rows))('%s is told as a problem, recorded, and changes nothing', async (what) => {
    const { code, says, wrong, ask, after } = rows[what]!;
    await wrong?.();
    await services.sql('delete from refusal_tally');
    const [before, refusedBefore] = [await operations(), await refusals()];
    const { status, headers, body } = await post(ask?.());
    await after?.();
    expect(status).toBe(errorStatus[code]);
    expect(body).toMatchObject({
      type: `/v1/openapi.json#/components/examples/${code}`,
      title: problemTitles[code],
      status,
      code,
      detail: expect.stringMatching(says),
    });
    const retryAfter: Partial<Record<string, RegExp>> = { TOO_MANY_REQUESTS: /^[3-6]\d$/, UNAVAILABLE: /^5$/ };
    expect(headers['retry-after'] ?? '').toMatch(retryAfter[code] ?? /^$/);
    const seconds = headers['retry-after'];
    expect(body['retryAfterSeconds']).toBe(seconds && Number(seconds));
    expect(await operations()).toEqual(before);
    // A dependency that is away refuses nobody.
    const recorded = (await refusals()).slice(refusedBefore.length);
    expect(recorded).toMatchObject(code === 'UNAVAILABLE' ? [] : [{ data: { request: 'redeploy', code, count: 1 } }]);
  });
});
