import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getIntrospectionQuery, parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { documentFaults } from '../../src/graphql/documents.ts';
import { defaultEdge } from '../../src/http/edge-settings.ts';
import type { Service } from '../../src/service.ts';
import { ask, openTestServices, type TestServices } from '../support/service.ts';
import { WireClient } from '../support/wire-client.ts';

let services: TestServices;
let service: Service;
let token: string;

beforeAll(async () => {
  services = await openTestServices();
  service = await services.start();
  token = await services.signIn('carol', 'APPROVER');
});
afterAll(() => services.close());

const nested = (levels: number): string =>
  levels <= 2 ? '{ entries { no } }' : `{ operations { edges { node { ticket ${nested(levels - 4)} } } } }`;
const many = (count: number, write: (place: number) => string): string =>
  Array.from({ length: count }, (_, place) => write(place)).join(' ');
const pages = (outer: string, inner: string): string =>
  `{ tickets${outer} { edges { node { operations${inner} { edges { node { id } } } } } } }`;
/** Each fragment spreads the next one twice: 2^20 fields out of a few hundred tokens. */
const doubling = `{ viewer { ...F0 } } ${many(20, (n) => `fragment F${n} on Viewer { ...F${n + 1} ...F${n + 1} }`)}
  fragment F20 on Viewer { username }`;

const tooLarge: { what: string; query: string; message: string }[] = [
  {
    what: 'levels',
    query: `{ tickets { edges { node ${nested(10)} } } }`,
    message: 'the document has 13 levels of nested fields, at most 12 are allowed',
  },
  {
    what: 'fields at its root',
    query: `{ ${many(21, () => 'viewer { username }')} }`,
    message: 'the document has 21 fields at its root, at most 20 are allowed',
  },
  {
    what: 'aliases',
    query: `{ viewer { ${many(201, (n) => `a${n}: username`)} } }`,
    message: 'the document has 201 aliases, at most 200 are allowed',
  },
  {
    what: 'fields through fragments',
    query: doubling,
    message: 'the document has 1048577 fields, at most 1000 are allowed',
  },
  {
    what: 'objects through fragments with aliases',
    query: `query { a: tickets(first: 100) { ...P } b: tickets(last: 100) { ...P } }
      fragment P on TicketConnection { edges { node { operations(first: 100) { edges { node { id } } } } } }`,
    message: 'the document has 20200 objects from nested lists, at most 20000 are allowed',
  },
  {
    what: 'objects where the size is a variable',
    query: `query ($n: Int) { a: ${pages('(first: $n)', '(first: $n)').slice(2, -2)}
      b: ${pages('(first: $n)', '(first: $n)').slice(2, -2)} }`,
    message: 'the document has 20200 objects from nested lists, at most 20000 are allowed',
  },
];

describe('a document with more than makes sense is refused as INVALID_INPUT with the limit and the value', () => {
  test.for(tooLarge)('over HTTP: $what', async ({ query, message }) => {
    const { data, errors } = await ask(service, token, query);
    expect(data).toBeUndefined();
    expect(errors).toEqual([{ message, extensions: expect.objectContaining({ code: 'INVALID_INPUT' }) as object }]);
  });

  test.for(tooLarge)('over a WebSocket, which lives on: $what', async ({ query, message }) => {
    const client = await WireClient.open(service.subscriptionsUrl);
    await client.signIn(token);
    client.send({ type: 'subscribe', id: 'large', payload: { query } });
    const { type, payload } = await client.until(({ id }) => id === 'large');
    expect({ type, payload }).toMatchObject({
      type: 'error',
      payload: [{ message, extensions: { code: 'INVALID_INPUT' } }],
    });
    client.send({ type: 'subscribe', id: 'small', payload: { query: '{ viewer { username } }' } });
    expect(await client.until(({ id }) => id === 'small')).toMatchObject({ type: 'next' });
    client.close();
  });

  test('a fragment within itself is only invalid', async () => {
    const { errors } = await ask(service, token, '{ viewer { ...F } } fragment F on Viewer { ...F }');
    expect(errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT' } }]);
  });
});

describe('what makes sense is let through', () => {
  const folder = join(import.meta.dirname, '../../src/documents');
  const files = readdirSync(folder).filter((file) => file.endsWith('.graphql'));
  const definitions = files.flatMap((file) => parse(readFileSync(join(folder, file), 'utf8')).definitions);
  const fragments = definitions.filter(({ kind }) => kind === 'FragmentDefinition');
  const operations = definitions.flatMap((node) => (node.kind === 'OperationDefinition' ? [node] : []));

  test('every document of our own', () => {
    expect(operations.length).toBeGreaterThan(5);
    const faults = operations.flatMap((operation) =>
      documentFaults({ ...parse('{ a }'), definitions: [operation, ...fragments] }, defaultEdge.documents)
        .map(({ message }) => message)
        .filter((message) => !/^Fragment ".*" is never used/.test(message)),
    );
    expect(faults).toEqual([]);
  });

  test("tools' introspection, where it is on", () => {
    const query = parse(getIntrospectionQuery());
    expect(documentFaults(query, { ...defaultEdge.documents, introspection: true })).toEqual([]);
    expect(documentFaults(query, defaultEdge.documents)).not.toEqual([]);
  });

  test.for([pages('', ''), pages('(first: 100)', '(first: 100)'), pages('(first: 100, last: null)', '(last: 5)')])(
    '%s',
    (query) => {
      expect(documentFaults(parse(query), defaultEdge.documents)).toEqual([]);
    },
  );
});

describe('introspection', () => {
  const query = '{ __schema { queryType { name } } }';

  test('is off unless it is set, and errors suggest no names', async () => {
    const { data, errors } = await ask(service, token, query);
    expect(data).toBeUndefined();
    expect(errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT' } }, {}]);
    const misspelt = await ask(service, token, '{ viewr { username } }');
    expect(JSON.stringify(misspelt.errors)).not.toContain('viewer');
    expect((await ask(service, token, '{ __typename }')).data).toEqual({ __typename: 'Query' });
  });

  test.for(['INTROSPECTION', 'GRAPHIQL'])('is on with %s=true', async (setting) => {
    const open = await services.start({ [setting]: 'true' });
    expect((await ask(open, token, query)).data).toEqual({ __schema: { queryType: { name: 'Query' } } });
  });
});
