import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Service } from '../../src/service.ts';
import { openTestServices, type TestServices } from '../support/service.ts';

let services: TestServices;
let service: Service;

beforeAll(async () => {
  services = await openTestServices();
  service = await services.start();
});
afterAll(() => services.close());

const get = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(new URL(path, service.url), init);
  return { status: response.status, text: await response.text() };
};

test('GET /livez says that the process is up, without a sign-in and whatever the sign-in is', async () => {
  expect(await get('/livez')).toEqual({ status: 200, text: 'ok\n' });
  expect(await get('/livez?verbose')).toEqual({ status: 200, text: '[+]ping ok\nlivez check passed\n' });
  expect(await get('/livez', { headers: { authorization: 'Bearer nonsense' } })).toEqual({ status: 200, text: 'ok\n' });
  expect(await get('/livez', { method: 'HEAD' })).toEqual({ status: 200, text: '' });
});

test('GET /readyz and /startupz say that it serves; ?verbose tells of each part', async () => {
  expect(await get('/readyz')).toEqual({ status: 200, text: 'ok\n' });
  expect(await get('/startupz')).toEqual({ status: 200, text: 'ok\n' });
  expect(await get('/startupz?verbose')).toEqual({ status: 200, text: '[+]start ok\nstartupz check passed\n' });
  const parts = ['postgresql', 'redis', 'issuer-keys', 'cluster-1', 'start', 'shutdown'];
  const lines = [...parts.map((part) => `[+]${part} ok`), 'readyz check passed', ''];
  expect(await get('/readyz?verbose')).toEqual({ status: 200, text: lines.join('\n') });
});

test('GET /livez answers also while the issuer is away', async () => {
  const alone = await services.start({ OIDC_ISSUER: 'http://127.0.0.1:9' });
  expect((await fetch(new URL('/livez', alone.url))).status).toBe(200);
  await alone.stop();
});

test.for([
  '/',
  '/livez/',
  '/livez/x',
  '/readyz/',
  '/startupz/x',
  '/graphql/x',
  '/graphql/livez',
  '/metrics',
  '/.env',
  '/health',
  '/x/health',
])('%s is nothing, and is 404', async (path) => expect((await get(path)).status).toBe(404));

test.for(['/graphql?x=/livez', '/graphql?x=/health', '/graphql?x=/readyz', '/v1/livez'])(
  '%s is no health check: without a sign-in it is 401',
  async (path) => expect((await get(path)).status).toBe(401),
);

test('POST /livez is nothing, and is 404', async () => {
  expect((await get('/livez', { method: 'POST' })).status).toBe(404);
});
