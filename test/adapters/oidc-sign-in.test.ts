import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { base64url, exportSPKI, generateKeyPair, importJWK, type JWK, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type OidcSettings, oidcSignIn } from '../../src/adapters/oidc/oidc-sign-in.ts';
import { RedeployError } from '../../src/domain/errors.ts';
import type { VerifySignIn } from '../../src/domain/sign-in.ts';
import { type Issuer, startIssuer } from '../../src/sandbox/issuer.ts';

let folder: string;
let issuer: Issuer;
let verify: VerifySignIn;
const servers: Server[] = [];

const alice = { subject: 'subject-1', username: 'alice', roles: ['APPLICATION_DEPLOYER'], groups: ['backend'] };
const seconds = () => Math.floor(Date.now() / 1000);
const verifierOf = (settings: Partial<OidcSettings> = {}): VerifySignIn =>
  oidcSignIn({
    issuer: issuer.url,
    audience: 'cratos-redeploy',
    usernameClaim: 'preferred_username',
    rolesClaim: 'roles',
    groupsClaim: 'groups',
    ...settings,
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cratos-oidc-test-'));
  issuer = await startIssuer({ folder });
  verify = verifierOf();
});
afterEach(() => vi.useRealTimers());
afterAll(async () => {
  await issuer.stop();
  for (const server of servers) await new Promise((resolve) => server.close(resolve).closeAllConnections());
  await rm(folder, { recursive: true });
});

/** What the issuer itself would sign with; it signs nothing wrong, so the wrong ones are signed here. */
const signingKey = async (): Promise<JWK> => {
  const [key] = JSON.parse(await readFile(join(folder, 'issuer.json'), 'utf8')) as JWK[];
  return key!;
};

const right = () => ({
  iss: issuer.url,
  aud: 'cratos-redeploy',
  sub: 'subject-1',
  preferred_username: 'alice',
  exp: seconds() + 60,
});

async function signed(changes: Record<string, unknown>): Promise<string> {
  const key = await signingKey();
  const claims = Object.entries({ ...right(), ...changes }).filter(([, value]) => value !== undefined);
  return new SignJWT(Object.fromEntries(claims))
    .setProtectedHeader({ alg: 'ES256', kid: key.kid! })
    .sign(await importJWK(key, 'ES256'));
}

const refusalOf = async (token: string, by = verify): Promise<RedeployError> => {
  const refusal = await by(`Bearer ${token}`).catch((error: unknown) => error);
  if (refusal instanceof RedeployError) return refusal;
  throw new Error('it was not refused', { cause: refusal });
};

/** An issuer as the test wants it: answers by path. */
async function scriptedIssuer(answer: (path: string, url: string) => { status?: number; body: unknown }) {
  const requests: string[] = [];
  const listener: RequestListener = (request, response) => {
    requests.push(request.url!);
    const { status = 200, body } = answer(request.url!, url);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, requests };
}

test('a valid token tells who signed in, and until when', async () => {
  const token = await issuer.sign({ ...alice, expiresInSeconds: 600 });
  const { actor, expiresAt } = await verify(`Bearer ${token}`);
  expect(actor).toEqual({
    issuer: issuer.url,
    subject: 'subject-1',
    username: 'alice',
    roles: ['APPLICATION_DEPLOYER'],
    groups: ['backend'],
  });
  const { exp } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { exp: number };
  expect(expiresAt).toEqual(new Date(exp * 1000));
});

const accepted: Record<string, () => Record<string, unknown>> = {
  'an audience among others': () => ({ aud: ['another', 'cratos-redeploy'] }),
  'clocks that differ by 20 seconds at the end': () => ({ exp: seconds() - 20 }),
  'clocks that differ by 20 seconds at the beginning': () => ({ nbf: seconds() + 20 }),
};
test.for(Object.entries(accepted))('%s is accepted', async ([, changes]) => {
  await expect(verify(`Bearer ${await signed(changes())}`)).resolves.toMatchObject({ actor: { username: 'alice' } });
});

