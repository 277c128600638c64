import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ExecutionArgs, type ExecutionResult, getOperationAST } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { failureOf, inSpan, type Tracing } from '../domain/tracing.ts';
import { pathOf } from '../rest/requests.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Answers in a span that lasts until the connection has the answer, and goes on with the trace of whoever asks; health
 * checks and what is not there have none.
 */
export function answerInSpan(
  tracing: Tracing,
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
): void {
  const { method = '', headers } = request;
  const [route] = /^\/(graphql|v1)(?=\/|$)/.exec(pathOf(request)) ?? [];
  if (route === undefined) return answer(request, response);
  const attributes = { 'http.request.method': method, 'http.route': route };
  const span = tracing.begin(`${method} ${route}`, { kind: 'server', parent: parentIn(headers), attributes });
  span.run(() => answer(request, response));
  response.once('close', () => {
    span.set({ 'http.response.status_code': response.statusCode });
    if (response.statusCode >= 500) span.fail(String(response.statusCode));
    span.end();
  });
}

type Headers = Readonly<Record<string, unknown>>;

/** The traceparent among what somebody sent; null where there is none, and a trace of its own begins. */
const parentIn = (headers: Headers): string | null =>
  typeof headers['traceparent'] === 'string' ? headers['traceparent'] : null;

/** A span for each GraphQL operation that is carried out; of a subscription, until it is open. */
export class GraphqlSpans {
  private readonly tracing: Tracing;
  /** Of what came over a WebSocket, by its context. */
  private readonly parents = new WeakMap<object, string | null>();

  constructor(tracing: Tracing) {
    this.tracing = tracing;
  }

  /** A message may name its trace in its `extensions`; else it is that of the request which opened the WebSocket. */
  accept(contextValue: object, extensions: Headers | null | undefined, headers: Headers): void {
    this.parents.set(contextValue, parentIn(extensions ?? {}) ?? parentIn(headers));
  }

  carryOut<Result>(args: ExecutionArgs, work: () => Result | Promise<Result>): Promise<Result> {
    const { document, operationName, contextValue } = args;
    const operation = getOperationAST(document, operationName);
    const kind = operation?.operation ?? 'query';
    const name = operation?.name?.value.slice(0, 100);
    const attributes = { 'graphql.operation.type': kind, ...(name && { 'graphql.operation.name': name }) };
    const parent = this.parents.get(contextValue as object);
    // Over HTTP it is part of the request's own span.
    const options = parent === undefined ? { attributes } : ({ attributes, parent, kind: 'server' } as const);
    return inSpan(this.tracing, kind, options, async (span) => {
      const result = await work();
      const { errors = [] } = result as ExecutionResult;
      if (errors.length > 0) {
        const codes = errors.map(({ originalError, extensions }) =>
          originalError ? failureOf(originalError) : String(extensions['code']),
        );
        span.fail([...new Set(codes)].join(' '));
      }
      return result;
    });
  }

  /** For what goes over HTTP. */
  plugin(): Plugin {
    return {
      onExecute: ({ executeFn, setExecuteFn }) =>
        setExecuteFn((args: ExecutionArgs) => this.carryOut(args, () => executeFn(args) as unknown)),
      onSubscribe: ({ subscribeFn, setSubscribeFn }) =>
        setSubscribeFn((args: ExecutionArgs) => this.carryOut(args, () => subscribeFn(args) as unknown)),
    };
  }
}
