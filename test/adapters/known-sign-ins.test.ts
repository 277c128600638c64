import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { KnownSignIns } from '../../src/adapters/oidc/known-sign-ins.ts';
import { type OidcSignIn, oidcSignIn } from '../../src/adapters/oidc/oidc-sign-in.ts';
import { type Issuer, startIssuer } from '../../src/sandbox/issuer.ts';

const signIn = {
  actor: { issuer: 'https://issuer', subject: '1', username: 'alice', roles: [], groups: [] },
  expiresAt: new Date(),
};

test('a sign-in is known by its own token, with the keys that it was verified with', () => {
  const known = new KnownSignIns();
  const [keys, otherKeys] = [{}, {}];
  expect(known.find('token', undefined)).toBeUndefined();
  known.keep('token', keys, signIn);
  expect(known.find('token', keys)).toBe(signIn);
  expect(known.find('other token', keys)).toBeUndefined();
  expect(known.find('token', otherKeys)).toBeUndefined();
  known.keep('other token', otherKeys, signIn);
  expect(known.find('token', otherKeys)).toBeUndefined();
  expect(known.find('token', keys)).toBeUndefined();
});

test('of a thousand and one the oldest is forgotten', () => {
  const known = new KnownSignIns();
  const keys = {};
  for (let number = 0; number <= 1_000; number += 1) known.keep(`token ${number}`, keys, signIn);
  expect(known.find('token 0', keys)).toBeUndefined();
  expect(known.find('token 1', keys)).toBe(signIn);
  expect(known.find('token 1000', keys)).toBe(signIn);
});

describe('who was verified', () => {
  let issuer: Issuer;
  let verify: OidcSignIn;
  beforeAll(async () => {
    issuer = await startIssuer();
    verify = oidcSignIn({
      issuer: issuer.url,
      audience: 'cratos-redeploy',
      usernameClaim: 'preferred_username',
      rolesClaim: 'roles',
      groupsClaim: 'groups',
    });
    await verify.reachKeys();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
  afterAll(() => issuer.stop());

  const sign = (expiresInSeconds = 60) =>
    issuer.sign({ subject: randomUUID(), username: 'alice', roles: [], expiresInSeconds });
  const verifications = () => vi.spyOn(crypto.subtle, 'verify');

  test('is not verified again, and signs in as before', async () => {
    const authorization = `Bearer ${await sign()}`;
    const spy = verifications();
    const first = await verify(authorization);
    expect(await verify(authorization)).toEqual(first);
    expect(spy).toHaveBeenCalledTimes(1);
    await verify(`Bearer ${await sign()}`);
    expect(spy).toHaveBeenCalledTimes(2);
  });

  test('is verified again once the keys were read again', async () => {
    const authorization = `Bearer ${await sign(3_600)}`;
    await verify(authorization);
    vi.useFakeTimers({ toFake: ['Date'] });
    const spy = verifications();
    vi.setSystemTime(Date.now() + 590_000);
    await verify(authorization);
    expect(spy).toHaveBeenCalledTimes(0);
    vi.setSystemTime(Date.now() + 11_000);
    await verify(authorization);
    expect(spy).toHaveBeenCalledTimes(1);
  });

  test('is refused when the token has expired, as somebody is who comes for the first time', async () => {
    const authorization = `Bearer ${await sign()}`;
    await verify(authorization);
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() + 89_000);
    await expect(verify(authorization)).resolves.toMatchObject({ actor: { username: 'alice' } });
    vi.setSystemTime(Date.now() + 2_000);
    await expect(verify(authorization)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});
