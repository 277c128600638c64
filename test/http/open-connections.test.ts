import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Service } from '../../src/service.ts';
import { type EventStream, openEventStream } from '../support/event-stream.ts';
import { openTestServices, type TestServices } from '../support/service.ts';
import { until } from '../support/wait.ts';
import { WireClient } from '../support/wire-client.ts';

let services: TestServices;
let service: Service;
let carol: string;
let dave: string;

beforeAll(async () => {
  services = await openTestServices();
  service = await services.start({
    SUBSCRIPTIONS_PER_CONNECTION: '3',
    SUBSCRIPTIONS_PER_USER: '5',
    CONNECTIONS_PER_USER: '3',
  });
  carol = await services.signIn('carol', 'APPROVER');
  dave = await services.signIn('dave', 'APPROVER');
});
afterAll(() => services.close());

const clients: WireClient[] = [];
const streams: EventStream[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate();
  for (const stream of streams.splice(0)) stream.terminate();
  await nothingIsOpen();
});

const query = 'subscription { ticketChanged { ticketNo } }';
const tooMany = { code: 'TOO_MANY_REQUESTS', retryAfterSeconds: 30 };

async function connect(token = carol, to = service): Promise<WireClient> {
  const client = await WireClient.open(to.subscriptionsUrl);
  clients.push(client);
  await client.signIn(token);
  return client;
}

/** The extensions with which those that were refused were refused. Messages are taken in their order: an answered query says that all are. */
async function subscribe(client: WireClient, ...ids: string[]): Promise<unknown[]> {
  for (const id of ids) client.send({ type: 'subscribe', id, payload: { query } });
  const last = `after ${ids.join()} ${client.received.length}`;
  client.send({ type: 'subscribe', id: last, payload: { query: '{ __typename }' } });
  await client.until(({ id, type }) => id === last && type === 'complete');
  return client.received
    .filter(({ id, type }) => type === 'error' && ids.includes(id as string))
    .map(({ payload }) => (payload as { extensions: unknown }[])[0]!.extensions);
}

async function stream(token = carol): Promise<EventStream> {
  const one = openEventStream(service.url, token, { query });
  streams.push(one);
  await one.begun;
  return one;
}

/** Whether everything that carol may have can be had. Shows that nothing is counted any more. */
function nothingIsOpen(): Promise<boolean> {
  return until('all connections can be had', async () => {
    const opened = await Promise.all([1, 2, 3].map(() => WireClient.open(service.subscriptionsUrl)));
    const attempts = opened.map((client) =>
      Promise.race([client.signIn(carol).then(() => true), client.closed.then(() => false)]),
    );
    let isFree = (await Promise.all(attempts)).every(Boolean);
    if (isFree) {
      const refused = [...(await subscribe(opened[0]!, 'a', 'b', 'c')), ...(await subscribe(opened[1]!, 'd', 'e'))];
      isFree = refused.length === 0;
    }
    for (const client of opened) client.socket.terminate();
    await Promise.all(opened.map(({ closed }) => closed));
    return isFree;
  });
}

describe('subscriptions', () => {
  test('more than a connection may have are refused with a code, and the connection lives on', async () => {
    const client = await connect();
    expect(await subscribe(client, '1', '2', '3', '4')).toEqual([expect.objectContaining(tooMany)]);
    client.send({ type: 'complete', id: '2' });
    await until('there is room again', async () => {
      const id = `again ${client.received.length}`;
      return (await subscribe(client, id)).length === 0;
    });
  });

  test('more than a person may have are refused, over WebSockets and as server-sent events together', async () => {
    expect(await subscribe(await connect(), '1', '2', '3')).toEqual([]);
    await Promise.all([stream(), stream()]);
    const refused = await stream();
    await until('it is refused', () => refused.results.length > 0);
    expect(refused.results).toMatchObject([{ errors: [{ extensions: tooMany }] }]);
    expect(await subscribe(await connect(), '6')).toEqual([expect.objectContaining(tooMany)]);
    expect(await subscribe(await connect(dave), 'of somebody else')).toEqual([]);
  });

  test('a socket or stream that is cut makes room', async () => {
    const client = await connect();
    await subscribe(client, '1', '2', '3');
    const cut = await Promise.all([stream(), stream()]);
    client.socket.terminate();
    for (const one of cut) one.terminate();
    await expect(nothingIsOpen()).resolves.toBe(true);
  });

  test.for(['subscription { nonsense }', 'subscription { ticketChanged(ticketNo: "none") { ticketNo } }'])(
    'one that fails counts no longer: %s',
    async (failing) => {
      const client = await connect();
      for (const id of ['1', '2', '3', '4', '5', '6']) {
        client.send({ type: 'subscribe', id, payload: { query: failing } });
        const { payload } = await client.until((message) => message['id'] === id);
        expect(JSON.stringify(payload)).not.toContain('TOO_MANY_REQUESTS');
      }
      expect(
        await until('all can be had', async () => {
          const refused = await subscribe(client, ...[7, 8, 9].map((n) => `${n} ${client.received.length}`));
          return refused.length === 0;
        }),
      ).toBe(true);
    },
  );
});

describe('connections', () => {
  test('one more than a person may have is closed with 1013, until another one ends', async () => {
    const [first] = [await connect(), await connect(), await connect()];
    const refused = await WireClient.open(service.subscriptionsUrl);
    refused.send({ type: 'connection_init', payload: { authorization: `Bearer ${carol}` } });
    expect(await refused.closed).toEqual({ code: 1013, reason: 'at most 3 connections for one person' });
    await connect(dave);
    first.socket.terminate();
    await until('there is room again', async () => {
      const client = await WireClient.open(service.subscriptionsUrl);
      clients.push(client);
      return Promise.race([client.signIn(carol).then(() => true), client.closed.then(() => false)]);
    });
  });

  test('one without a subscription is closed with 1001, one with a subscription stays', async () => {
    const impatient = await services.start({ IDLE_CONNECTION_SECONDS: '1' });
    const watching = await connect(carol, impatient);
    expect(await subscribe(watching, '1')).toEqual([]);
    const idle = await connect(carol, impatient);
    expect(await idle.closed).toEqual({ code: 1001, reason: 'no subscription for too long' });
    expect(watching.socket.readyState).toBe(watching.socket.OPEN);
    watching.send({ type: 'complete', id: '1' });
    expect(await watching.closed).toMatchObject({ code: 1001 });
  });
});
