import { RedeployError } from './errors.ts';

/** Names from OpenTelemetry's semantic conventions where they have one. Never secrets, nor the values of SQL parameters. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export type SpanOptions = {
  kind?: 'server' | 'client' | 'internal';
  attributes?: SpanAttributes;
  /** A W3C traceparent to go on from, instead of the span that this is called in; where it is none, a trace begins. */
  parent?: string | null | undefined;
};

/** A part of a trace. Once it has ended, nothing is told of it any more, nor inside it. */
export interface Span {
  /** In W3C's form, for whoever goes on with it elsewhere. */
  readonly traceparent: string;
  /** What is begun while the work runs is part of it, and its log lines bear the trace's id. */
  run<Result>(work: () => Result): Result;
  set(attributes: SpanAttributes): void;
  event(name: string): void;
  /** With a code or an error's name: its message may hold what is not for everybody who sees traces. */
  fail(what: string): void;
  end(): void;
}

/** The port to whoever collects traces. It is only told: it neither throws nor waits. */
export interface Tracing {
  /** Of the span that this is called in; null outside of any. */
  readonly traceparent: string | null;
  begin(name: string, options?: SpanOptions): Span;
}

/** Runs the work in a span that ends with it. */
export async function inSpan<Result>(
  tracing: Tracing,
  name: string,
  options: SpanOptions,
  work: (span: Span) => Result | Promise<Result>,
): Promise<Result> {
  const span = tracing.begin(name, options);
  try {
    return await span.run(() => work(span));
  } catch (error) {
    span.fail(failureOf(error));
    throw error;
  } finally {
    span.end();
  }
}

/** A code or a name, never a message. */
export function failureOf(error: unknown): string {
  if (error instanceof RedeployError) return error.code;
  return error instanceof Error ? error.name : 'Error';
}
