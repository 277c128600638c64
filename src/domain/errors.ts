/** Why a request was refused, as `extensions.code` tells it; each with its HTTP status. */
export const errorStatus = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  TOKEN_INVALID: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  INVALID_INPUT: 422,
  TOO_MANY_REQUESTS: 429,
  UNAVAILABLE: 503,
} as const;

export type ErrorCode = keyof typeof errorStatus;

export type ErrorDetails = {
  /** What the person should do next, in one sentence. */
  advice?: string;
  /** With TOO_MANY_REQUESTS: whole seconds after which the same request would be let through. */
  retryAfterSeconds?: number;
  /** With INVALID_INPUT: the input fields at fault, as dotted paths. */
  fields?: string[];
};

/**
 * The one way to refuse. Its message is written for the person who asked and holds nothing internal;
 * whatever else is thrown is a defect, masked at the edge and logged once.
 */
export class RedeployError extends Error {
  override readonly name = 'RedeployError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.details = details;
  }
}
