import { exportSPKI, generateKeyPair, importJWK, type JWK, SignJWT, UnsecuredJWT } from 'jose';
import type { Issuer } from '../../src/sandbox/issuer.ts';
import { nastyTexts } from './nasty-values.ts';

const claims = { subject: 'subject-of-grace', username: 'grace', roles: ['ADMIN', 'APPROVER', 'APPLICATION_DEPLOYER'] };

/** Values of an Authorization header with which nobody gets in, by what is wrong with them. */
export async function wrongAuthorizations(issuer: Issuer): Promise<Record<string, string>> {
  const { keys } = (await (await fetch(`${issuer.url}/jwks`)).json()) as { keys: JWK[] };
  const [published] = keys;
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const pem = await exportSPKI((await importJWK(published!, 'ES256')) as CryptoKey);
  const body = {
    iss: issuer.url,
    aud: 'cratos-redeploy',
    sub: claims.subject,
    preferred_username: claims.username,
    roles: claims.roles,
    exp: Math.floor(Date.now() / 1000) + 3600,
  };
  const good = await issuer.sign(claims);
  const [header, payload, signature] = good.split('.') as [string, string, string];
  const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const withSecret = (secret: string, alg = 'HS256'): Promise<string> =>
    new SignJWT(body).setProtectedHeader({ alg, kid: published!.kid! }).sign(new TextEncoder().encode(secret));
  const own = (more: object): Promise<string> =>
    new SignJWT(body).setProtectedHeader({ alg: 'ES256', ...more }).sign(privateKey);
  const kids = ['../../../../dev/null', '/etc/passwd', "x' union select 'k", 'a\u0000b', 'http://169.254.169.254/', ''];
  const { d: _, ...ownKey } = { ...(await import('jose').then(({ exportJWK }) => exportJWK(publicKey))), d: undefined };
  const tokens: Record<string, string> = {
    'alg none': new UnsecuredJWT(body).encode(),
    'alg nOnE': `${encoded({ alg: 'nOnE' })}.${payload}.`,
    'no alg': `${encoded({ typ: 'JWT' })}.${payload}.${signature}`,
    'the public key as a secret, PEM': await withSecret(pem),
    'the public key as a secret, JSON': await withSecret(JSON.stringify(published)),
    'HS512 with the public key': await withSecret(pem.repeat(2), 'HS512'),
    'another audience': await issuer.sign({ ...claims, audience: 'another' }),
    expired: await issuer.sign({ ...claims, expiresInSeconds: -3600 }),
    'no username': await issuer.sign({ ...claims, username: '' }),
    'a username of control characters': await issuer.sign({ ...claims, username: 'grace\r\n\u001b[31m' }),
    'an own key in its header': await own({ jwk: ownKey }),
    'an own key at a URL': await own({ jku: 'http://127.0.0.1:9/jwks', x5u: 'http://127.0.0.1:9/x5u' }),
    'the published key id': await own({ kid: published!.kid }),
    'a critical extension': `${encoded({ alg: 'ES256', kid: published!.kid, crit: ['exp'] })}.${payload}.${signature}`,
    'a changed payload': `${header}.${encoded({ ...body, sub: 'somebody' })}.${signature}`,
    'no signature': `${header}.${payload}.`,
    'a signature of zeros': `${header}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
    'four parts': `${good}.${signature}`,
    'an encrypted one': `${encoded({ alg: 'dir', enc: 'A256GCM' })}..x.y.z`,
    'a header that is a list': `${Buffer.from('[]').toString('base64url')}.${payload}.${signature}`,
    'a payload that is none': `${header}.${'x'.repeat(50)}.${signature}`,
    huge: `${header}.${'x'.repeat(12_000)}.${signature}`,
  };
  for (const [place, kid] of kids.entries()) tokens[`the key id of a path, ${place}`] = await own({ kid });
  const bearers = Object.entries(tokens).map(([what, token]) => [what, `Bearer ${token}`]);
  const others = ['', 'Bearer', 'Bearer ', 'Basic YWxpY2U6c2VjcmV0', `Bearer ${good} ${good}`, `Bearer,${good}`, good];
  const texts = nastyTexts.filter((text) => /^[\t\u0020-\u007e]+$/.test(text)).map((text) => `Bearer ${text}`);
  return Object.fromEntries([...bearers, ...[...others, ...texts].map((text) => [`"${text.slice(0, 30)}"`, text])]);
}
