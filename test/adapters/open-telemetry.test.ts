import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OpenTelemetry } from '../../src/adapters/opentelemetry/open-telemetry.ts';
import { inSpan } from '../../src/domain/tracing.ts';
import { SpanCollector } from '../support/span-collector.ts';

let collector: SpanCollector;
beforeAll(async () => {
  collector = await SpanCollector.open();
});
afterAll(() => collector.close());

/** Tells what the work told, and answers when it has been sent. */
async function tracing<Result>(work: (to: OpenTelemetry) => Result | Promise<Result>): Promise<Result> {
  const to = new OpenTelemetry(`${collector.url}/v1/traces`);
  const result = await work(to);
  await to.close();
  return result;
}

test('what is begun in a span is part of it, and its log lines bear its ids', async () => {
  const { fields, inner, traceparent } = await tracing((to) =>
    inSpan(to, 'outer', {}, async (outer) => {
      const within = await inSpan(to, 'inner', {}, () => to.traceparent);
      return { fields: to.logFields(), inner: within, traceparent: outer.traceparent };
    }),
  );
  const [, traceId, spanId] = traceparent.split('-');
  expect(fields).toEqual({ traceId, spanId });
  expect(inner).toMatch(new RegExp(`^00-${traceId}-(?!${spanId})[0-9a-f]{16}-01$`));
  expect(collector.trace(traceId!).map((span) => collector.pathTo(span).join(' > '))).toEqual([
    'outer > inner',
    'outer',
  ]);
});

test('what a span has set going is no part of it once it has ended', async () => {
  const ended = Promise.withResolvers<void>();
  const told = await tracing((to) => {
    const span = to.begin('short');
    const outliving = span.run(() => ended.promise.then(() => [to.traceparent, to.logFields()]));
    span.end();
    ended.resolve();
    return outliving;
  });
  expect(told).toEqual([null, {}]);
});

test.for([
  ['is no traceparent', 'yes'],
  ['is of zeros', `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`],
  ['is missing', null],
])('a parent that %s begins a trace', async ([, parent]) => {
  const traceparent = await tracing((to) => {
    const span = to.begin('alone', { parent: parent! });
    span.end();
    return span.traceparent;
  });
  const [, traceId] = traceparent.split('-');
  expect(traceId).toMatch(/[1-9a-f]/);
  expect(collector.trace(traceId!).map(({ parentSpanId }) => parentSpanId)).toEqual(['']);
});

test('a trace that is not sampled is gone on with, and not sent', async () => {
  const traceId = 'ab'.repeat(16);
  const traceparent = await tracing((to) =>
    inSpan(to, 'silent', { parent: `00-${traceId}-${'cd'.repeat(8)}-00` }, (span) => span.traceparent),
  );
  expect(traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  expect(collector.trace(traceId)).toEqual([]);
});

test('of an error only its name is told', async () => {
  const work = () => Promise.reject(new RangeError('the password is hunter2'));
  await tracing((to) => expect(inSpan(to, 'failing', {}, work)).rejects.toThrow('hunter2'));
  const [failed] = collector.spans.filter(({ name }) => name === 'failing');
  expect(failed?.status).toEqual({ code: 2, message: 'RangeError' });
  expect(collector.raw).not.toContain('hunter2');
});

test.for([
  ['that refuses', (response: ServerResponse) => response.writeHead(400).end()],
  ['that is silent', () => undefined],
] as const)('a collector %s costs its spans and a line in the log, and keeps nobody for long', async ([, answer]) => {
  const server = createServer((_request, response) => void answer(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const lines: string[] = [];
  const to = new OpenTelemetry(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`);
  to.reportTo(pino({}, { write: (line) => void lines.push(line) }));
  to.begin('lost').end();
  await to.close();
  server.close();
  server.closeAllConnections();
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['spans not sent']);
});
