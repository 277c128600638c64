import { createServer } from 'node:http';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import type { JWK } from 'jose';
import { freePort } from './ports.ts';

export type Claims = {
  subject: string;
  username: string;
  roles: readonly string[];
  groups?: readonly string[];
  audience?: string;
  expiresInSeconds?: number;
  [claim: string]: unknown;
};

/** An OpenID Connect issuer as far as a verifier sees it: a discovery document, keys, and signed tokens. */
export type Issuer = {
  url: string;
  sign(claims: Claims): Promise<string>;
  /** Signs with a new key from now on. Keys that tokens may still stand on stay published. */
  rotate(): Promise<void>;
  stop(): Promise<void>;
};

type SigningKey = JWK & { kid: string };

const ALGORITHM = 'ES256';
const DEFAULT_AUDIENCE = 'cratos-redeploy';
const DAY_SECONDS = 24 * 60 * 60;
const PUBLISHED_KEYS = 3;

/** With a `folder` its keys, and so the tokens signed by them, outlive a restart. A taken port is stepped over. */
export async function startIssuer(options: { folder?: string; port?: number } = {}): Promise<Issuer> {
  const { folder } = options;
  const file = folder && join(folder, 'issuer.json');
  // Private keys, the signing one first.
  let keys = file && existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as SigningKey[]) : [];

  const rotate = async () => {
    const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
    const key: SigningKey = { ...(await exportJWK(privateKey)), kid: crypto.randomUUID(), alg: ALGORITHM, use: 'sig' };
    keys = [key, ...keys].slice(0, PUBLISHED_KEYS);
    if (folder && file) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(`${file}.new`, JSON.stringify(keys), { mode: 0o600 });
      await rename(`${file}.new`, file);
    }
  };
  if (keys.length === 0) await rotate();

  const port = await freePort(options.port ?? 0);
  const url = `http://127.0.0.1:${port}`;
  const server = createServer((request, response) => {
    const document = {
      '/.well-known/openid-configuration': () => discovery(url),
      '/jwks': () => ({ keys: keys.map(publicPart) }),
    }[request.url ?? ''];
    response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(document?.() ?? { error: 'not_found' }));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });

  return {
    url,
    async sign({ subject, username, audience = DEFAULT_AUDIENCE, expiresInSeconds = DAY_SECONDS, ...claims }) {
      const [key] = keys;
      if (!key) throw new Error('The issuer has no key.');
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({ preferred_username: username, ...claims })
        .setProtectedHeader({ alg: ALGORITHM, kid: key.kid, typ: 'JWT' })
        .setIssuer(url)
        .setSubject(subject)
        .setAudience(audience)
        .setIssuedAt(now)
        .setExpirationTime(now + expiresInSeconds)
        .sign(await importJWK(key, ALGORITHM));
    },
    rotate,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const discovery = (url: string) => ({
  issuer: url,
  jwks_uri: `${url}/jwks`,
  response_types_supported: ['id_token'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: [ALGORITHM],
});

const publicPart = ({ kty, crv, x, y, kid, alg, use }: JWK) => ({ kty, crv, x, y, kid, alg, use });
