import { generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startIssuer } from '../../src/sandbox/issuer.ts';
import type { Service } from '../../src/service.ts';
import { ask, openTestServices, type TestServices } from '../support/service.ts';
import { until } from '../support/wait.ts';
import { WireClient } from '../support/wire-client.ts';

let services: TestServices;
let service: Service;
let token: string;

beforeAll(async () => {
  services = await openTestServices();
  service = await services.start();
  token = await services.signIn('alice', 'APPLICATION_DEPLOYER');
});
afterAll(() => services.close());

const alice = { subject: 'subject-of-alice', username: 'alice', roles: ['ADMIN'] };

/** Tokens that must not let anybody in. */
const wrongTokens: Record<string, () => Promise<string>> = {
  'is no JWT': async () => 'nonsense',
  'has expired': () => services.issuer.sign({ ...alice, expiresInSeconds: -60 }),
  'is meant for another service': () => services.issuer.sign({ ...alice, audience: 'another' }),
  'was changed after it was signed': async () => {
    const [header, , signature] = token.split('.');
    const claims = { ...JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()), roles: ['ADMIN'] };
    return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
  },
  'carries no signature': async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = {
      iss: services.issuer.url,
      aud: 'cratos-redeploy',
      sub: 'x',
      preferred_username: 'alice',
      exp: 9e9,
    };
    return `${part({ alg: 'none' })}.${part(claims)}.`;
  },
  'comes from another issuer': async () => {
    const other = await startIssuer();
    const signed = await other.sign(alice);
    await other.stop();
    return signed;
  },
  "was signed with a key that is not the issuer's": async () => {
    const { privateKey } = await generateKeyPair('ES256');
    return new SignJWT({ preferred_username: 'alice' })
      .setProtectedHeader({ alg: 'ES256', kid: 'unknown' })
      .setIssuer(services.issuer.url)
      .setSubject('x')
      .setAudience('cratos-redeploy')
      .setExpirationTime('1h')
      .sign(privateKey);
  },
  'names nobody': () => services.issuer.sign({ ...alice, username: '' }),
};

const introspection = '{ __schema { types { name } } }';
const documents = [
  '{ viewer { username } }',
  introspection,
  '{ __typename }',
  '{ nonsense }',
  '{',
  'mutation { redeploy }',
];