describe('what is not accepted is UNAUTHENTICATED, and no message repeats the token', () => {
  const otherKeys = generateKeyPair('ES256');
  const swapPayload = async (changes: object) => {
    const [header, payload, signature] = (await signed({})).split('.');
    const claims = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as object;
    return [header, base64url.encode(JSON.stringify({ ...claims, ...changes })), signature].join('.');
  };
  const published = async () => importJWK({ ...(await signingKey()), d: undefined }, 'ES256') as Promise<CryptoKey>;
  const withSecret = async (secret: Uint8Array) =>
    new SignJWT(right()).setProtectedHeader({ alg: 'HS256', kid: (await signingKey()).kid! }).sign(secret);

  const tokens: Record<string, () => Promise<string> | string> = {
    'another audience': () => signed({ aud: 'another' }),
    'no audience': () => signed({ aud: undefined }),
    'another issuer': () => signed({ iss: 'https://issuer.test' }),
    'an issuer that only begins alike': () => signed({ iss: `${issuer.url}/` }),
    'no issuer': () => signed({ iss: undefined }),
    'an expired token': () => signed({ exp: seconds() - 40 }),
    'a token that never expires': () => signed({ exp: undefined }),
    'an expiry that is no number': () => signed({ exp: String(seconds() + 60) }),
    'a token that is not valid yet': () => signed({ nbf: seconds() + 60 }),
    'no subject': () => signed({ sub: undefined }),
    'an empty subject': () => signed({ sub: '' }),
    'a subject that is no text': () => signed({ sub: 7 }),
    'no username': () => signed({ preferred_username: undefined }),
    'an empty username': () => signed({ preferred_username: '' }),
    'a username that is no text': () => signed({ preferred_username: ['alice'] }),
    'a username with a line break': () => signed({ preferred_username: 'alice\nADMIN' }),
    'a username with a NUL': () => signed({ preferred_username: 'alice\u0000' }),
    'a username of 300 characters': () => signed({ preferred_username: 'a'.repeat(300) }),
    'the public key as a shared secret, as text': async () =>
      withSecret(new TextEncoder().encode(await exportSPKI(await published()))),
    'the public key as a shared secret, as JSON': async () => {
      const { kty, crv, x, y } = await signingKey();
      return withSecret(new TextEncoder().encode(JSON.stringify({ kty, crv, x, y })));
    },
    'no signature (alg none)': () => new UnsecuredJWT(right()).encode(),
    'a signature that was cut off': async () => (await signed({})).replace(/[^.]+$/, ''),
    'somebody else with the same key id': async () =>
      new SignJWT(right())
        .setProtectedHeader({ alg: 'ES256', kid: (await signingKey()).kid! })
        .sign((await otherKeys).privateKey),
    'an unknown key': async () =>
      new SignJWT(right()).setProtectedHeader({ alg: 'ES256', kid: 'unknown' }).sign((await otherKeys).privateKey),
    'a username that was changed afterwards': () => swapPayload({ preferred_username: 'grace' }),
    'roles that were added afterwards': () => swapPayload({ roles: ['ADMIN'] }),
    'no JWT at all': () => 'sesame-open-the-door',
    'a JWT with a broken header': () => 'sesame.open.thedoor',
  };

  test.for(Object.entries(tokens))('%s', async ([, tokenOf]) => {
    const token = await tokenOf();
    const refusal = await refusalOf(token);
    expect(refusal.code).toBe('UNAUTHENTICATED');
    for (const part of token.split('.').filter((text) => text.length > 0)) {
      expect(`${refusal.message} ${JSON.stringify(refusal.details)}`).not.toContain(part);
    }
  });

  test.for([
    ['no header', null],
    ['an empty header', ''],
    ['a scheme alone', 'Bearer'],
    ['another scheme', 'Basic YWxpY2U6c2VjcmV0'],
    ['two tokens', 'Bearer one two'],
  ] as const)('%s', async ([, authorization]) => {
    await expect(verify(authorization)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('claims', () => {
  test('may lie at a dotted path', async () => {
    const nested = verifierOf({
      rolesClaim: 'realm_access.roles',
      groupsClaim: 'org.teams',
      usernameClaim: 'who.name',
    });
    const token = await signed({
      realm_access: { roles: ['APPROVER'] },
      org: { teams: ['platform'] },
      who: { name: 'carol' },
    });
    await expect(nested(`Bearer ${token}`)).resolves.toMatchObject({
      actor: { username: 'carol', roles: ['APPROVER'], groups: ['platform'] },
    });
  });

  test('may have dots in their own name', async () => {
    const dotted = verifierOf({ rolesClaim: 'https://desk.test/roles' });
    const token = await signed({ 'https://desk.test/roles': ['AUDITOR'], roles: ['ADMIN'] });
    await expect(dotted(`Bearer ${token}`)).resolves.toMatchObject({ actor: { roles: ['AUDITOR'] } });
  });

  const rolesClaims: [what: string, claims: object, roles: string[]][] = [
    ['unknown roles', { roles: ['ADMINISTRATOR', 'admin', 'APPROVER', 'constructor'] }, ['APPROVER']],
    ['roles that are no text', { roles: ['APPROVER', 7, null, { name: 'ADMIN' }] }, ['APPROVER']],
    ['roles that are no list', { roles: 'ADMIN' }, []],
    ['missing roles', {}, []],
  ];
  test.for(rolesClaims)('%s give nothing', async ([, claims, roles]) => {
    const { actor } = await verify(`Bearer ${await signed({ ...claims })}`);
    expect(actor.roles).toEqual(roles);
  });

  test('are never found in what every object has', async () => {
    const inherited = verifierOf({ usernameClaim: 'constructor.name' });
    expect((await refusalOf(await signed({}), inherited)).message).toContain('lacks a usable constructor.name');
  });
});

describe('keys', () => {
  test('that the issuer has rotated to are picked up without a restart', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await verify(`Bearer ${await issuer.sign(alice)}`);
    const before = await issuer.sign(alice);
    await issuer.rotate();
    const after = await issuer.sign(alice);
    vi.setSystemTime(Date.now() + 11_000); // keys are asked for again after 10 seconds at the earliest

    await expect(verify(`Bearer ${after}`)).resolves.toMatchObject({ actor: { subject: 'subject-1' } });
    await expect(verify(`Bearer ${before}`)).resolves.toMatchObject({ actor: { subject: 'subject-1' } });
  });

  test('are not asked for again with each unknown one', async () => {
    const { url, requests } = await scriptedIssuer((path, self) => ({
      body: path === '/jwks' ? { keys: [] } : { issuer: self, jwks_uri: `${self}/jwks` },
    }));
    const scripted = verifierOf({ issuer: url });
    const token = await signed({});
    for (const _ of Array.from({ length: 5 })) {
      expect((await refusalOf(token, scripted)).code).toBe('UNAUTHENTICATED');
    }
    expect(requests).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });
});

describe('while the keys cannot be had, sign-in is UNAVAILABLE', () => {
  const jwksUri = (self: string) => ({ issuer: self, jwks_uri: `${self}/jwks` });
  const discoveryPath = '/.well-known/openid-configuration';

  test('the issuer is away, and works as soon as it is back', async () => {
    const own = await mkdtemp(join(folder, 'away-'));
    const first = await startIssuer({ folder: own });
    const token = await first.sign(alice);
    await first.stop();
    const signIn = verifierOf({ issuer: first.url });
    expect((await refusalOf(token, signIn)).code).toBe('UNAVAILABLE');

    const second = await startIssuer({ folder: own, port: Number(new URL(first.url).port) });
    await expect(signIn(`Bearer ${token}`)).resolves.toMatchObject({ actor: { username: 'alice' } });
    await second.stop();
  });

  type Answer = Parameters<typeof scriptedIssuer>[0];
  const faults: Record<string, Answer> = {
    'the discovery document fails': () => ({ status: 500, body: {} }),
    'the discovery document is another one': () => ({ body: { hello: 'world' } }),
    'the discovery document names another issuer': (_, self) => ({ body: jwksUri(`${self}/other`) }),
    'the key set fails': (path, self) => (path === discoveryPath ? { body: jwksUri(self) } : { status: 503, body: {} }),
    'the key set is none': (path, self) => ({ body: path === discoveryPath ? jwksUri(self) : { hello: 'world' } }),
  };
  test.for(Object.entries(faults))('%s', async ([, answer]) => {
    const { url } = await scriptedIssuer(answer);
    const refusal = await refusalOf(await signed({}), verifierOf({ issuer: url }));
    expect(refusal.code).toBe('UNAVAILABLE');
    expect(refusal.message).not.toContain(url);
  });
});
