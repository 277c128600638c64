import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { createLogger } from '../src/logger.ts';

const webhookSecret = 'correct-horse-"battery"-staple-and-more';
const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLWFsaWNl';

function logging(): { log: ReturnType<typeof createLogger>; lines: () => string } {
  const written: string[] = [];
  const stream = new Writable({ write: (chunk, _, done) => (written.push(String(chunk)), done()) });
  return { log: createLogger('info', [webhookSecret], stream), lines: () => written.join('') };
}

test.for<[what: string, secret: string, object: object, message: string]>([
  ['a bearer token in a message', 'opaque-token-of-alice', {}, 'sent Authorization: Bearer opaque-token-of-alice'],
  ['a sign-in token without its scheme', jwt, {}, `${jwt} is not known`],
  ['a sign-in token in an error', jwt, { err: new Error(`cannot verify ${jwt}`) }, 'refused'],
  ['headers', 'opaque-token-of-alice', { request: { headers: { authorization: 'opaque-token-of-alice' } } }, 'asked'],
  ['what was sent to sign in', 'hunter2', { connectionParams: { authorization: 'hunter2' } }, 'connected'],
  ['a password by its name', 'hunter2', { database: { password: 'hunter2' } }, 'connected'],
  ['a password in a URL', 'hunter2', { url: 'postgresql://service:hunter2@db.test/redeploy' }, 'connected'],
  ['a password with an @ in a URL', 'p@ss', {}, 'redis://:p@ss@redis.test:6379 is away'],
  ['a password in the stack of an error', 'hunter2', { err: new Error('rediss://user:hunter2@redis.test') }, 'away'],
  [
    'a signing secret by its looks',
    'whsec_C2FVsBQIhrscChlQIMV',
    {},
    'signed with whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
  ],
  ['the webhook secret itself', 'battery', { signedWith: webhookSecret }, `signed with ${webhookSecret}`],
])('%s is not logged', ([, secret, object, message]) => {
  const { log, lines } = logging();
  log.info(object, message);
  expect(lines()).toContain('[redacted]');
  expect(lines()).not.toContain(secret);
});

test('what only looks a little like a secret is logged as it is', () => {
  const { log, lines } = logging();
  const message = 'a bearer of bad news asked http://127.0.0.1:4000/graphql at 10:15 for alice@example.com';
  log.info({ address: '127.0.0.1:4000' }, message);
  expect(lines()).toContain(message);
  expect(lines()).not.toContain('redacted');
});

test('a line says in words how grave it is, and when it was written in ISO 8601', () => {
  const { log, lines } = logging();
  log.error('it broke');
  const line = JSON.parse(lines()) as Record<string, string>;
  expect(line).toMatchObject({ level: 'error', service: 'cratos-redeploy', msg: 'it broke' });
  expect(new Date(line['time']!).toISOString()).toBe(line['time']);
});
