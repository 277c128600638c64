import type { IncomingMessage } from 'node:http';
import type { SimulatedRequest } from './faults.ts';
import { type Json, type JsonObject, isJsonObject } from './json.ts';
import { Refusal, badRequest } from './refusals.ts';
import type { DeleteOptions } from './registry.ts';

const largestBodyBytes = 3 * 1024 * 1024;
/** A request, and its body as it came. */
export type Read = SimulatedRequest & { text: string; userAgent: string };

export async function read(incoming: IncomingMessage): Promise<Read> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBodyBytes) throw new Refusal(413, 'RequestEntityTooLarge', 'limit is 3145728');
    chunks.push(chunk);
  }
  const url = new URL(incoming.url ?? '/', 'http://127.0.0.1');
  const text = Buffer.concat(chunks).toString();
  let body: unknown;
  try {
    body = text === '' ? undefined : JSON.parse(text);
  } catch {
    body = undefined;
  }
  const { 'content-type': contentType = '', 'user-agent': userAgent = '' } = incoming.headers;
  const { pathname: path, searchParams: query } = url;
  return { method: incoming.method ?? 'GET', path, query, contentType, body, text, userAgent };
}

export const isWatch = ({ method, query }: SimulatedRequest): boolean =>
  method === 'GET' && (query.get('watch') === 'true' || query.get('watch') === '1');

export function bodyOf({ body, text }: Read): Json {
  if (body === undefined && text !== '')
    throw badRequest("couldn't get version/kind; json parse error: invalid JSON in the body");
  return (body ?? null) as Json;
}

export function objectOf(request: Read): JsonObject {
  const body = bodyOf(request);
  if (!isJsonObject(body)) throw badRequest('the object provided is unrecognized (must be a JSON object)');
  return body;
}

export function deleteOptions({ body, query }: Read): DeleteOptions {
  const given = (typeof body === 'object' && body !== null ? body : {}) as DeleteOptions;
  const grace = query.get('gracePeriodSeconds');
  const policy = query.get('propagationPolicy');
  return {
    ...given,
    ...(grace !== null && { gracePeriodSeconds: Number(grace) }),
    ...(policy !== null && { propagationPolicy: policy }),
  };
}
