import { GraphQLError } from 'graphql';
import type { Logger } from 'pino';
import { errorStatus, RedeployError } from '../domain/errors.ts';

/** Enough for what a message says at its beginning and at its end; between them graphql-js repeats what was sent. */
const longestMessage = 1_000;

/** Masks errors in one place: a coded refusal is told with its code, anything else is logged once and hidden. */
export const maskErrors =
  (log: Logger) =>
  (error: unknown): GraphQLError => {
    const cause = causeOf(error);
    if (cause instanceof RedeployError) return toGraphQLError(cause, error);
    if (cause instanceof GraphQLError && error instanceof GraphQLError) return toClientsError(error);
    log.error({ err: cause }, 'request failed');
    return new GraphQLError('Unexpected error.', {
      ...placeOf(error),
      extensions: { code: 'INTERNAL_SERVER_ERROR' },
    });
  };

/** A field's error comes wrapped, a subscription's source's twice. */
function causeOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

function toGraphQLError(refusal: RedeployError, error: unknown): GraphQLError {
  const { code, message, details } = refusal;
  // Outside a field nothing was executed at all: that is told by the HTTP status too.
  const http = error instanceof GraphQLError ? {} : { http: { status: errorStatus[code] } };
  return new GraphQLError(shortened(message), { ...placeOf(error), extensions: { code, ...details, ...http } });
}

/** Errors of the document itself (syntax, validation, variables): the client's, with a code of ours. */
function toClientsError(error: GraphQLError): GraphQLError {
  const { code } = error.extensions;
  const isOurs = typeof code === 'string' && code in errorStatus;
  return new GraphQLError(shortened(error.message), {
    ...placeOf(error),
    extensions: isOurs ? error.extensions : { ...error.extensions, code: 'INVALID_INPUT' },
  });
}

/** A short request must not be answered with a long repetition of itself, let alone with fifty. */
function shortened(message: string): string {
  if (message.length <= longestMessage) return message;
  const half = longestMessage / 2;
  return `${message.slice(0, half)} … ${message.slice(-half)}`;
}

const placeOf = (error: unknown) =>
  error instanceof GraphQLError
    ? {
        nodes: error.nodes ?? null,
        source: error.source ?? null,
        positions: error.positions ?? null,
        path: error.path ?? null,
      }
    : {};
