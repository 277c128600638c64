import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorStatus } from '../../src/domain/errors.ts';
import type { Service } from '../../src/service.ts';
import { badDocuments, badVariables, register } from './bad-inputs.ts';
import { openTestServices, type TestServices } from '../support/service.ts';
import { WireClient, type WireMessage } from '../support/wire-client.ts';

let services: TestServices;
let service: Service;
let admin: string;
let before: Record<string, number>;
const logged: Record<string, unknown>[] = [];
const log = pino(
  { level: 'error' },
  new Writable({
    write: (line: Buffer, _encoding, done) => {
      logged.push(JSON.parse(line.toString()) as Record<string, unknown>);
      done();
    },
  }),
);

beforeAll(async () => {
  services = await openTestServices();
  service = await services.start({}, log);
  admin = await services.signIn('grace', 'ADMIN', 'APPROVER', 'APPLICATION_DEPLOYER');
  before = await countRows();
});
afterAll(() => services.close());

/** Refusals are recorded as such, and sealed; beside them nothing may be written. */
async function countRows(): Promise<Record<string, number>> {
  const tables = await services.sql<{ name: string }>(
    `select table_name as name from information_schema.tables
     where table_schema = 'public' and table_name not in ('refusal_tally', 'audit_record', 'audit_seal') order by 1`,
  );
  const counts: Record<string, number> = {};
  for (const { name } of tables) {
    const [row] = await services.sql<{ count: number }>(`select count(*)::int as count from "${name}"`);
    counts[name] = row!.count;
  }
  const [other] = await services.sql<{ count: number }>(
    `select count(*)::int as count from audit_record where kind <> 'REQUEST_REFUSE'`,
  );
  return { ...counts, audit_record: other!.count };
}

type Answer = {
  status: number;
  text: string;
  body: { data?: unknown; errors?: { message: string; extensions?: Record<string, unknown> }[] };
};

const accept = 'application/graphql-response+json';

async function post(body: BodyInit, headers: Record<string, string> = {}): Promise<Answer> {
  const sent = { authorization: `Bearer ${admin}`, 'content-type': 'application/json', accept, ...headers };
  const request = { method: 'POST', headers: sent, body, duplex: 'half' };
  const response = await fetch(service.url, request);
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text || '{}') as Answer['body'] };
}

const send = (query: unknown, variables?: unknown): Promise<Answer> => post(JSON.stringify({ query, variables }));

const internals = /select |insert |update |\bsql\b|relation "|postgres|node_modules|\.ts:|\.js:|    at |ECONN|stack/i;

/** A refusal as clients may rely on it, whatever they sent. */
function expectCoded({ status, text, body }: Answer, code = 'INVALID_INPUT'): void {
  expect(status).toBeLessThan(500);
  expect(body.errors?.length).toBeGreaterThan(0);
  for (const { extensions } of body.errors!) {
    expect(extensions?.['code']).toBe(code);
    expect(Object.keys(errorStatus)).toContain(code);
    expect(Object.keys(extensions!).filter((key) => !['code', 'advice', 'fields'].includes(key))).toEqual([]);
  }
  expect(text).not.toMatch(internals);
}

const codesIn = (errors: unknown): unknown[] => [
  ...new Set((errors as { extensions: { code: string } }[]).map(({ extensions }) => extensions.code)),
];

async function expectNothingChanged(): Promise<void> {
  expect(await countRows()).toEqual(before);
  expect(logged).toEqual([]);
}

