import type { Chance } from '../support/chance.ts';
import { nastyTexts } from './nasty-values.ts';

const body = '{"query":"{ viewer { username } }"}';
const head = (...lines: string[]): string => [...lines, '', ''].join('\r\n');
const post = (...lines: string[]): string =>
  head('POST /graphql HTTP/1.1', 'host: x', 'content-type: application/json', ...lines);
const upgrade = (...lines: string[]): string =>
  head('GET /graphql HTTP/1.1', 'host: x', 'connection: upgrade', 'upgrade: websocket', ...lines);
const key = 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==';

/** Bytes that no HTTP client sends, each nobody's sign-in. `nasty` stands somewhere in them. */
const requests: readonly ((nasty: string) => string)[] = [
  (nasty) => nasty,
  (nasty) => head(`GET /${nasty} HTTP/1.1`, 'host: x'),
  (nasty) => head(`${nasty} /graphql HTTP/1.1`, 'host: x'),
  (nasty) => head(`GET /graphql ${nasty}`, 'host: x'),
  (nasty) => head('GET /graphql HTTP/1.1', `host: ${nasty}`),
  (nasty) => head('GET /graphql HTTP/1.1', 'host: x', `authorization: Bearer ${nasty}`),
  (nasty) => head('GET /graphql HTTP/1.1', 'host: x', `${nasty}: x`),
  (nasty) => head('GET /graphql HTTP/1.1', 'host: x', `x-forwarded-for: ${nasty}`, `x-forwarded-for: ${nasty}`),
  () => head('GET /graphql HTTP/1.1'),
  () => head('GET /graphql HTTP/1.1', 'host: x', 'host: y'),
  () => head('GET /livez HTTP/9.9', 'host: x'),
  () => 'GET /livez\r\n',
  () => 'GET /livez HTTP/1.1\nhost: x\n\n',
  () => head('GET http://evil.test/graphql HTTP/1.1', 'host: x'),
  () => head('GET /%2e%2e/%2e%2e/graphql HTTP/1.1', 'host: x'),
  () => head('GET //evil.test/graphql HTTP/1.1', 'host: x'),
  () => head('GET http://[::1/graphql HTTP/1.1', 'host: ['),
  () => head('CONNECT evil.test:443 HTTP/1.1', 'host: x'),
  () => head('OPTIONS * HTTP/1.1', 'host: x'),
  () => head('PRI * HTTP/2.0') + 'SM\r\n\r\n',
  () => '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003' + 'x'.repeat(200),
  () => post('content-length: 5', 'transfer-encoding: chunked') + '0\r\n\r\nGET /livez HTTP/1.1\r\nhost: x\r\n\r\n',
  () => post('content-length: 5', 'content-length: 50') + body,
  () => post('content-length: -1') + body,
  () => post('content-length: 99999999999999999999') + body,
  () => post('content-length: 100') + body,
  () => post('transfer-encoding: chunked') + `fffffffffffffffff\r\n${body}\r\n0\r\n\r\n`,
  () => post('transfer-encoding: chunked') + `zz\r\n${body}`,
  () => post('transfer-encoding: gzip, chunked') + `5\r\nabcde\r\n0\r\n\r\n`,
  () => post('transfer-encoding: chunked') + `5;${'x'.repeat(20_000)}\r\nabcde\r\n0\r\n\r\n`,
  () => post('expect: 200-maybe', `content-length: ${body.length}`) + body,
  () => post('expect: 100-continue', `content-length: ${body.length}`) + body,
  () => post(`x: ${'x'.repeat(20_000)}`, 'content-length: 0'),
  () => post(...Array.from({ length: 3_000 }, (_, place) => `x${place}: y`)),
  () => post('content-length: 0').repeat(20),
  () => upgrade(),
  () => upgrade(key, 'sec-websocket-version: 12', 'sec-websocket-protocol: graphql-transport-ws'),
  () => upgrade('sec-websocket-key: x', 'sec-websocket-version: 13'),
  () => upgrade(key, 'sec-websocket-version: 13', 'sec-websocket-protocol: ,,'),
  (nasty) => upgrade(key, 'sec-websocket-version: 13', `sec-websocket-protocol: ${nasty}`),
  (nasty) =>
    upgrade(key, 'sec-websocket-version: 13', 'sec-websocket-protocol: graphql-transport-ws', `origin: ${nasty}`),
  (nasty) =>
    upgrade(
      key,
      'sec-websocket-version: 13',
      'sec-websocket-protocol: graphql-transport-ws',
      `sec-websocket-extensions: ${nasty}`,
    ),
  () => upgrade(key, 'sec-websocket-version: 13', 'sec-websocket-protocol: graphql-transport-ws') + '\u0081\u0005hello',
  () =>
    head(
      'GET /v1/x HTTP/1.1',
      'host: x',
      'connection: upgrade',
      'upgrade: websocket',
      key,
      'sec-websocket-version: 13',
    ),
  () =>
    head('GET /graphql HTTP/1.1', 'host: x', 'connection: upgrade', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQAAP__'),
];

/** One byte for each character. */
export const rawRequest = (chance: Chance): string => {
  const nasty = Buffer.from(chance.oneOf(nastyTexts)).toString('latin1');
  return chance.oneOf(requests)(nasty);
};
