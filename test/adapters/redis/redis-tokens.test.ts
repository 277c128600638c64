import { expect, test } from 'vitest';
import { tokenKey } from '../../../src/adapters/redis/redis-tokens.ts';

const names = [
  'web',
  'alice:APPLICATION_NAME:web',
  'alice%3AAPPLICATION_NAME%3Aweb',
  'APPLICATION:REDEPLOY:TOKEN:USERNAME:alice',
  '{web}',
  'web}{',
  'a\r\nDEL b',
  'a\u0000b',
  '..%2f..',
  'é',
  '\ud800',
  '',
];

test('no name of a person or an application reaches into another key, a hash slot or the protocol', () => {
  const keys = names.flatMap((username) => names.map((application) => tokenKey(username, application)));
  expect(new Set(keys).size).toBe(keys.length);
  for (const key of keys) {
    expect(key).toMatch(/^APPLICATION:REDEPLOY:TOKEN:USERNAME:[\w.!~*'()%-]*:APPLICATION_NAME:[\w.!~*'()%-]*$/);
  }
});

test("names that can be registered stand in the guide's key as they are", () => {
  expect(tokenKey('alice', 'web-service')).toBe(
    'APPLICATION:REDEPLOY:TOKEN:USERNAME:alice:APPLICATION_NAME:web-service',
  );
});
