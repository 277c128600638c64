import { createClient } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type Issuer, startIssuer } from '../../src/sandbox/issuer.ts';
import type { Service } from '../../src/service.ts';
import { callRest } from '../support/rest.ts';
import { ask, openTestServices, type TestServices } from '../support/service.ts';
import { Story } from '../support/story.ts';
import { until } from '../support/wait.ts';
import { WireClient } from '../support/wire-client.ts';

let services: TestServices;
let service: Service;

beforeAll(async () => {
  services = await openTestServices();
  service = await services.start();
});
afterEach(() => vi.useRealTimers());
afterAll(() => services.close());

const alice = { subject: 'subject-of-alice', username: 'alice', roles: ['APPLICATION_DEPLOYER'] };
const viewer = '{ viewer { username roles } }';
const asked = { id: 'viewer', type: 'subscribe', payload: { query: '{ viewer { username } }' } };

/** The service's clock, and with it the age of the keys that it has. */
const passSeconds = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);
const statusOf = async (token: string, at: Service = service) => (await ask(at, token, viewer)).status;

async function signedIn(token: string, at: Service = service): Promise<WireClient> {
  const client = await WireClient.open(at.subscriptionsUrl);
  await client.signIn(token);
  return client;
}

/** Whether the connection is still served, as the person who signed in. */
async function isServed(client: WireClient): Promise<void> {
  const before = client.received.length;
  client.send(asked);
  await until('it is answered', () => client.received.slice(before).some(({ type }) => type === 'complete'));
  expect(client.received[before]).toEqual({
    id: 'viewer',
    type: 'next',
    payload: { data: { viewer: { username: 'alice' } } },
  });
}

describe('when a sign-in token has run out', () => {
  test('a client of graphql-ws signs in with a new one by itself, and its subscription goes on', async () => {
    const story = await Story.open(services, service);
    const { applicationName } = await story.place({ replicas: 0 });
    const lifetimes = [1, 3600];
    let signIns = 0;
    const client = createClient({
      url: service.subscriptionsUrl,
      webSocketImpl: WebSocket,
      connectionParams: async () => {
        const expiresInSeconds = lifetimes[signIns];
        signIns += 1;
        return {
          authorization: `Bearer ${await services.issuer.sign({ ...alice, expiresInSeconds: expiresInSeconds! })}`,
        };
      },
      retryWait: async () => undefined,
    });
    const closed: number[] = [];
    const connected: unknown[] = [];
    client.on('closed', (event) => closed.push((event as { code: number }).code));
    client.on('connected', (socket) => connected.push(socket));
    const told = client.iterate<{ ticketChanged: { ticketNo: string } }>({
      query: 'subscription { ticketChanged { ticketNo } }',
    });
    const next = told.next();
    await until('it has signed in again', () => connected.length === 2);
    expect(closed).toEqual([4403]);
    let seen: unknown;
    void next.then(({ value }) => (seen = value));
    // The new subscription may stand a moment after the connection does: one of these tickets comes after both.
    await until('a ticket is told', async () => {
      await story.requested(applicationName);
      return seen;
    });
    expect(seen).toMatchObject({ data: { ticketChanged: { ticketNo: expect.any(String) as string } } });
    await client.dispose();
  });

  test('by less than clocks may differ, it still signs a request in, but keeps no connection open', async () => {
    const token = await services.issuer.sign({ ...alice, expiresInSeconds: -20 });
    expect(await statusOf(token)).toBe(200);
    expect((await callRest(service, { path: '/v1/openapi.json', token })).status).toBe(200);
    const client = await WireClient.open(service.subscriptionsUrl);
    client.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
    expect(await client.closed).toEqual({ code: 4403, reason: 'the sign-in token has expired' });
    const late = await services.issuer.sign({ ...alice, expiresInSeconds: -40 });
    expect(await statusOf(late)).toBe(401);
  });
});

describe("when the issuer's keys rotate", () => {
  let issuer: Issuer;
  let rotating: Service;

  beforeEach(async () => {
    issuer = await startIssuer();
    rotating = await services.start({ OIDC_ISSUER: issuer.url });
    vi.useFakeTimers({ toFake: ['Date'] });
  });
  afterEach(async () => {
    await rotating.stop();
    await issuer.stop();
  });

  /** So often that the keys from before are published no longer. */
  const retireAll = async () => {
    for (let times = 0; times < 3; times += 1) await issuer.rotate();
  };

  test('an open WebSocket goes on, a token of the new key is accepted, and one of the old key while it is published', async () => {
    const before = await issuer.sign(alice);
    const client = await signedIn(before, rotating);
    await issuer.rotate();
    passSeconds(11); // keys are asked for again after 10 seconds at the earliest
    const after = await issuer.sign(alice);
    const newcomer = await signedIn(after, rotating);
    expect(await statusOf(before, rotating)).toBe(200);
    for (const one of [client, newcomer]) {
      await isServed(one);
      one.close();
    }
  });

  test('a token of a retired key is refused as soon as the key set is read, and an open WebSocket goes on', async () => {
    const before = await issuer.sign(alice);
    const client = await signedIn(before, rotating);
    await retireAll();
    passSeconds(11);
    expect(await statusOf(before, rotating)).toBe(200); // nobody has had to read the key set since
    expect(await statusOf(await issuer.sign(alice), rotating)).toBe(200);
    expect(await statusOf(before, rotating)).toBe(401);
    const refused = await WireClient.open(rotating.subscriptionsUrl);
    refused.send({ type: 'connection_init', payload: { authorization: `Bearer ${before}` } });
    expect((await refused.closed).code).toBe(4403);
    await isServed(client);
    client.close();
  });

  test('a token of a retired key is refused after ten minutes, though nobody has come with a new one', async () => {
    const before = await issuer.sign(alice);
    expect(await statusOf(before, rotating)).toBe(200);
    await retireAll();
    passSeconds(590);
    expect(await statusOf(before, rotating)).toBe(200);
    passSeconds(11);
    expect(await statusOf(before, rotating)).toBe(401);
  });
});

describe('a service account signs in as a person does', () => {
  const account = { subject: '7d1c', username: 'service-account-ci', roles: [], azp: 'ci' };

  test.for<{ what: string; env: Record<string, string>; name: string }>([
    { what: 'roles at a dotted path', env: { OIDC_ROLES_CLAIM: 'realm_access.roles' }, name: 'service-account-ci' },
    {
      what: 'no other name than its client id',
      env: { OIDC_ROLES_CLAIM: 'realm_access.roles', OIDC_USERNAME_CLAIM: 'azp' },
      name: 'ci',
    },
  ])('with $what', async ({ env, name }) => {
    const at = await services.start(env);
    const token = await services.issuer.sign({
      ...account,
      realm_access: { roles: ['APPLICATION_DEPLOYER', 'offline'] },
    });
    const person = { username: name, roles: ['APPLICATION_DEPLOYER'] };
    expect((await ask(at, token, viewer)).data).toEqual({ viewer: person });
    expect((await callRest(at, { path: '/v1/openapi.json', token })).status).toBe(200);
    const client = await signedIn(token, at);
    client.send({ ...asked, payload: { query: viewer } });
    const { payload } = await client.until(({ type }) => type === 'next');
    expect(payload).toEqual({ data: { viewer: person } });
    client.close();
    await at.stop();
  });
});
