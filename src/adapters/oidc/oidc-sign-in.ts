import { createRemoteJWKSet, errors, jwksCache, type JWKSCacheInput, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import { RedeployError } from '../../domain/errors.ts';
import { type Actor, type Role, roles } from '../../domain/person.ts';
import type { SignIn, VerifySignIn } from '../../domain/sign-in.ts';
import { KnownSignIns } from './known-sign-ins.ts';

export type OidcSettings = {
  issuer: string;
  audience: string;
  /** Dotted paths into the token's claims. */
  usernameClaim: string;
  rolesClaim: string;
  groupsClaim: string;
};

/** Asymmetric ones only: with a shared secret whoever can verify could also sign. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

const discovery = z.object({ issuer: z.string(), jwks_uri: z.url() });

type Keys = {
  find: ReturnType<typeof createRemoteJWKSet>;
  /** The key set as it was read last: another object each time. */
  latest: () => object | undefined;
};

/** How much clocks may differ. */
const clockTolerance = 30;

export type OidcSignIn = VerifySignIn & {
  /** Has the issuer's keys or gets them; throws where it cannot. */
  reachKeys: () => Promise<void>;
  /** Whether it ever had them. */
  hadKeys: () => boolean;
};

/** Verifies bearer JWTs against the keys that the issuer's discovery document names; keys rotate without a restart. */
export function oidcSignIn(settings: OidcSettings): OidcSignIn {
  let keys: Promise<Keys> | undefined;
  let hadKeys = false;

  function findKeys(): Promise<Keys> {
    keys ??= discoverKeys(settings.issuer).catch((error: unknown) => {
      keys = undefined; // the next request asks again
      throw error;
    });
    return keys;
  }

  async function reachKeys(): Promise<void> {
    const { find } = await findKeys();
    if (!find.fresh) await find.reload();
    hadKeys = true;
  }

  const knownSignIns = new KnownSignIns();

  /** Keys that are too old are read again first, whoever signs in. */
  function knownSignIn(token: string, { find, latest }: Keys): SignIn | undefined {
    const known = find.fresh ? knownSignIns.find(token, latest()) : undefined;
    const hasExpired = known && known.expiresAt.getTime() / 1000 <= Math.floor(Date.now() / 1000) - clockTolerance;
    return hasExpired ? undefined : known;
  }

  const verify: VerifySignIn = async (authorization) => {
    const [, token] = /^Bearer ([^\s]+)$/i.exec(authorization?.trim() ?? '') ?? [];
    if (!token) throw unauthenticated('sign in: send "Authorization: Bearer <JWT>"');
    try {
      const known = await findKeys();
      const signIn = knownSignIn(token, known);
      if (signIn) return signIn;
      const keySet = known.latest();
      const { payload } = await jwtVerify(token, known.find, {
        issuer: settings.issuer,
        audience: settings.audience,
        algorithms,
        clockTolerance,
        requiredClaims: ['sub', 'exp'],
      });
      hadKeys = true;
      const verified = { actor: actorOf(payload, settings), expiresAt: new Date(payload.exp! * 1000) };
      if (keySet && keySet === known.latest()) knownSignIns.keep(token, keySet, verified);
      return verified;
    } catch (error) {
      if (error instanceof RedeployError) throw error;
      if (error instanceof errors.JOSEError && isAboutToken(error)) {
        throw unauthenticated(`the sign-in token is not accepted: ${error.message}`, error);
      }
      throw new RedeployError(
        'UNAVAILABLE',
        "the issuer's keys cannot be had; nobody can sign in",
        { advice: 'Try again.' },
        error,
      );
    }
  };
  return Object.assign(verify, { reachKeys, hadKeys: () => hadKeys });
}

/** A plain JOSEError is about the key set's HTTP answer, as two of its subclasses are; the others are about the token. */
const isAboutToken = (error: errors.JOSEError): boolean =>
  error.constructor !== errors.JOSEError &&
  !(error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid);

async function discoverKeys(issuer: string): Promise<Keys> {
  const discoveryUrl = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(discoveryUrl, { signal: AbortSignal.timeout(5_000), redirect: 'error' });
  if (!response.ok) throw new Error(`the issuer's discovery document answers ${response.status}`);
  const document = discovery.parse(await response.json());
  if (document.issuer !== issuer) throw new Error(`the discovery document names another issuer, ${document.issuer}`);
  const read: JWKSCacheInput = {};
  const url = new URL(document.jwks_uri);
  const find = createRemoteJWKSet(url, { timeoutDuration: 5_000, cooldownDuration: 10_000, [jwksCache]: read });
  return { find, latest: () => read.jwks };
}

function actorOf(payload: JWTPayload, settings: OidcSettings): Actor {
  const username = readableAt(payload, settings.usernameClaim);
  const subject = readableAt(payload, 'sub');
  const known = new Set<string>(roles);
  return {
    issuer: payload.iss!,
    subject,
    username,
    roles: stringsAt(payload, settings.rolesClaim).filter((role): role is Role => known.has(role)),
    groups: stringsAt(payload, settings.groupsClaim),
  };
}

/** OpenID Connect allows a subject 255 characters. */
const isReadable = (name: string): boolean =>
  name.length > 0 && name.length <= 255 && name.isWellFormed() && !/\p{Cc}/u.test(name);

function readableAt(payload: JWTPayload, path: string): string {
  const value = claimAt(payload, path);
  if (typeof value === 'string' && isReadable(value)) return value;
  throw unauthenticated(`the sign-in token lacks a usable ${path}`);
}

/** Keycloak's realm_access.roles and the like; a claim whose own name has dots is found whole first. */
function claimAt(payload: JWTPayload, path: string): unknown {
  if (Object.hasOwn(payload, path)) return payload[path];
  return path.split('.').reduce<unknown>((value, key) => {
    const isMap = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
    return isMap ? (value as Record<string, unknown>)[key] : undefined;
  }, payload);
}

function stringsAt(payload: JWTPayload, path: string): string[] {
  const value = claimAt(payload, path);
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

const unauthenticated = (message: string, cause?: unknown): RedeployError =>
  new RedeployError('UNAUTHENTICATED', message, { advice: 'Sign in again.' }, cause);
