import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { getOperationAST, parse } from 'graphql';
import documents from '../../src/documents/generated/persisted-documents.json' with { type: 'json' };
import { redeploy } from '../../src/operations/redeploys.ts';
import { revokeToken } from '../../src/operations/token-revocations.ts';
import { alice, authorizedTicket, carol, deployApplication, openTestWorld, type TestWorld } from '../support/desk.ts';
import { type LiveReplica, openLiveReplica } from '../support/live.ts';
import { WireClient } from '../support/wire-client.ts';

let world: TestWorld;
let replica: LiveReplica;
/** What stands for a name in the variables below. */
let known: Record<string, string>;
beforeAll(async () => {
  world = await openTestWorld();
  replica = await openLiveReplica(world, { lookMs: 600_000 });
  const { desk } = replica.replica;
  const { name } = await deployApplication(world, desk, { replicas: 0 });
  const { ticketNo } = await authorizedTicket(desk, name);
  const { id } = await redeploy(desk, alice, { applicationName: name });
  // With a token that is valid no more, which the page of tickets tells from what it reads of it.
  const revoked = await deployApplication(world, desk, { replicas: 0 });
  await authorizedTicket(desk, revoked.name);
  await revokeToken(desk, carol, { applicationName: revoked.name, username: 'alice', reason: 'not needed' });
  known = { application: name, ticket: ticketNo, operation: id };
});
afterAll(async () => {
  await replica.stop();
  await world.close();
});

const queries = Object.entries(documents)
  .map(([id, text]) => ({ hash: id.replace('sha256:', ''), text, operation: getOperationAST(parse(text))! }))
  .filter(({ operation }) => operation.operation === 'query')
  .map(({ operation, ...rest }) => ({ name: operation.name!.value, ...rest }));
const queryOf = (name: string) => queries.find((one) => one.name === name)!;

type Body = { query?: string; variables?: object; extensions?: object };

async function post(username: string, body: Body) {
  const response = await fetch(replica.url, {
    method: 'POST',
    headers: { authorization: `Bearer ${username}`, 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body),
  });
  // The one thing that time changes.
  return { status: response.status, text: (await response.text()).replace(/"secondsRemaining":\d+/, '…') };
}

const named = (sha256Hash: string) => ({ extensions: { persistedQuery: { version: 1, sha256Hash } } });

/** Every kind of variables for every query; words in capitals stand for what there is. */
const asked: Record<string, readonly object[]> = {
  Token: [{ applicationName: 'APPLICATION' }, { applicationName: 'nothing' }, { applicationName: 7 }, {}],
  Operation: [{ id: 'OPERATION' }, { id: 'nothing' }, { id: null }],
  Preflight: [
    { input: { applicationName: 'APPLICATION' } },
    { input: { applicationName: 'APPLICATION', images: [{ container: '', image: '' }] } },
    { input: { applicationName: 'nothing', unheardOf: true } },
    { input: null },
  ],
  RolloutHistory: [{ applicationName: 'APPLICATION' }, { applicationName: 'nothing' }],
  Viewer: [{}, { unheardOf: 1 }],
  Application: [{ name: 'APPLICATION' }, { name: 'nothing' }, {}],
  AuditTrail: [{ ticketNo: 'TICKET' }, { ticketNo: 'nothing' }],
  Tickets: [
    {},
    { first: 1 },
    { first: 0 },
    { first: 10_000 },
    { first: 1.5 },
    { after: 'nothing' },
    { filter: { status: 'AUTHORIZED' } },
    { filter: { status: 'UNHEARD_OF' } },
    { filter: { after: 'yesterday' } },
    { filter: {} },
  ],
};

const withNames = (variables: object): object =>
  JSON.parse(
    JSON.stringify(variables).replaceAll(
      /"(APPLICATION|TICKET|OPERATION)"/g,
      (_all, word: string) => `"${known[word.toLowerCase()]}"`,
    ),
  ) as object;

test('all of them are asked here', () => {
  expect(queries.map(({ name }) => name).toSorted()).toEqual(Object.keys(asked).toSorted());
});

describe.for(['alice', 'bob', 'grace', 'frank'])('%s', (username) => {
  test.for(queries)(
    'gets of $name by its hash what any document with the same text gets, errors included',
    async ({ name, hash, text }) => {
      for (const variables of asked[name]!.map(withNames)) {
        const trusted = await post(username, { ...named(hash), variables });
        // graphql-js carries out what is not ours letter by letter.
        const ordinary = await post(username, { query: `${text}\n# `, variables });
        expect({ variables, ...trusted }).toEqual({ variables, ...ordinary });
      }
    },
  );
});

test('the same over a WebSocket', async () => {
  const { hash, text } = queryOf('Tickets');
  const client = await WireClient.open(replica.subscriptionsUrl);
  await client.signIn('alice');
  const answerTo = async (id: string, payload: object) => {
    client.send({ id, type: 'subscribe', payload });
    const { type, payload: answer } = await client.until((one) => one['id'] === id && one['type'] !== 'complete');
    return { type, answer };
  };
  const trusted = await answerTo('1', { query: '', ...named(hash) });
  expect(trusted.type).toBe('next');
  expect(trusted).toEqual(await answerTo('2', { query: `${text} ` }));
  expect(await answerTo('3', { query: '', ...named('0'.repeat(64)) })).toMatchObject({
    type: 'error',
    answer: [{ message: 'PersistedQueryNotFound', extensions: { code: 'NOT_FOUND' } }],
  });
  client.close();
});

test.for([['0'.repeat(64)], [7], [null], [{}], ['__proto__'], ['sha256:']])(
  'a hash of none of ours is answered so that clients send the document itself: %j',
  async ([hash]) => {
    const { status, text } = await post('alice', named(hash as string));
    expect(status).toBe(404);
    expect(JSON.parse(text)).toMatchObject({
      errors: [{ message: 'PersistedQueryNotFound', extensions: { code: 'NOT_FOUND' } }],
    });
  },
);
