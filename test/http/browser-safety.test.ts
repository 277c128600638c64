import { once } from 'node:events';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Service } from '../../src/service.ts';
import { openTestServices, type TestServices } from '../support/service.ts';

const ours = 'https://desk.example.com';
const foreign = 'https://evil.example.com';

let services: TestServices;
let service: Service;
let closed: Service;
let token: string;

beforeAll(async () => {
  services = await openTestServices();
  service = await services.start({ CORS_ORIGINS: `${ours},http://localhost:3000`, GRAPHIQL: 'true' });
  closed = await services.start();
  token = await services.signIn('carol', 'APPROVER');
});
afterAll(() => services.close());

const at = (path: string, { url }: Service = service): string => new URL(path, url).href;
const viewer = `/graphql?query=${encodeURIComponent('{ viewer { username } }')}`;

test.for([
  { what: 'an answer', path: viewer, isSignedIn: true, status: 200 },
  { what: 'a refusal', path: viewer, isSignedIn: false, status: 401 },
  { what: 'the REST API', path: '/v1/openapi.json', isSignedIn: true, status: 200 },
  { what: 'a refusal of the REST API', path: '/v1/nowhere', isSignedIn: false, status: 401 },
  { what: 'health', path: '/livez', isSignedIn: false, status: 200 },
  { what: 'nothing', path: '/nowhere', isSignedIn: false, status: 404 },
  { what: "GraphiQL's page", path: '/graphql', isSignedIn: false, status: 200, accept: 'text/html' },
])('$what has the headers that keep browsers safe', async ({ path, isSignedIn, status, accept = '*/*' }) => {
  const headers = { accept, ...(isSignedIn ? { authorization: `Bearer ${token}` } : {}) };
  const answer = await fetch(at(path), { headers });
  await answer.text();
  expect(answer.status).toBe(status);
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
  expect(answer.headers.get('content-security-policy')).toMatch(/frame-ancestors 'none'/);
  expect(answer.headers.get('cache-control')).toBe(accept === 'text/html' ? 'no-cache' : 'no-store');
  const revealing = ['server', 'x-powered-by', 'access-control-allow-origin', 'access-control-allow-credentials'];
  expect(revealing.filter((name) => answer.headers.has(name))).toEqual([]);
});

describe('another site may read answers only where CORS_ORIGINS has it exactly', () => {
  test.for([
    { origin: ours, allowed: ours },
    { origin: 'http://localhost:3000', allowed: 'http://localhost:3000' },
    { origin: foreign, allowed: null },
    { origin: `${ours}.evil.com`, allowed: null },
    { origin: 'http://desk.example.com', allowed: null },
    { origin: 'null', allowed: null },
  ])('$origin gets $allowed', async ({ origin, allowed }) => {
    const preflight = { origin, 'access-control-request-method': 'POST' };
    const answers = [
      await fetch(at(viewer), { headers: { origin, authorization: `Bearer ${token}` } }),
      await fetch(at('/v1/openapi.json'), { headers: { origin, authorization: `Bearer ${token}` } }),
      await fetch(at('/graphql'), { method: 'OPTIONS', headers: preflight }),
    ];
    for (const answer of answers) {
      await answer.text();
      expect(answer.headers.get('access-control-allow-origin')).toBe(allowed);
      expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
      expect(answer.headers.get('vary')).toMatch(/origin/i);
    }
    expect(answers[2]!.headers.get('access-control-allow-headers') !== null).toBe(allowed !== null);
  });

  test('nobody does where it is not set', async () => {
    const answer = await fetch(at(viewer, closed), { headers: { origin: ours, authorization: `Bearer ${token}` } });
    await answer.text();
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });
});

test.for([
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'text/plain',
  'text/plain; application/json',
  'application/graphql',
])('what a foreign form can send carries nothing out: %s', async (type) => {
  const query = 'mutation { unregisterApplication(input: { name: "x" }) { __typename } }';
  const body = type.includes('form-urlencoded') ? `query=${encodeURIComponent(query)}` : JSON.stringify({ query });
  const headers = { 'content-type': type, authorization: `Bearer ${token}` };
  const answer = await fetch(service.url, { method: 'POST', headers, body });
  expect(answer.status).toBe(415);
  expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'INVALID_INPUT' } }] });
});

test('a mutation in a GET carries nothing out', async () => {
  const query = encodeURIComponent('mutation { unregisterApplication(input: { name: "x" }) { __typename } }');
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(at(`/graphql?query=${query}`), { headers });
  expect(answer.status).toBe(405);
  expect(JSON.stringify(await answer.json())).toContain('INVALID_INPUT');
});

test.for([
  { who: 'no browser', origin: () => undefined, isOpened: true },
  { who: "this host's own page", origin: () => new URL(service.url).origin, isOpened: true },
  { who: 'a page of CORS_ORIGINS', origin: () => ours, isOpened: true },
  { who: 'a foreign page', origin: () => foreign, isOpened: false },
  { who: 'a page of nowhere', origin: () => 'null', isOpened: false },
  { who: 'another port of this host', origin: () => 'http://127.0.0.1:1', isOpened: false },
])('a WebSocket from $who: $isOpened', async ({ origin, isOpened }) => {
  const from = origin();
  const socket = new WebSocket(
    service.subscriptionsUrl,
    'graphql-transport-ws',
    from === undefined ? {} : { origin: from },
  );
  const outcome = await Promise.race([
    once(socket, 'open').then(() => 'open'),
    once(socket, 'unexpected-response').then(([, response]) => (response as { statusCode: number }).statusCode),
  ]);
  expect(outcome).toBe(isOpened ? 'open' : 403);
  socket.terminate();
});
