import { once } from 'node:events';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openApiDocument } from '../../src/rest/openapi.ts';
import type { Service } from '../../src/service.ts';
import { callRest, type RestCall, redeployPath } from '../support/rest.ts';
import { openTestServices, type TestServices } from '../support/service.ts';

let services: TestServices;
let service: Service;
/** A deployer without any redeploy token: a request that could be read is answered TOKEN_INVALID. */
let token: string;
const logged: { msg: string; level: number; err: { message: string } }[] = [];
const log = pino(
  { level: 'error' },
  new Writable({
    write: (line: Buffer, _encoding, done) => {
      logged.push(JSON.parse(line.toString()));
      done();
    },
  }),
);

beforeAll(async () => {
  services = await openTestServices();
  service = await services.start({}, log);
  token = await services.signIn('mallory', 'APPLICATION_DEPLOYER');
});
afterEach(() => {
  if (logged.length > 0) throw new Error(`the service logged ${JSON.stringify(logged.splice(0))}`);
});
afterAll(() => services.close());

const call = (change: RestCall) => callRest(service, { token, ...change });
const post = (change: Omit<RestCall, 'path'> & { path?: string } = {}) =>
  call({ method: 'POST', path: redeployPath('web-service'), ...change });

const longestBytes = 64 * 1024;
const readAnswer = { status: 403, code: 'TOKEN_INVALID' };
const answered = async (answer: ReturnType<typeof callRest>) => {
  const { status, body } = await answer;
  return { status, code: body['code'] };
};

/** For what no well-behaved client sends. */
const dial = () => connect(Number(new URL(service.url).port), '127.0.0.1');
const head = (...fields: string[]) =>
  [`POST ${redeployPath('x')} HTTP/1.1`, 'host: x', `authorization: Bearer ${token}`, ...fields, '', ''].join('\r\n');

