import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request as send } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import { openApiDocument } from '../../src/rest/openapi.ts';
import type { Service } from '../../src/service.ts';

export type RestCall = {
  method?: string;
  /** As it goes out: nothing is resolved or encoded. */
  path: string;
  token?: string | null;
  headers?: Record<string, string | string[]>;
  /** Several pieces go out in chunks, without a length. */
  body?: string | Uint8Array | (string | Uint8Array)[];
};

export type RestAnswer = {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  body: Record<string, unknown>;
};

const json = { 'content-type': 'application/json' };

/** One call over HTTP, whose answer must be as the OpenAPI document says. */
export async function callRest({ url }: Pick<Service, 'url'>, call: RestCall): Promise<RestAnswer> {
  const { method = 'GET', path, token = null, body } = call;
  const { hostname, port } = new URL(url);
  const headers = {
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : json),
    ...call.headers,
  };
  const agent = new Agent({ keepAlive: true });
  const request = send({ hostname, port, method, path, headers, agent });
  const answered = once(request, 'response');
  request.on('error', () => undefined); // an answer may come before all of the body has gone out
  for (const piece of Array.isArray(body) ? body : []) request.write(piece);
  request.end(Array.isArray(body) ? undefined : body);
  const [response] = (await answered) as [IncomingMessage];
  const text = await textOf(response);
  agent.destroy();
  const isJson = isJsonType(response.headers['content-type'] ?? '');
  const parsed = (isJson && text !== '' ? JSON.parse(text) : {}) as RestAnswer['body'];
  const answer = { status: response.statusCode!, headers: response.headers, text, body: parsed };
  expectAsDocumented(method, path, answer);
  return answer;
}

const isJsonType = (type: string): boolean => /[/+]json\b/.test(type);

export const redeployPath = (name: string): string => `/v1/applications/${name}/redeploy`;

type DocumentedResponse = {
  $ref?: string;
  headers?: Record<string, { schema: { type?: string } }>;
  content: Record<string, { schema: object }>;
};
type DocumentedMethod = { responses: Record<string, DocumentedResponse> };

export const ajv = new Ajv2020({
  allErrors: true,
  allowUnionTypes: true,
  formats: {
    'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    uuid: /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/,
    'uri-reference': /^[!-~]+$/,
  },
})
  .addVocabulary(Object.keys(openApiDocument)) // the document around the schemas is none itself
  .addSchema(openApiDocument, 'api', false, false);

const faultsOf = (schema: object, value: unknown): string[] => {
  const validate = ajv.compile(schema);
  return validate(value) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
};

/** Where the document describes an answer; paths and methods that are not there are answered as components say. */
function findResponse(method: string, path: string, status: number): string[] | undefined {
  const template = Object.keys(openApiDocument.paths).find((one) =>
    new RegExp(`^${one.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
  );
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
  const methods = (openApiDocument.paths as Record<string, Record<string, DocumentedMethod>>)[template ?? ''];
  const component = ['components', 'responses', `${status}`];
  if (!methods?.[verb]) return [401, methods ? 405 : 404, 503].includes(status) ? component : undefined;
  const response = methods[verb].responses[status];
  return response?.$ref ? component : response && ['paths', template!, verb, 'responses', `${status}`];
}

const pointer = (parts: string[]): string =>
  parts.map((part) => `/${encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('');

function expectAsDocumented(method: string, target: string, { status, headers, text, body }: RestAnswer): void {
  const path = target.replace(/^https?:\/\/[^/]*/, '').replace(/[?#].*$/s, '');
  if (!/^\/v1(\/|$)/.test(path) || status === 431) return; // not this API's, but GraphQL's or Node's own
  const where = findResponse(method, path, status);
  if (!where) throw new Error(`the document knows no ${status} of ${method} ${path}`);
  const response = where.reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], openApiDocument);
  const documented = response as DocumentedResponse;
  const [type] = Object.keys(documented.content);
  const schema = { $ref: `api#${pointer([...where, 'content', type!, 'schema'])}` };
  const isDocument = status === 200 && path === '/v1/openapi.json';
  const whole = isDocument ? {} : { type: 'object', unevaluatedProperties: false };
  const faults = Object.entries(documented.headers ?? {}).flatMap(([name, header]) => {
    const value = headers[name.toLowerCase()];
    return faultsOf(header.schema, header.schema.type === 'integer' ? Number(value) : value);
  });
  expect(headers).toMatchObject({ 'content-type': type, 'cache-control': 'no-store' });
  const isStream = !isJsonType(type!);
  if (method !== 'HEAD') {
    const lines = type === 'application/x-ndjson' ? text.split('\n').slice(0, -1) : [];
    const values = isStream ? lines.map((line) => JSON.parse(line) as unknown) : [body];
    const exact = { ...schema, ...whole };
    faults.push(...values.flatMap((value) => faultsOf(exact, value)));
    if (!isStream) expect(headers['content-length']).toBe(String(Buffer.byteLength(text)));
  }
  expect({ path, faults }).toEqual({ path, faults: [] });
}
