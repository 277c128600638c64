/** A redeploy token as Redis holds it: the guide's data model, instants in ISO 8601 with milliseconds. */
export type TokenCopy = {
  username: string;
  applicationName: string;
  ticketId: number;
  ticketNo: string;
  expires: string;
  valid: true;
  desc: string;
};

/**
 * The port to the fast copies of the tokens. Every call throws UNAVAILABLE when the store does not answer:
 * a token that cannot be looked up is never taken as valid.
 */
export interface Tokens {
  /** Returns when the store answers. */
  ping(): Promise<void>;
  /** Replaces what stands under the pair; the copy vanishes at `expires`, to the millisecond. */
  put(token: TokenCopy): Promise<void>;
  get(username: string, applicationName: string): Promise<TokenCopy | null>;
  remove(username: string, applicationName: string): Promise<void>;
}
