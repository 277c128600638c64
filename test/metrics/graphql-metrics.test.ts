import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Service } from '../../src/service.ts';
import { openEventStream } from '../support/event-stream.ts';
import { Scrape } from '../support/scrape.ts';
import { ask, openTestServices, type TestServices } from '../support/service.ts';
import { WireClient } from '../support/wire-client.ts';

let services: TestServices;
let service: Service;
let token: string;
beforeAll(async () => {
  services = await openTestServices();
  service = await services.start({ METRICS_PORT: '0' });
  token = await services.signIn('bob', 'APPLICATION_DEPLOYER');
});
afterAll(() => services.close());

/** Resolves when the answer is there, or the subscription is over. */
const transports: Record<string, (query: string) => Promise<unknown>> = {
  HTTP: (query) => ask(service, token, query),
  'a WebSocket': async (query) => {
    const client = await WireClient.open(service.subscriptionsUrl);
    await client.signIn(token);
    client.send({ id: '1', type: 'subscribe', payload: { query } });
    await client.until(({ type }) => type === 'complete' || type === 'error');
    client.close();
    await client.closed;
  },
  'server-sent events': (query) => openEventStream(service.url, token, { query }).ended,
};

type Labels = { operation: string; code?: string };
/** By how much a request raised what is told. */
async function rise(request: () => Promise<unknown>, ...names: [name: string, labels: Labels][]): Promise<number[]> {
  const before = await Scrape.of(service);
  await request();
  const after = await Scrape.of(service);
  return names.map(([name, labels]) => {
    const of = (scrape: Scrape) => scrape.value(`cratos_redeploy_graphql_${name}`, labels) ?? 0;
    return of(after) - of(before);
  });
}

describe.for(Object.keys(transports))('over %s', (name) => {
  const send = (query: string) => () => transports[name]!(query);

  test('an answer is timed by the kind of its operation', async () => {
    const [queries, mutations, failures] = await rise(
      send('query Mine { viewer { username } }'),
      ['duration_seconds_count', { operation: 'query' }],
      ['duration_seconds_count', { operation: 'mutation' }],
      ['errors_total', { operation: 'query' }],
    );
    expect([queries, mutations, failures]).toEqual([1, 0, 0]);
  });

  test('a refusal is counted once by kind and code, however many errors it has', async () => {
    const reject = 'reject(input: { ticketNo: "a1b2c3d4" }) { ticketNo }';
    const [answers, failures] = await rise(
      send(`mutation { one: ${reject} other: ${reject} }`),
      ['duration_seconds_count', { operation: 'mutation' }],
      ['errors_total', { operation: 'mutation', code: 'FORBIDDEN' }],
    );
    expect([answers, failures]).toEqual([1, 1]);
  });

  test.for(['{ viewer {', '{ nobodyKnowsThis }'])('what is not in order, %j, is of no kind', async (query) => {
    const [failures] = await rise(send(query), ['errors_total', { operation: 'unknown', code: 'INVALID_INPUT' }]);
    expect(failures).toBe(1);
  });
});

test.for(['a WebSocket', 'server-sent events'])(
  'a subscription that is refused over %s is counted as one',
  async (name) => {
    const [failures] = await rise(
      () => transports[name]!('subscription { ticketChanged(ticketNo: "a1b2c3d4") { ticketNo } }'),
      ['errors_total', { operation: 'subscription', code: 'NOT_FOUND' }],
    );
    expect(failures).toBe(1);
  },
);

test('what ends a stream before its time is counted too', async () => {
  const claims = { subject: 'subject-of-bob', username: 'bob', roles: ['APPLICATION_DEPLOYER'] };
  const short = await services.issuer.sign({ ...claims, expiresInSeconds: 2 });
  const query = 'subscription { ticketChanged { ticketNo } }';
  const [opened, failures] = await rise(
    () => openEventStream(service.url, short, { query }).ended,
    ['duration_seconds_count', { operation: 'subscription' }],
    ['errors_total', { operation: 'subscription', code: 'UNAUTHENTICATED' }],
  );
  expect([opened, failures]).toEqual([1, 1]);
});

test('what comes without a sign-in is of no kind', async () => {
  const [failures] = await rise(
    () => ask(service, null, '{ viewer { username } }'),
    ['errors_total', { operation: 'unknown', code: 'UNAUTHENTICATED' }],
  );
  expect(failures).toBe(1);
});

test('no name that a client chose is told', async () => {
  await ask(service, token, 'query NobodysName { nobodysAlias: viewer { username } nobodysField }');
  expect((await Scrape.of(service)).text).not.toMatch(/nobodys/i);
});
