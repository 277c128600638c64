import { type ErrorCode, errorStatus } from '../domain/errors.ts';
import { problemTitles, problemType } from './problems.ts';
import { longestBodyBytes } from './requests.ts';

type Refusal = { description: string; code: ErrorCode | 'INTERNAL_SERVER_ERROR'; header?: string };

/** What HTTP itself refuses, beside the statuses of the codes. */
const httpRefusals: Record<string, Refusal> = {
  400: { description: 'The request cannot be read: no JSON, no UTF-8.', code: 'INVALID_INPUT' },
  405: { description: 'The path is there, but not for this method.', code: 'INVALID_INPUT', header: 'Allow' },
  413: { description: `The body is larger than ${longestBodyBytes} bytes.`, code: 'INVALID_INPUT' },
  415: { description: 'The body is not application/json, or compressed.', code: 'INVALID_INPUT', header: 'Accept' },
  500: { description: 'A fault of the service. It was logged.', code: 'INTERNAL_SERVER_ERROR' },
};

const meanings: Record<ErrorCode, string> = {
  UNAUTHENTICATED: 'The sign-in JWT is missing, has expired or is not accepted.',
  FORBIDDEN: 'The role or the ownership of the application is missing, or the token does not cover this target.',
  TOKEN_INVALID:
    'No redeploy token: there was none, or it has expired, was revoked or is used up; the detail says which.',
  NOT_FOUND: 'The Deployment, the operation or the path is not there, or not for the eyes of this user.',
  CONFLICT:
    'Another operation is unfinished on the Deployment, or it is paused or has another strategy, or the Idempotency-Key was used for another request.',
  INVALID_INPUT: 'The fields named are not acceptable, or do not tell the target clearly.',
  TOO_MANY_REQUESTS: 'The application was redeployed too often.',
  UNAVAILABLE:
    'PostgreSQL, Redis, the cluster or the issuer is away; sending the same again is safe with an Idempotency-Key.',
};

const headerOf: Partial<Record<ErrorCode, string>> = {
  UNAUTHENTICATED: 'WWW-Authenticate',
  TOO_MANY_REQUESTS: 'Retry-After',
  UNAVAILABLE: 'Retry-After',
};

const headers = {
  Allow: { description: 'The methods that there are.', required: true, schema: { type: 'string' } },
  Accept: { description: 'What is read here.', required: true, schema: { type: 'string' } },
  'WWW-Authenticate': { description: 'How to sign in.', required: true, schema: { const: 'Bearer' } },
  'Retry-After': { description: 'Seconds to wait.', required: true, schema: { type: 'integer', minimum: 0 } },
} as Record<string, object>;

const codes = Object.keys(errorStatus) as ErrorCode[];

/** One example for each code; a problem's type leads here. */
export const problemExamples = Object.fromEntries(
  codes.map((code) => {
    const value = { type: problemType(code), title: problemTitles[code], status: errorStatus[code], detail: '…', code };
    const retry = headerOf[code] === 'Retry-After' ? { retryAfterSeconds: 42 } : {};
    return [code, { summary: problemTitles[code], description: meanings[code], value: { ...value, ...retry } }];
  }),
);

function response(status: number, description: string, found: readonly string[], header?: string) {
  const known = found.filter(
    (code) => Object.hasOwn(problemExamples, code) && problemExamples[code]!.value.status === status,
  );
  const examples = Object.fromEntries(known.map((code) => [code, { $ref: `#/components/examples/${code}` }]));
  return {
    description,
    ...(header ? { headers: { [header]: headers[header] } } : {}),
    content: {
      'application/problem+json': {
        schema: {
          type: 'object',
          allOf: [{ $ref: '#/components/schemas/Problem' }],
          properties: { status: { const: status }, code: { enum: found } },
        },
        ...(known.length > 0 ? { examples } : {}),
      },
    },
  };
}

const codesOf = (status: number) => codes.filter((code) => errorStatus[code] === status);

/** By status, each with its codes. */
export const refusalResponses = Object.fromEntries([
  ...Object.entries(httpRefusals).map(([status, { description, code, header }]) => [
    status,
    response(Number(status), description, [code], header),
  ]),
  ...new Set(Object.values(errorStatus)).values().map((status) => {
    const found = codesOf(status);
    const description = found.map((code) => `${code}: ${meanings[code]}`).join(' ');
    return [String(status), response(status, description, found, headerOf[found[0]!])];
  }),
]) as Record<string, ReturnType<typeof response>>;

export const refusals = (...statuses: number[]) =>
  Object.fromEntries(statuses.map((status) => [String(status), { $ref: `#/components/responses/${status}` }]));
