import { STATUS_CODES } from 'node:http';
import type { Logger } from 'pino';
import { type ErrorCode, type ErrorDetails, errorStatus, RedeployError } from '../domain/errors.ts';

type HeaderFields = Record<string, string>;

/** What a handler answers with: an object, sent as JSON, or a text that is sent piece by piece, as fast as it is taken. */
export type Reply = { status: number; headers?: HeaderFields } & (
  | { body: object }
  | { pieces: AsyncIterable<string> | Iterable<string> }
);

/** An error as RFC 9457 has it, with our code and what the domain's error tells beside it. */
type Problem = ErrorDetails & {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode | 'INTERNAL_SERVER_ERROR';
};

/** A request that HTTP itself refuses, before anybody asks what it is about: its status says more than its code. */
export class HttpRefusal extends RedeployError {
  readonly status: number;
  readonly headers: HeaderFields;

  constructor(
    status: number,
    message: string,
    {
      code = 'INVALID_INPUT',
      headers = {},
      ...details
    }: ErrorDetails & { code?: ErrorCode; headers?: HeaderFields } = {},
  ) {
    super(code, message, details);
    this.status = status;
    this.headers = headers;
  }
}

export const problemTitles: Record<ErrorCode, string> = {
  UNAUTHENTICATED: 'Not signed in',
  FORBIDDEN: 'Not permitted',
  TOKEN_INVALID: 'No valid redeploy token',
  NOT_FOUND: 'Not found',
  CONFLICT: 'In conflict with the present state',
  INVALID_INPUT: 'Input not accepted',
  TOO_MANY_REQUESTS: 'Redeployed too often',
  UNAVAILABLE: 'A dependency is away',
};

/** Where the code is explained: an anchor in the OpenAPI document. */
export const problemType = (code: ErrorCode): string => `/v1/openapi.json#/components/examples/${code}`;

/** A dependency's return cannot be foretold; soon enough for a script, rare enough for the dependency. */
const retryUnavailableSeconds = 5;

/** The one way to tell an error over REST: a refusal with its code, anything else logged once and hidden. */
export function problemReply(error: unknown, log: Logger): Reply {
  if (!(error instanceof RedeployError)) {
    log.error({ err: error }, 'request failed');
    return reply({ ...plain(500), detail: 'Unexpected error.', code: 'INTERNAL_SERVER_ERROR' });
  }
  const { code } = error;
  const told = { detail: inRestWords(error.message), code, ...detailsOf(error) };
  if (error instanceof HttpRefusal) return reply({ ...plain(error.status), ...told }, error.headers);
  return reply({ type: problemType(code), title: problemTitles[code], status: errorStatus[code], ...told });
}

/** RFC 9457, 4.2.1: a problem that means no more than its status. */
const plain = (status: number) => ({ type: 'about:blank', title: STATUS_CODES[status]!, status });

function detailsOf({ code, details }: RedeployError): ErrorDetails {
  const { fields, ...others } = details;
  return {
    ...(code === 'UNAVAILABLE' ? { retryAfterSeconds: retryUnavailableSeconds } : {}),
    ...others,
    ...(fields ? { fields: fields.map(inRestWords) } : {}),
  };
}

/** The operations name input as GraphQL has it. */
const inRestWords = (text: string): string =>
  text.replace(/\binput\.(\w+)/g, (_, field: string) => (field === 'applicationName' ? 'name' : field));

const reply = (problem: Problem, headers: HeaderFields = {}): Reply => ({
  status: problem.status,
  headers: {
    'content-type': 'application/problem+json',
    ...(problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...(problem.retryAfterSeconds === undefined ? {} : { 'retry-after': String(problem.retryAfterSeconds) }),
    ...headers,
  },
  body: problem,
});
