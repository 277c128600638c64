import type { ExecutionResult } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ApproveDocument,
  TicketChangedDocument,
  TicketsDocument,
  ViewerDocument,
} from '../../src/documents/generated/graphql.ts';
import type { Service } from '../../src/service.ts';
import { openTestServices, type TestServices } from '../support/service.ts';
import { type Name, Story } from '../support/story.ts';
import { WireClient } from '../support/wire-client.ts';

let services: TestServices;
let service: Service;
let story: Story;
let ticketNo: string;
let applicationName: string;

beforeAll(async () => {
  services = await openTestServices();
  service = await services.start();
  story = await Story.open(services, service);
  ({ applicationName } = await story.place({ replicas: 0, tags: { team: 'backend' } }));
  ticketNo = await story.authorized(applicationName);
  await story.completed(applicationName);
});
afterAll(() => services.close());

type Body = Partial<Pick<ExecutionResult, 'data'>> & {
  errors?: { message: string; extensions: Record<string, unknown> }[];
};

const withHash = (sha256Hash: string) => ({ extensions: { persistedQuery: { version: 1, sha256Hash } } });
const named = ({ __meta__: meta }: { __meta__?: Record<string, unknown> | undefined }) =>
  withHash((meta!['hash'] as string).replace('sha256:', ''));
const unknown = withHash('0'.repeat(64));

async function post(name: Name, body: object): Promise<Body> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${story.tokens[name]}` };
  const response = await fetch(service.url, { method: 'POST', headers, body: JSON.stringify(body) });
  return (await response.json()) as Body;
}

async function overWebSocket(name: Name, payload: object): Promise<Body> {
  const client = await WireClient.open(service.subscriptionsUrl);
  await client.signIn(story.tokens[name]);
  client.send({ id: '1', type: 'subscribe', payload });
  const { type, payload: answer } = await client.until(({ id }) => id === '1');
  client.close();
  return type === 'error' ? { errors: answer as NonNullable<Body['errors']> } : (answer as Body);
}

test('a page by hash has all that was stored', async () => {
  const { data } = await post('carol', { ...named(TicketsDocument), variables: { first: 1 } });
  const { edges } = data!['tickets'] as { edges: { node: object }[] };
  expect(edges[0]!.node).toMatchObject({
    ticketNo,
    username: 'alice',
    entries: [
      {
        applicationName,
        businessTags: [{ tagKey: 'team', tagValue: 'backend' }],
        success: true,
        application: { name: applicationName, owners: { users: ['alice'] } },
        token: { valid: true },
      },
    ],
    approvals: [{ approver: 'carol', decision: 'APPROVED', comment: 'seen' }],
    operations: { edges: [{ node: { applicationName, rolloutStatus: 'COMPLETED', success: true } }] },
  });
});

describe('a hash', () => {
  test.for([
    ['HTTP', post],
    ['WebSocket', overWebSocket],
  ] as const)('that nobody knows is NOT_FOUND over %s, also after the document was sent with it', async ([, send]) => {
    const query = '{ viewer { username } }';
    const notFound = [
      { message: 'PersistedQueryNotFound', extensions: { code: 'NOT_FOUND', advice: 'Send the document itself.' } },
    ];
    expect((await send('carol', { query: '', ...unknown })).errors).toMatchObject(notFound);
    expect(await send('carol', { query, ...unknown })).toEqual({ data: { viewer: { username: 'carol' } } });
    expect((await send('carol', { query: '', ...unknown })).errors).toMatchObject(notFound);
  });

  test('may be asked for in the URL, too', async () => {
    const { extensions } = named(ViewerDocument);
    const url = `${service.url}?${new URLSearchParams({ extensions: JSON.stringify(extensions) })}`;
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${story.tokens.carol}`, accept: 'application/json' },
    });
    expect(await response.json()).toMatchObject({ data: { viewer: { username: 'carol' } } });
  });

  test('tells strangers nothing', async () => {
    const response = await fetch(service.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(unknown),
    });
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain('PersistedQueryNotFound');
  });

  test.for([
    ['HTTP', post],
    ['WebSocket', overWebSocket],
  ] as const)('of a mutation allows over %s what the mutation does', async ([, send]) => {
    const variables = { input: { ticketNo, comment: 'no' } };
    const { data, errors } = await send('bob', { query: '', ...named(ApproveDocument), variables });
    expect(data).toBeFalsy();
    expect(errors).toMatchObject([{ message: 'only an APPROVER decides tickets', extensions: { code: 'FORBIDDEN' } }]);
  });

  test('subscribes', async () => {
    const client = await WireClient.open(service.subscriptionsUrl);
    await client.signIn(story.tokens.carol);
    const variables = { ticketNo: await story.requested(applicationName) };
    client.send({
      id: '1',
      type: 'subscribe',
      payload: { query: '', ...named(TicketChangedDocument), variables },
    });
    const { payload } = await client.until(({ id }) => id === '1');
    expect(payload).toMatchObject({ data: { ticketChanged: { ...variables, status: 'PENDING_APPROVAL' } } });
    client.close();
  });
});

test('the limits of documents hold for trusted ones', async () => {
  const strict = await services.start({ DOCUMENT_LEVELS: '3' });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${story.tokens.carol}` };
  const body = JSON.stringify(named(TicketsDocument));
  const answer = (await (await fetch(strict.url, { method: 'POST', headers, body })).json()) as Body;
  expect(answer.errors).toMatchObject([
    { message: expect.stringMatching(/levels of nested fields, at most 3/) as string },
  ]);
  await strict.stop();
});
