/** A request as a test sees it that plays the API server's faults. */
export type SimulatedRequest = {
  method: string;
  path: string;
  query: URLSearchParams;
  contentType: string;
  body: unknown;
};

type Refused = { status: number; reason: string; message: string };

/**
 * What comes instead of the real answer:
 * - a refusal, with Retry-After where it says when to come again; `isEvent`: a watch opens, and its first event is
 *   this ERROR,
 * - a text, as the parts of an API server answer that stand before its API,
 * - `reset`: the socket is destroyed, nothing is done; `reset-after`: done, but nobody learns of it,
 * - `hang`: no answer ever; `silent`: an answer begins, and nothing follows, as on a connection that is half-open.
 */
export type SimulatedAnswer =
  | (Refused & { retryAfterSeconds?: number; isEvent?: boolean })
  | { status: number; text: string; retryAfterSeconds?: number }
  | 'reset'
  | 'reset-after'
  | 'hang'
  | 'silent';

/** Asked before each request; a promise that takes its time makes the answer slow. */
export type Intercept = (
  request: SimulatedRequest,
) => SimulatedAnswer | undefined | Promise<SimulatedAnswer | undefined>;

/** As an API server answers that has too many requests under way. */
export const tooManyRequests: SimulatedAnswer = {
  status: 429,
  text: 'Too many requests, please try again later.\n',
  retryAfterSeconds: 1,
};
