import type { Actor } from './person.ts';

/** Who signed in, and until when the sign-in token holds. */
export type SignIn = { actor: Actor; expiresAt: Date };

/**
 * The port to the issuer of sign-in tokens. Takes the value of an Authorization header; throws UNAUTHENTICATED
 * where it is missing or wrong, UNAVAILABLE where the issuer's keys cannot be had.
 */
export type VerifySignIn = (authorization: string | null | undefined) => Promise<SignIn>;
