import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { type Context, ROOT_CONTEXT, type Span as OtelSpan, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { parseTraceParent, setGlobalErrorHandler } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import type { Span, SpanAttributes, SpanOptions, Tracing } from '../../domain/tracing.ts';

/** What is left at the end may take so long. */
const closeWithinMs = 2_000;

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };

/**
 * Sends spans to a collector over OTLP. Everything else of the exporter (headers, compression, time-out) it reads from
 * OpenTelemetry's own variables. Nothing global is touched but the handler of the exporter's errors.
 */
export class OpenTelemetry implements Tracing {
  private readonly provider: TracerProvider;
  private readonly tracer: ReturnType<TracerProvider['getTracer']>;
  private readonly running = new AsyncLocalStorage<RunningSpan>();
  private report: (reason: string) => void = () => undefined;

  constructor(url: string) {
    const resource = resourceFromAttributes({ 'service.name': 'cratos-redeploy' });
    this.provider = new TracerProvider({
      resource: resource.merge(detectResources({ detectors: [envDetector] })),
      spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url }) })],
    });
    this.tracer = this.provider.getTracer('cratos-redeploy');
  }

  /** A collector that is away costs spans, and a line in the log. */
  reportTo(log: Logger): void {
    this.report = (reason) => log.warn({ reason }, 'spans not sent');
    setGlobalErrorHandler((error) => this.report(typeof error === 'string' ? error : (error.message ?? 'unknown')));
  }

  get traceparent(): string | null {
    return this.active?.traceparent ?? null;
  }

  /** For every line of the log that is written inside a span. */
  logFields(): object {
    const { traceId, spanId } = this.active?.ids ?? {};
    return traceId === undefined ? {} : { traceId, spanId };
  }

  begin(name: string, { kind = 'internal', attributes = {}, parent }: SpanOptions = {}): Span {
    const context = parent === undefined ? (this.active?.context ?? ROOT_CONTEXT) : contextOf(parent);
    const span = this.tracer.startSpan(name, { kind: kinds[kind], attributes }, context);
    return new RunningSpan(span, this.running);
  }

  /** Sends what is left, or gives it up: the exporter itself would try for half a minute. Never throws. */
  async close(): Promise<void> {
    const sent = this.provider.shutdown().then(
      () => null,
      (error: Error) => error.message,
    );
    const late = pause(closeWithinMs, `not within ${closeWithinMs} ms`, { ref: false });
    const fault = await Promise.race([sent, late]);
    if (fault !== null) this.report(fault);
  }

  /** What a span has set going may outlive it, a timer or a topic that others share: that is no part of it. */
  private get active(): RunningSpan | undefined {
    const span = this.running.getStore();
    return span?.isEnded ? undefined : span;
  }
}

class RunningSpan implements Span {
  isEnded = false;
  private readonly span: OtelSpan;
  private readonly running: AsyncLocalStorage<RunningSpan>;

  constructor(span: OtelSpan, running: AsyncLocalStorage<RunningSpan>) {
    this.span = span;
    this.running = running;
  }

  get context(): Context {
    return trace.setSpan(ROOT_CONTEXT, this.span);
  }

  get ids(): { traceId: string; spanId: string } {
    return this.span.spanContext();
  }

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.span.spanContext();
    return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  }

  run<Result>(work: () => Result): Result {
    return this.running.run(this, work);
  }

  set(attributes: SpanAttributes): void {
    this.span.setAttributes(attributes);
  }

  event(name: string): void {
    this.span.addEvent(name);
  }

  fail(what: string): void {
    this.span.setStatus({ code: SpanStatusCode.ERROR, message: what });
  }

  end(): void {
    this.isEnded = true;
    this.span.end();
  }
}

function contextOf(traceparent: string | null): Context {
  const remote = traceparent === null ? null : parseTraceParent(traceparent);
  return remote ? trace.setSpanContext(ROOT_CONTEXT, { ...remote, isRemote: true }) : ROOT_CONTEXT;
}
