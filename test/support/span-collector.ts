import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export type CollectedSpan = {
  service: string;
  traceId: string;
  spanId: string;
  /** Empty for the first of a trace. */
  parentSpanId: string;
  name: string;
  /** As OTLP numbers them: 1 internal, 2 server, 3 client. */
  kind: number;
  attributes: Record<string, unknown>;
  events: string[];
  /** 2 is an error. */
  status: { code: number; message: string };
};

/** An OTLP collector on loopback, to which real exporters send protobuf over HTTP. */
export class SpanCollector {
  readonly url: string;
  readonly spans: CollectedSpan[] = [];
  /** Everything that came, to look for what must not be in it. */
  raw = '';
  readonly close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.close = close;
  }

  static async open(): Promise<SpanCollector> {
    const server = createServer((request, response) => {
      void buffer(request).then((body) => {
        if (request.url === '/v1/traces') collector.take(body);
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const collector = new SpanCollector(`http://127.0.0.1:${port}`, async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    });
    return collector;
  }

  trace(traceId: string): CollectedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  /** Of a trace the names from the first span down to this one. */
  pathTo(span: CollectedSpan): string[] {
    const parent = this.spans.find(({ spanId }) => spanId === span.parentSpanId);
    return [...(parent ? this.pathTo(parent) : []), span.name];
  }

  private take(body: Buffer): void {
    this.raw += body.toString('latin1');
    for (const resourceSpans of fieldsOf(body, 1)) {
      const [resource] = fieldsOf(resourceSpans, 1);
      const service = String(attributesOf(fieldsOf(resource!, 1))['service.name']);
      for (const scopeSpans of fieldsOf(resourceSpans, 2)) {
        this.spans.push(...fieldsOf(scopeSpans, 2).map((span) => ({ service, ...spanOf(span) })));
      }
    }
  }
}

function spanOf(span: Buffer): Omit<CollectedSpan, 'service'> {
  const [status] = fieldsOf(span, 15);
  return {
    traceId: first(span, 1).toString('hex'),
    spanId: first(span, 2).toString('hex'),
    parentSpanId: first(span, 4).toString('hex'),
    name: first(span, 5).toString(),
    kind: numberIn(span, 6),
    attributes: attributesOf(fieldsOf(span, 9)),
    events: fieldsOf(span, 11).map((event) => first(event, 2).toString()),
    status: status ? { code: numberIn(status, 3), message: first(status, 2).toString() } : { code: 0, message: '' },
  };
}

const attributesOf = (pairs: Buffer[]): Record<string, unknown> =>
  Object.fromEntries(
    pairs.map((pair) => {
      const [value = Buffer.alloc(0)] = fieldsOf(pair, 2);
      const [text] = fieldsOf(value, 1);
      return [first(pair, 1).toString(), text === undefined ? numberIn(value, 3) : text.toString()];
    }),
  );

const first = (message: Buffer, wanted: number): Buffer => fieldsOf(message, wanted)[0] ?? Buffer.alloc(0);
const fieldsOf = (message: Buffer, wanted: number): Buffer[] =>
  [...read(message)].flatMap(({ field, value }) => (field === wanted && Buffer.isBuffer(value) ? [value] : []));
const numberIn = (message: Buffer, wanted: number): number =>
  [...read(message)].flatMap(({ field, value }) => (field === wanted && typeof value === 'number' ? [value] : []))[0] ??
  0;

/** The wire format of Protocol Buffers: numbered fields, each a number or bytes. */
function* read(message: Buffer): Generator<{ field: number; value: number | Buffer }> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  const bytes = (length: number): Buffer => message.subarray(at, (at += length));
  while (at < message.length) {
    const tag = varint();
    const field = tag >>> 3;
    const wireType = tag & 7;
    if (wireType === 0) yield { field, value: varint() };
    else if (wireType === 2) yield { field, value: bytes(varint()) };
    else yield { field, value: bytes(wireType === 1 ? 8 : 4) };
  }
}