describe('documents', () => {
  test.for(Object.keys(badDocuments))('%s is a coded 4xx over HTTP', async (what) => {
    const answer = await send(badDocuments[what]);
    expectCoded(answer);
    expect(answer.status).toBe(400);
    expect(answer.body.data).toBeUndefined();
    await expectNothingChanged();
  });

  test('a client that accepts only application/json gets most of them with 200, as GraphQL over HTTP has it', async () => {
    for (const query of Object.values(badDocuments)) {
      const answer = await post(JSON.stringify({ query }), { accept: 'application/json' });
      expectCoded(answer);
      expect([200, 400]).toContain(answer.status);
    }
  });

  test('each is a coded error over WebSocket, and the connection and its other operations go on', async () => {
    const client = await WireClient.open(service.subscriptionsUrl);
    await client.signIn(admin);
    for (const [what, query] of Object.entries(badDocuments)) {
      client.send({ id: what, type: 'subscribe', payload: { query } });
      const message = await client.until(({ id }) => id === what);
      expect(message['type']).toBe('error');
      expect(codesIn(message['payload'])).toEqual(['INVALID_INPUT']);
      expect(JSON.stringify(message)).not.toMatch(internals);
    }
    client.send({ id: 'good', type: 'subscribe', payload: { query: '{ viewer { username } }' } });
    expect(await client.until(({ id }) => id === 'good')).toMatchObject({ type: 'next', payload: { data: {} } });
    client.close();
    await client.closed;
    await expectNothingChanged();
  });
});

describe('variables', () => {
  test.for(badVariables)('$what is INVALID_INPUT', async ({ query, variables }) => {
    const answer = await send(query, variables);
    expectCoded(answer);
    expect([200, 400]).toContain(answer.status);
    expect(answer.body.data ?? null).toBeNull();
    await expectNothingChanged();
  });

  test('each is INVALID_INPUT over WebSocket as well', async () => {
    const client = await WireClient.open(service.subscriptionsUrl);
    await client.signIn(admin);
    for (const { what, query, variables } of badVariables) {
      client.send({ id: what, type: 'subscribe', payload: { query, variables } });
      const { payload } = await client.until(({ id }) => id === what);
      const { errors } = payload as { errors: unknown };
      expect(codesIn(errors)).toEqual(['INVALID_INPUT']);
      expect(JSON.stringify(errors)).not.toMatch(internals);
    }
    client.close();
    await expectNothingChanged();
  });

  test('an answer does not repeat at length what was sent, and tells what is wrong with it', async () => {
    const long = 'x'.repeat(100_000);
    const entries = Array.from({ length: 100 }, () => long.slice(0, 2_000));
    const { query } = badVariables.find(({ what }) => what === 'no entries')!;
    for (const input of [long, { [long]: 1 }, { reason: [long] }, { entries }]) {
      const answer = await send(query, { input });
      expectCoded(answer);
      expect(answer.text.length).toBeLessThan(64 * 1024);
      expect(answer.body.errors![0]!.message).toMatch(/^Variable "\$input" got invalid value .* … /s);
    }
  });

  test('all faults of an input are named at once', async () => {
    const { body } = await send(register, { input: { name: 'A', owners: {}, targets: [] } });
    expect(body.errors?.[0]?.extensions).toEqual({
      code: 'INVALID_INPUT',
      fields: ['input.name', 'input.owners', 'input.targets'],
    });
  });
});

