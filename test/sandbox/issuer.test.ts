import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Issuer } from '../../src/sandbox/issuer.ts';
import { startIssuer } from '../../src/sandbox/issuer.ts';
import { PERSONAS, personaTokens } from '../../src/sandbox/personas.ts';
import { isListening, listensBeyondLoopback } from '../support/listeners.ts';

const started: Issuer[] = [];
let parent: string;

async function start(options: Parameters<typeof startIssuer>[0] = {}): Promise<Issuer> {
  const issuer = await startIssuer(options);
  started.push(issuer);
  return issuer;
}

/** As a verifier would that knows nothing but the issuer's URL. */
async function verify(issuer: Issuer, token: string) {
  const response = await fetch(`${issuer.url}/.well-known/openid-configuration`);
  const { issuer: name, jwks_uri } = (await response.json()) as { issuer: string; jwks_uri: string };
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(jwks_uri)), {
    issuer: name,
    audience: 'cratos-redeploy',
  });
  return payload;
}

const portOf = ({ url }: Issuer) => Number(new URL(url).port);
const ALICE = { subject: 'subject-1', username: 'alice', roles: ['APPLICATION_DEPLOYER'], groups: ['backend'] };

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'cratos-issuer-test-'));
});

afterEach(() => Promise.all(started.splice(0).map((issuer) => issuer.stop())));

afterAll(() => rm(parent, { recursive: true, force: true }));

describe('the issuer', () => {
  test('signs tokens that its discovery document leads to the keys of', async () => {
    const issuer = await start();

    const payload = await verify(issuer, await issuer.sign({ ...ALICE, email: 'alice@example.com' }));

    expect(payload).toMatchObject({
      iss: issuer.url,
      sub: 'subject-1',
      aud: 'cratos-redeploy',
      preferred_username: 'alice',
      roles: ['APPLICATION_DEPLOYER'],
      groups: ['backend'],
      email: 'alice@example.com',
    });
  });

  test('signs expired tokens and tokens for others when asked to', async () => {
    const issuer = await start();

    await expect(verify(issuer, await issuer.sign({ ...ALICE, expiresInSeconds: -1 }))).rejects.toThrow('"exp"');
    await expect(verify(issuer, await issuer.sign({ ...ALICE, audience: 'another' }))).rejects.toThrow('"aud"');
  });

  test('is trusted by nobody else’s keys', async () => {
    const [issuer, other] = [await start(), await start()];

    await expect(verify(issuer, await other.sign(ALICE))).rejects.toThrow('no applicable key');
  });

  test('never publishes a private key', async () => {
    const issuer = await start();
    await issuer.rotate();

    const { keys } = (await (await fetch(`${issuer.url}/jwks`)).json()) as { keys: object[] };

    expect(keys).toHaveLength(2);
    for (const key of keys) expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });

  test('signs with a new key after a rotation, while earlier tokens stay valid', async () => {
    const issuer = await start();
    const before = await issuer.sign(ALICE);

    await issuer.rotate();
    const after = await issuer.sign(ALICE);

    expect(before.split('.')[0]).not.toBe(after.split('.')[0]);
    expect(await verify(issuer, before)).toMatchObject({ sub: 'subject-1' });
    expect(await verify(issuer, after)).toMatchObject({ sub: 'subject-1' });
  });

  test('is the same issuer with the same keys after a restart', async () => {
    const folder = join(parent, 'kept');
    const first = await start({ folder });
    const token = await first.sign(ALICE);
    await first.stop();

    const second = await start({ folder, port: portOf(first) });

    expect(second.url).toBe(first.url);
    expect(await verify(second, token)).toMatchObject({ sub: 'subject-1' });
    expect((await stat(join(folder, 'issuer.json'))).mode & 0o777).toBe(0o600);
  });

  test('steps over a taken port', async () => {
    const first = await start();

    const second = await start({ port: portOf(first) });

    expect(portOf(second)).not.toBe(portOf(first));
  });

  test('answers 404 to everything else', async () => {
    const issuer = await start();

    const statuses = await Promise.all(
      ['/', '/jwks/', '/constructor', '/token'].map(async (path) => (await fetch(issuer.url + path)).status),
    );

    expect(statuses).toEqual([404, 404, 404, 404]);
  });

  test('listens on loopback only and leaves no listener when it is stopped', async () => {
    const issuer = await start();
    expect(await listensBeyondLoopback(portOf(issuer))).toEqual([]);

    await issuer.stop();

    expect(await isListening(portOf(issuer))).toBe(false);
  });
});

describe('the personas', () => {
  test('are two deployers, three approvers, an auditor and an admin, each with a token of their own', async () => {
    const issuer = await start();

    const tokens = await personaTokens(issuer);

    expect(tokens.map(({ username, roles }) => `${username} ${roles.join()}`)).toEqual([
      'alice APPLICATION_DEPLOYER,BREAK_GLASS',
      'bob APPLICATION_DEPLOYER',
      'carol APPROVER',
      'dave APPROVER',
      'erin APPROVER',
      'frank AUDITOR',
      'grace ADMIN',
    ]);
    for (const { username, roles, groups, token } of tokens) {
      expect(await verify(issuer, token)).toMatchObject({ preferred_username: username, roles, groups });
    }
    expect(new Set(PERSONAS.map(({ subject }) => subject)).size).toBe(tokens.length);
  });
});