describe('over HTTP', () => {
  test.for(documents)('without a token %s is 401 UNAUTHENTICATED, and tells nothing else', async (query) => {
    const answer = await ask(service, null, query);
    expect(answer).toEqual({
      status: 401,
      data: undefined,
      errors: [
        {
          message: 'sign in: send "Authorization: Bearer <JWT>"',
          extensions: { code: 'UNAUTHENTICATED', advice: 'Sign in again.' },
        },
      ],
    });
  });

  test.for(Object.keys(wrongTokens))('a token that %s is 401 UNAUTHENTICATED', async (which) => {
    const wrong = await wrongTokens[which]!();
    for (const query of [introspection, '{ nonsense }']) {
      const { status, data, errors } = await ask(service, wrong, query);
      expect({ status, data }).toEqual({ status: 401, data: undefined });
      expect(errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED', advice: 'Sign in again.' } }]);
      expect(Object.keys(errors[0]!.extensions).toSorted()).toEqual(['advice', 'code']);
    }
  });

  test.for(['GET', 'PUT', 'DELETE', 'OPTIONS'])('%s without a token is 401 too', async (method) => {
    const response = await fetch(`${service.url}?query=${encodeURIComponent(introspection)}`, { method });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  });

  test.for(['Basic YWxpY2U6YWxpY2U=', 'Bearer', 'Bearer  ', 'bearer a b'])(
    '"%s" is not a sign-in',
    async (authorization) => {
      const headers = { 'content-type': 'application/json', authorization };
      const response = await fetch(service.url, { method: 'POST', headers, body: '{}' });
      expect(response.status).toBe(401);
    },
  );

  test('with a good token the viewer is who the token says', async () => {
    const { status, data } = await ask(service, token, '{ viewer { username issuer subject roles groups } }');
    expect(status).toBe(200);
    expect(data).toEqual({
      viewer: {
        username: 'alice',
        issuer: services.issuer.url,
        subject: 'subject-of-alice',
        roles: ['APPLICATION_DEPLOYER'],
        groups: [],
      },
    });
  });
});

describe('over WebSocket', () => {
  const connect = () => WireClient.open(service.subscriptionsUrl);
  const subscribe = { id: '1', type: 'subscribe', payload: { query: '{ viewer { username } }' } };

  test.for([
    { what: 'no payload', init: { type: 'connection_init' }, code: 4401 },
    { what: 'no authorization', init: { type: 'connection_init', payload: {} }, code: 4401 },
    { what: 'null', init: { type: 'connection_init', payload: { authorization: null } }, code: 4401 },
    { what: 'a number', init: { type: 'connection_init', payload: { authorization: 7 } }, code: 4403 },
    { what: 'no bearer', init: { type: 'connection_init', payload: { authorization: 'nonsense' } }, code: 4403 },
  ])('connection_init with $what is closed with $code', async ({ init, code }) => {
    const client = await connect();
    client.send(init);
    expect((await client.closed).code).toBe(code);
    expect(client.received).toEqual([]);
  });

  test.for(Object.keys(wrongTokens))('a token that %s is closed with 4403', async (which) => {
    const client = await connect();
    client.send({ type: 'connection_init', payload: { authorization: `Bearer ${await wrongTokens[which]!()}` } });
    const { code, reason } = await client.closed;
    expect(code).toBe(4403);
    expect(reason).toMatch(/^the sign-in token /);
    expect(client.received).toEqual([]);
  });

  test('an operation before connection_init is refused with 4401', async () => {
    const client = await connect();
    client.send(subscribe);
    expect((await client.closed).code).toBe(4401);
    expect(client.received).toEqual([]);
  });

  test('an operation sent along with a wrong sign-in is not carried out', async () => {
    const client = await connect();
    client.send({ type: 'connection_init', payload: { authorization: 'Bearer nonsense' } });
    client.send(subscribe);
    expect([4401, 4403]).toContain((await client.closed).code);
    expect(client.received).toEqual([]);
  });

  test('signed in, every operation is the one of the person who signed in', async () => {
    const client = await connect();
    await client.signIn(token);
    client.send(subscribe);
    await client.until((message) => message['type'] === 'complete');
    expect(client.received.slice(1)).toEqual([
      { id: '1', type: 'next', payload: { data: { viewer: { username: 'alice' } } } },
      { id: '1', type: 'complete' },
    ]);
    client.close();
  });

  test('a token that runs out ends the connection with 4403', async () => {
    const client = await connect();
    await client.signIn(await services.issuer.sign({ ...alice, expiresInSeconds: 1 }));
    expect(await client.closed).toEqual({ code: 4403, reason: 'the sign-in token has expired' });
  });

  test('a client that overhears the close of its connection can do nothing more', async () => {
    const client = await connect();
    const expires = Date.now() + 1_000;
    await client.signIn(await services.issuer.sign({ ...alice, expiresInSeconds: 1 }));
    client.socket.pause();
    await until('the sign-in has run out', () => Date.now() > expires + 200);
    const input = {
      name: 'too-late',
      owners: { users: ['alice'] },
      targets: [{ namespace: 'a', deploymentName: 'b' }],
    };
    const query = 'mutation ($input: RegisterApplicationInput!) { registerApplication(input: $input) { name } }';
    client.send({ id: '1', type: 'subscribe', payload: { query, variables: { input } } });
    client.send({ id: '2', type: 'subscribe', payload: { query: '{ viewer { username } }' } });
    client.socket.resume();
    expect((await client.closed).code).toBe(4403);
    expect(client.received.map(({ type }) => type)).toEqual(['connection_ack']);
    const grace = await services.signIn('grace', 'ADMIN');
    const { errors } = await ask(service, grace, '{ application(name: "too-late") { name } }');
    expect(errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
  });

  test('another path and another protocol lead nowhere', async () => {
    const refused = (url: string, protocol: string) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(url, protocol);
        socket.once('error', (error) => resolve(error.message));
        socket.once('close', (code) => resolve(String(code)));
      });
    expect(await refused(service.subscriptionsUrl.replace('/graphql', '/other'), 'graphql-transport-ws')).toMatch(
      /400/,
    );
    expect(await refused(service.subscriptionsUrl, 'graphql-ws')).toMatch(/subprotocol/);
  });
});

describe('while the issuer is away', () => {
  test('nobody signs in: 503 UNAVAILABLE over HTTP, 1013 over WebSocket; and they do when it is back', async () => {
    const issuer = await startIssuer();
    const signed = await issuer.sign(alice);
    await issuer.stop();
    const other = await services.start({ OIDC_ISSUER: issuer.url });
    const { status, data, errors } = await ask(other, signed, introspection);
    expect({ status, data }).toEqual({ status: 503, data: undefined });
    expect(errors).toEqual([
      {
        message: "the issuer's keys cannot be had; nobody can sign in",
        extensions: { code: 'UNAVAILABLE', advice: 'Try again.' },
      },
    ]);
    const client = await WireClient.open(other.subscriptionsUrl);
    client.send({ type: 'connection_init', payload: { authorization: `Bearer ${signed}` } });
    expect(await client.closed).toEqual({ code: 1013, reason: "the issuer's keys cannot be had; nobody can sign in" });
    const back = await startIssuer({ port: Number(new URL(issuer.url).port) });
    expect(back.url).toBe(issuer.url);
    const anew = await back.sign(alice);
    expect((await ask(other, anew, '{ viewer { username } }')).status).toBe(200);
    await back.stop();
    await other.stop();
  });
});
