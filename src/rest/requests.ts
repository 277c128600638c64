import type { IncomingMessage } from 'node:http';
import { RedeployError } from '../domain/errors.ts';
import type { RedeployInput } from '../operations/redeploys.ts';
import { HttpRefusal } from './problems.ts';

export const longestBodyBytes = 64 * 1024;
export const bodyFields = [
  'cluster',
  'namespace',
  'deploymentName',
  'strategy',
  'reason',
  'images',
  'rollbackTo',
] as const;
/** Visible ASCII: what every client, proxy and log hands on as it is. */
export const idempotencyKeyPattern = '^[!-~]{1,128}$';

/** The path as it was sent: a URL object would resolve "..", also where it is percent-encoded. */
export const pathOf = ({ url = '' }: Pick<IncomingMessage, 'url'>): string =>
  url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');

/** Each parameter at most once. What is unknown is refused: a filter that was overlooked would not narrow anything. */
export function readQuery<Name extends string>(
  { url = '' }: Pick<IncomingMessage, 'url'>,
  known: readonly Name[],
): Partial<Record<Name, string>> {
  const query = [...new URLSearchParams(/\?([^#]*)/.exec(url)?.[1] ?? '')];
  const names = query.map(([name]) => name);
  const faults = names.filter((name, place) => !known.some((one) => one === name) || names.indexOf(name) !== place);
  if (faults.length === 0) return Object.fromEntries(query) as Partial<Record<Name, string>>;
  throw new RedeployError('INVALID_INPUT', `the parameters are, each at most once, ${known.join(', ')}`, {
    fields: faults.slice(0, 20).map((name) => name.slice(0, 100)),
  });
}

/** One segment of a path. Decoded once and never used as a path again. */
export function decodeSegment(segment: string, field: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new HttpRefusal(400, `${field} is not percent-encoded UTF-8`, { fields: [field] });
  }
}

/** As it stands, or as the string of a structured field, in quotation marks. */
export function readIdempotencyKey({ headers }: IncomingMessage): string | null {
  const value = headers['idempotency-key'];
  if (value === undefined) return null;
  const key = String(value).replace(/^"(.*)"$/, '$1');
  if (new RegExp(idempotencyKeyPattern).test(key)) return key;
  throw new RedeployError('INVALID_INPUT', 'Idempotency-Key: must be 1 to 128 visible ASCII characters', {
    fields: ['Idempotency-Key'],
  });
}

/** Whose members the operation checks. What is unknown is refused: an option that was overlooked would be a restart. */
export async function readRedeployBody(request: IncomingMessage): Promise<Omit<RedeployInput, 'applicationName'>> {
  const body = await readJson(request);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new RedeployError('INVALID_INPUT', 'the body must be a JSON object');
  }
  const known = new Set<string>(bodyFields);
  const unknown = Object.keys(body).filter((field) => !known.has(field));
  if (unknown.length === 0) return body;
  throw new RedeployError('INVALID_INPUT', `the body has unknown members; known are ${bodyFields.join(', ')}`, {
    fields: unknown.slice(0, 20).map((field) => field.slice(0, 100)),
  });
}

/** No body at all stands for an empty object. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const { 'content-type': type, 'content-encoding': encoding = 'identity' } = request.headers;
  const isJson = /^application\/json *(;|$)/i.test(type ?? '');
  if ((type !== undefined && !isJson) || encoding !== 'identity') throw unsupported();
  const bytes = await readBytes(request, longestBodyBytes);
  if (bytes.length === 0) return {};
  if (type === undefined) throw unsupported();
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw new HttpRefusal(400, 'the body is not JSON in UTF-8');
  }
}

export async function readBytes(request: IncomingMessage, most: number): Promise<Buffer> {
  if (Number(request.headers['content-length']) > most) throw tooLarge(most);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // Left early, the stream must not take the connection with it: the answer still has to go out.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > most) throw tooLarge(most);
      chunks.push(chunk);
    }
  } catch (error) {
    request.resume(); // what is still to come is read and dropped
    throw error instanceof HttpRefusal ? error : new HttpRefusal(400, 'the body broke off');
  }
  return Buffer.concat(chunks);
}

const unsupported = () =>
  new HttpRefusal(415, 'send application/json, not compressed', {
    headers: { accept: 'application/json', 'accept-encoding': 'identity' },
  });
const tooLarge = (most: number) => new HttpRefusal(413, `the body must not be larger than ${most} bytes`);
