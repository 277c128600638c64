import { hash } from 'node:crypto';
import type { SignIn } from '../../domain/sign-in.ts';

/*
 * To verify a signature takes longer than anything else that a small request needs, and people send the same token with
 * each. With the same keys it would be verified again in the same way: so a sign-in is known for as long as the key set
 * is the one that it was verified with, and no longer than its token.
 */

/** The oldest goes first; whoever it was is verified again. */
const mostKnown = 1_000;

export class KnownSignIns {
  /** By the token's hash: no bearer token is kept. */
  private readonly known = new Map<string, SignIn>();
  private keySet: object | undefined;

  find(token: string, keySet: object | undefined): SignIn | undefined {
    return keySet === this.keySet ? this.known.get(nameOf(token)) : undefined;
  }

  keep(token: string, keySet: object | undefined, signIn: SignIn): void {
    if (keySet !== this.keySet) this.known.clear();
    this.keySet = keySet;
    if (this.known.size >= mostKnown) this.known.delete(this.known.keys().next().value!);
    this.known.set(nameOf(token), signIn);
  }
}

const nameOf = (token: string): string => hash('sha256', token, 'base64url');