describe('what is looked up', () => {
  const nuls = ['\u0000', 'a\u0000b'];
  const giant = 'x'.repeat(100_000);
  const strange = ['\ud800', "'; drop table ticket; --", '%', '💥'];
  const global = (text: string): string => Buffer.from(text).toString('base64');

  const lookUps = (text: string) => [
    { query: 'query ($it: String!) { ticket(ticketNo: $it) { ticketNo } }', it: text },
    { query: 'query ($it: String!) { application(name: $it) { name } }', it: text },
    { query: 'query ($it: ID!) { operation(id: $it) { id } }', it: text },
    ...['Ticket', 'Application', 'RedeployOperation'].map((type) => ({
      query: 'query ($it: ID!) { node(id: $it) { id } }',
      it: global(`${type}:${text}`),
    })),
  ];

  test.for([...strange, giant].flatMap(lookUps))(
    "by a text that is nothing's name is NOT_FOUND: $query",
    async ({ query, it }) => {
      const answer = await send(query, { it });
      expectCoded(answer, 'NOT_FOUND');
      expect(answer.status).toBe(200);
      await expectNothingChanged();
    },
  );

  test.for([
    ...nuls.flatMap(lookUps),
    ...nuls.map((it) => ({ query: 'query ($it: String!) { token(applicationName: $it) { valid } }', it })),
    ...nuls.map((it) => ({
      query: 'query ($it: String!) { token(applicationName: "web", username: $it) { valid } }',
      it,
    })),
  ])('by a text with a NUL is refused: $query', async ({ query, it }) => {
    const answer = await send(query, { it });
    expectCoded(answer, query.includes('operation(') || it.startsWith('UmVk') ? 'NOT_FOUND' : 'INVALID_INPUT');
    expect(answer.status).toBe(200);
    await expectNothingChanged();
  });

  test.for(strange)('a token of strange names is a value that is not valid', async (text) => {
    const query =
      'query ($it: String!) { own: token(applicationName: $it) { valid } other: token(applicationName: "web", username: $it) { valid } }';
    const { status, body } = await send(query, { it: text });
    expect({ status, body }).toEqual({
      status: 200,
      body: { data: { own: { valid: false }, other: { valid: false } } },
    });
    await expectNothingChanged();
  });

  test('a token of a name longer than anybody has is INVALID_INPUT', async () => {
    for (const args of ['applicationName: $it', 'applicationName: "web", username: $it']) {
      const answer = await send(`query ($it: String!) { token(${args}) { valid } }`, { it: giant });
      expectCoded(answer);
      expect(answer.text.length).toBeLessThan(1_000);
      await expectNothingChanged();
    }
  });

  test.for(['', 'nonsense', global('Nothing:1'), global('Viewer:1'), global('Ticket'), global(':'), '💥'])(
    'node(id: "%s") is coded',
    async (it) => {
      const answer = await send('query ($it: ID!) { node(id: $it) { id } }', { it });
      expect(answer.status).toBe(200);
      expect(['NOT_FOUND', 'INVALID_INPUT']).toContain(answer.body.errors?.[0]?.extensions?.['code']);
      expect(answer.text).not.toMatch(internals);
      await expectNothingChanged();
    },
  );
});

describe('bodies', () => {
  test.for([
    { what: 'no JSON', body: 'nonsense', status: 400 },
    { what: 'half of it', body: '{"query": "{ viewer', status: 400 },
    { what: 'nothing', body: '', status: 400 },
    { what: 'null', body: 'null', status: 400 },
    { what: 'a number', body: '7', status: 400 },
    { what: 'a list of requests', body: '[{"query":"{ viewer { username } }"}]', status: 400 },
    { what: 'no query', body: '{}', status: 400 },
    { what: 'a query that is a number', body: '{"query":7}', status: 400 },
    { what: 'variables that are a text', body: '{"query":"{ viewer { username } }","variables":"x"}', status: 400 },
    { what: 'extensions that are a text', body: '{"query":"{ viewer { username } }","extensions":"x"}', status: 400 },
    { what: 'an unknown parameter', body: '{"query":"{ viewer { username } }","more":1}', status: 400 },
    {
      what: 'a name that no operation has',
      body: '{"query":"query A { viewer { username } }","operationName":"B"}',
      status: 400,
    },
    { what: 'more than makes sense', body: JSON.stringify({ query: `#${'x'.repeat(300_000)}` }), status: 413 },
    { what: 'bytes that are no UTF-8', body: new Uint8Array([0xff, 0xfe, 0x00]), status: 400 },
  ])('$what is a coded $status', async ({ body, status }) => {
    const answer = await post(body);
    expectCoded(answer);
    expect(answer.status).toBe(status);
    await expectNothingChanged();
  });

  const inChunks = (text: string): BodyInit =>
    new ReadableStream({
      start: (stream) => {
        for (const chunk of text.match(/.{1,50000}/g)!) stream.enqueue(new TextEncoder().encode(chunk));
        stream.close();
      },
    });

  test('that come in chunks are read as in one piece', async () => {
    const { status, body } = await post(inChunks(JSON.stringify({ query: `{ __typename } #${'x'.repeat(200_000)}` })));
    expect({ status, body }).toEqual({ status: 200, body: { data: { __typename: 'Query' } } });
  });

  test('that come in chunks are refused once there is more than makes sense', async () => {
    const answer = await post(inChunks(JSON.stringify({ query: `#${'x'.repeat(300_000)}` })));
    expectCoded(answer);
    expect(answer.status).toBe(413);
  });

  test.for([
    { type: 'text/plain', status: 415 },
    { type: 'multipart/form-data; boundary=x', status: 415 },
    { type: '', status: 415 },
    { type: 'application/x-www-form-urlencoded', status: 415 },
    { type: 'application/graphql', status: 415 },
  ])('the content type "$type" is a coded $status', async ({ type, status }) => {
    const answer = await post('variables=%7Bnonsense', { 'content-type': type });
    expectCoded(answer);
    expect(answer.status).toBe(status);
    await expectNothingChanged();
  });

  test.for([
    { what: 'variables that are no JSON', method: 'GET', query: 'query={__typename}&variables={', status: 400 },
    { what: 'no query', method: 'GET', query: '', status: 400 },
    {
      what: 'a mutation',
      method: 'GET',
      query: 'query=mutation{redeploy(input:{applicationName:"web"}){id}}',
      status: 405,
    },
    { what: 'another method', method: 'PUT', query: '', status: 405 },
  ])('$method with $what is a coded $status', async ({ method, query, status }) => {
    const headers = { authorization: `Bearer ${admin}`, accept };
    const response = await fetch(`${service.url}?${encodeURI(query)}`, { method, headers });
    const text = await response.text();
    expectCoded({ status: response.status, text, body: JSON.parse(text) as Answer['body'] });
    expect(response.status).toBe(status);
    await expectNothingChanged();
  });
});