describe('without a sign-in', () => {
  test.for([
    ['POST', redeployPath('web-service')],
    ['GET', redeployPath('web-service')],
    ['GET', '/v1/openapi.json'],
    ['GET', '/v1/operations/01980000-0000-7000-8000-000000000000'],
    ['GET', '/v1/nothing'],
    ['OPTIONS', '/v1/openapi.json'],
    ['POST', redeployPath('%E0')],
  ] as const)('%s %s is 401 and tells nothing else', async ([method, path]) => {
    const wrong: Record<string, string>[] = [{}, { authorization: 'Bearer nonsense' }, { authorization: 'Basic YTpi' }];
    for (const headers of wrong) {
      const answer = await callRest(service, { method, path, headers });
      expect(answer.body).toMatchObject({ status: 401, code: 'UNAUTHENTICATED', advice: 'Sign in again.' });
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
  });

  test('while the issuer is away it is 503 with Retry-After', async () => {
    const away = await services.start({ OIDC_ISSUER: 'http://127.0.0.1:9' });
    const { body, headers } = await callRest(away, { path: '/v1/openapi.json', token });
    expect(body).toMatchObject({ status: 503, code: 'UNAVAILABLE', retryAfterSeconds: 5 });
    expect(headers['retry-after']).toBe('5');
    await away.stop();
  });
});

describe('paths', () => {
  const rows: Record<string, { status: number; code: string }> = {
    '/v1': { status: 404, code: 'NOT_FOUND' },
    '/v1/': { status: 404, code: 'NOT_FOUND' },
    '/v1/applications/web-service': { status: 404, code: 'NOT_FOUND' },
    '/v1/applications//redeploy': { status: 404, code: 'NOT_FOUND' },
    '/v1/applications/a/b/redeploy': { status: 404, code: 'NOT_FOUND' },
    '/v1/applications/web-service/redeploy/': { status: 404, code: 'NOT_FOUND' },
    '/v1/openapi.json/..': { status: 404, code: 'NOT_FOUND' },
    '/v1/%2e%2e/graphql': { status: 404, code: 'NOT_FOUND' },
    '/v1/operations/../../graphql': { status: 404, code: 'NOT_FOUND' },
    [redeployPath('..')]: readAnswer,
    [redeployPath('..%2f..%2fgraphql')]: readAnswer,
    [redeployPath('%252e%252e')]: readAnswer,
    [redeployPath('x%0d%0aSet-Cookie:%20a=b')]: readAnswer,
    [redeployPath('__proto__')]: readAnswer,
    [redeployPath('%F0%9F%92%A3')]: readAnswer,
    [redeployPath("'%20or%201=1--")]: readAnswer,
    [redeployPath('x'.repeat(63))]: readAnswer,
    [`${redeployPath('web-service')}?name=another#x`]: readAnswer,
    [`http://elsewhere.test${redeployPath('web-service')}`]: readAnswer,
    [redeployPath('%00')]: { status: 422, code: 'INVALID_INPUT' },
    [redeployPath('%20')]: { status: 422, code: 'INVALID_INPUT' },
    [redeployPath('x'.repeat(64))]: { status: 422, code: 'INVALID_INPUT' },
    [redeployPath('x'.repeat(10_000))]: { status: 422, code: 'INVALID_INPUT' },
    [redeployPath('%E0')]: { status: 400, code: 'INVALID_INPUT' },
    [redeployPath('%')]: { status: 400, code: 'INVALID_INPUT' },
    [redeployPath('%zz')]: { status: 400, code: 'INVALID_INPUT' },
    [redeployPath('%ED%A0%80')]: { status: 400, code: 'INVALID_INPUT' },
  };
  test.for(Object.keys(rows).map((path) => [path.slice(0, 60), path] as const))('POST %s', async ([, path]) => {
    const answer = await post({ path });
    expect({ status: answer.status, code: answer.body['code'] }).toEqual(rows[path]);
    const isFault = answer.body['code'] === 'INVALID_INPUT';
    expect(answer.body['fields']).toEqual(isFault ? ['name'] : undefined);
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  test.for(['x', '%00', '%2e%2e%2f', '01980000-0000-7000-8000-000000000000'])(
    'an operation %s that there is not is 404',
    async (id) =>
      expect(await answered(call({ path: `/v1/operations/${id}` }))).toEqual({ status: 404, code: 'NOT_FOUND' }),
  );

  test.for(['/V1/openapi.json', '//v1/openapi.json', '/v1x', '/graphql/../v1'])(
    '%s is not of this API',
    async (path) => {
      const { status, headers } = await call({ path });
      expect(status).toBe(404);
      expect(headers['content-type']).not.toBe('application/problem+json');
    },
  );

  test('a path beyond 16 KiB is 431', async () => {
    expect((await post({ path: redeployPath('x'.repeat(20_000)) })).status).toBe(431);
  });
});

describe('methods', () => {
  test.for([
    { path: redeployPath('web-service'), allow: 'POST' },
    { path: '/v1/operations/x', allow: 'GET, HEAD' },
    { path: '/v1/openapi.json', allow: 'GET, HEAD' },
  ])('$path takes $allow only', async ({ path, allow }) => {
    const others = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];
    for (const method of others.filter((one) => !allow.split(', ').includes(one))) {
      const { status, headers } = await call({ method, path });
      expect({ method, status, allow: headers.allow }).toEqual({ method, status: 405, allow });
    }
  });

  test('HEAD is GET without the body', async () => {
    const head = await call({ method: 'HEAD', path: '/v1/openapi.json' });
    const get = await call({ path: '/v1/openapi.json' });
    expect(head).toMatchObject({ status: 200, text: '' });
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
    expect(get.body).toEqual(openApiDocument);
  });
});

describe('bodies', () => {
  const refused: Record<string, [body: RestCall['body'], status: number, fields?: string[]]> = {
    'an open brace': ['{', 400],
    'no UTF-8': [Uint8Array.of(0x22, 0xff, 0x22), 400],
    null: ['null', 422],
    'a list': ['[]', 422],
    'a string': ['"redeploy"', 422],
    'lists without end': ['['.repeat(30_000) + ']'.repeat(30_000), 422],
    'a misspelt member': ['{"nameSpace":"x","reason":"y"}', 422, ['nameSpace']],
    "GraphQL's images and rollbackTo": ['{"images":[],"rollbackTo":{"revision":1}}', 422, ['images', 'rollbackTo']],
    'the name of another application': ['{"applicationName":"another"}', 422, ['applicationName']],
    'a requestId': ['{"requestId":"x"}', 422, ['requestId']],
    'a prototype': ['{"__proto__":{"namespace":"x"}}', 422, ['__proto__']],
    'members of wrong types': ['{"namespace":7,"reason":{}}', 422, ['namespace', 'reason']],
    'a strategy that there is not': ['{"strategy":"Blue"}', 422, ['strategy']],
    'an empty reason': ['{"reason":" "}', 422, ['reason']],
    'a lone surrogate': ['{"reason":"\\ud800"}', 422, ['reason']],
    'a byte too much': [`{}${' '.repeat(longestBytes - 1)}`, 413],
    'ten MiB in chunks': [Array.from({ length: 160 }, () => ' '.repeat(longestBytes)), 413],
  };
  test.for(Object.keys(refused))('%s is refused', async (what) => {
    const [body, status, fields] = refused[what]!;
    const answer = await post({ body: body! });
    expect(answer.body).toMatchObject({ status, code: 'INVALID_INPUT' });
    expect(answer.body['fields']).toEqual(fields);
    expect(answer.text.length).toBeLessThan(1000);
  });

  const read: Record<string, RestCall['body']> = {
    nothing: '',
    'an empty object': '{}',
    'a byte-order mark before it': '\ufeff{}',
    '64 KiB': `{}${' '.repeat(longestBytes - 2)}`,
    '64 KiB in chunks': ['{', ' '.repeat(longestBytes - 2), '}'],
  };
  test.for(Object.keys(read))('%s is read', async (what) => {
    expect(await answered(post({ body: read[what]! }))).toEqual(readAnswer);
  });

  test('after a body that is too large the connection can be used on', async () => {
    const socket = dial();
    let received = '';
    socket.on('data', (data: Buffer) => (received += data.toString()));
    const filler = ' '.repeat(100_000);
    const chunk = `${filler.length.toString(16)}\r\n${filler}\r\n0\r\n\r\n`;
    socket.write(`${head('content-type: application/json', 'transfer-encoding: chunked')}${chunk}`);
    socket.write(`${head('content-type: application/json', `content-length: ${filler.length}`)}${filler}`);
    socket.write(`${head('content-type: application/json', 'content-length: 2', 'connection: close')}{}`);
    await once(socket, 'close');
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 413', 'HTTP/1.1 403']);
  });

  test('a length that is too large is refused before any of the body is sent', async () => {
    const socket = dial();
    socket.write(head('content-type: application/json', 'content-length: 1000000000'));
    const [data] = (await once(socket, 'data')) as [Buffer];
    expect(data.toString()).toMatch(/^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  test('a client that leaves in the middle of its body is no fault of the service', async () => {
    const socket = dial();
    socket.write(head('content-type: application/json', 'content-length: 9', 'expect: 100-continue'));
    await once(socket, 'data'); // 100 Continue: the service has the request
    socket.write('{');
    socket.resetAndDestroy();
    await once(socket, 'close');
    expect(await answered(post())).toEqual(readAnswer);
  });
});

describe('headers', () => {
  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonp',
    'application/problem+json',
    '',
  ];
  test.for(types)('content type "%s" is 415', async (type) => {
    const { status, headers, body } = await post({ headers: { 'content-type': type }, body: '{}' });
    expect({ status, code: body['code'] }).toEqual({ status: 415, code: 'INVALID_INPUT' });
    expect(headers.accept).toBe('application/json');
  });

  test.for([
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json ;charset=utf-8',
  ])('content type "%s" is read', async (type) =>
    expect(await answered(post({ headers: { 'content-type': type }, body: '{}' }))).toEqual(readAnswer),
  );

  test('a body without a type, and a compressed one, are 415', async () => {
    const socket = dial();
    socket.write(`${head('content-length: 2', 'connection: close')}{}`);
    const [data] = (await once(socket, 'data')) as [Buffer];
    expect(data.toString()).toMatch(/^HTTP\/1\.1 415 /);
    expect((await post({ headers: { 'content-encoding': 'gzip' }, body: '{}' })).status).toBe(415);
  });

  test.for<[string, string | string[]]>([
    ['empty', ''],
    ['too long', 'x'.repeat(129)],
    ['with a space', 'a b'],
    ['not ASCII', 'caf\u00e9'],
    ['twice', ['a', 'b']],
    ['empty in quotation marks', '""'],
  ])('an Idempotency-Key that is %s is refused', async ([, key]) => {
    const { body } = await post({ headers: { 'idempotency-key': key } });
    expect(body).toMatchObject({ status: 422, code: 'INVALID_INPUT', fields: ['Idempotency-Key'] });
  });

  test('the longest Idempotency-Key is taken', async () => {
    expect(await answered(post({ headers: { 'idempotency-key': '~'.repeat(128) } }))).toEqual(readAnswer);
  });
});

test('an unexpected error is 500, tells nothing of itself, and is logged once', async () => {
  await services.sql('alter table redeploy_grant rename to hidden_grant');
  const { status, text, body } = await post();
  await services.sql('alter table hidden_grant rename to redeploy_grant');
  expect(status).toBe(500);
  expect(body).toEqual({
    type: 'about:blank',
    title: 'Internal Server Error',
    status: 500,
    detail: 'Unexpected error.',
    code: 'INTERNAL_SERVER_ERROR',
  });
  expect(text).not.toContain('grant');
  const seen = logged.splice(0);
  expect(seen.map(({ msg }) => msg)).toEqual(['request failed']);
  expect(seen[0]!.err.message).toContain('redeploy_grant');
});