describe('WebSocket messages', () => {
  const payload = { query: 'subscription { ticketChanged { ticketNo } }' };
  const inUse = { id: 'x'.repeat(200), type: 'subscribe', payload };

  test.for<{ what: string; messages: (WireMessage | string)[]; code: number }>([
    { what: 'no JSON', messages: ['nonsense'], code: 4400 },
    { what: 'an unknown type', messages: [{ type: 'nothing' }], code: 4400 },
    { what: 'no id', messages: [{ type: 'subscribe', payload: { query: '{ __typename }' } }], code: 4400 },
    { what: 'no payload', messages: [{ id: '1', type: 'subscribe' }], code: 4400 },
    { what: 'a query that is a number', messages: [{ id: '1', type: 'subscribe', payload: { query: 7 } }], code: 4400 },
    { what: 'a second connection_init', messages: [{ type: 'connection_init' }], code: 4429 },
    { what: 'a message that only servers send', messages: [{ id: '1', type: 'next', payload: {} }], code: 4400 },
    { what: 'a long id that is in use', messages: [inUse, inUse], code: 4409 },
    { what: 'a message that is too long', messages: ['x'.repeat(300_000)], code: 1009 },
  ])('$what closes the connection with $code', async ({ messages, code }) => {
    const client = await WireClient.open(service.subscriptionsUrl);
    await client.signIn(admin);
    for (const message of messages) client.send(message);
    const closed = await client.closed;
    expect(closed.code).toBe(code);
    expect(closed.reason).not.toMatch(internals);
    await expectNothingChanged();
  });
});

describe('a defect of ours', () => {
  test('is masked and logged once, over HTTP and WebSocket', async () => {
    await services.sql('alter table ticket rename to ticket_that_is_away');
    try {
      const query = '{ ticket(ticketNo: "abcd1234") { ticketNo } }';
      const masked = { message: 'Unexpected error.', extensions: { code: 'INTERNAL_SERVER_ERROR' } };
      const { status, body, text } = await send(query);
      expect(status).toBe(200);
      expect(body).toMatchObject({ data: { ticket: null }, errors: [masked] });
      expect(text).not.toMatch(internals);
      expect(logged).toHaveLength(1);
      const client = await WireClient.open(service.subscriptionsUrl);
      await client.signIn(admin);
      client.send({ id: '1', type: 'subscribe', payload: { query } });
      const { payload } = await client.until(({ id }) => id === '1');
      expect(payload).toMatchObject({ data: { ticket: null }, errors: [masked] });
      expect(JSON.stringify(payload)).not.toMatch(internals);
      expect(logged).toHaveLength(2);
      expect(logged).toMatchObject([{ msg: 'request failed' }, { msg: 'request failed' }]);
      client.close();
    } finally {
      await services.sql('alter table ticket_that_is_away rename to ticket');
      logged.length = 0;
    }
  });
});
