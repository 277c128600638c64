import type { IncomingMessage } from 'node:http';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientAddresses, isAddressRange } from '../../src/http/client-address.ts';
import type { Service } from '../../src/service.ts';
import { callRest, redeployPath } from '../support/rest.ts';
import { openTestServices, type TestServices } from '../support/service.ts';
import { until } from '../support/wait.ts';
import { WireClient } from '../support/wire-client.ts';

const addressOf = (
  trusted: readonly string[],
  peer: string,
  headers: Record<string, string> = {},
): ReturnType<ReturnType<typeof clientAddresses>> =>
  clientAddresses(trusted)({ headers, socket: { remoteAddress: peer } } as unknown as IncomingMessage);

const proxies = ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'];
const xff = (value: string) => ({ 'x-forwarded-for': value });
const forwarded = (value: string) => ({ forwarded: value });

describe("a client's address", () => {
  test.for<[what: string, peer: string, headers: Record<string, string>, address: string]>([
    ['the peer, where nothing is said', '198.51.100.1', {}, '198.51.100.1'],
    ['a peer that is not trusted, whatever it says', '198.51.100.1', xff('1.1.1.1'), '198.51.100.1'],
    ['whom a trusted peer names', '10.0.0.1', xff('198.51.100.1'), '198.51.100.1'],
    ['the nearest that is not trusted', '10.0.0.1', xff('1.1.1.1, 198.51.100.1, 10.9.9.9'), '198.51.100.1'],
    ['the farthest, where all are trusted', '10.0.0.1', xff('10.0.0.3, 192.0.2.7'), '10.0.0.3'],
    ['the proxy, where it names nobody', '10.0.0.1', {}, '10.0.0.1'],
    ['the proxy, where it names no address', '10.0.0.1', xff('1.1.1.1, unknown'), '10.0.0.1'],
    ['the proxy, where it names nonsense', '10.0.0.1', xff('1.1.1.1, \u001b[31m"level":60'), '10.0.0.1'],
    ['without its port', '10.0.0.1', xff('198.51.100.1:4711'), '198.51.100.1'],
    [
      'an IPv6 address, with and without brackets',
      '2001:db8::1',
      xff('[2001:4860::8]:443, 2001:db8::2'),
      '2001:4860::8',
    ],
    ['an IPv4 peer on an IPv6 socket', '::ffff:10.0.0.1', xff('::ffff:198.51.100.1'), '198.51.100.1'],
    ['a link-local peer without its zone', 'fe80::1%eth0', xff('1.1.1.1'), 'fe80::1'],
    ['Forwarded', '10.0.0.1', forwarded('for=1.1.1.1, for=198.51.100.1;proto=https;by=10.0.0.1'), '198.51.100.1'],
    ['Forwarded with an IPv6 address', '10.0.0.1', forwarded('for="[2001:4860::8]:4711"'), '2001:4860::8'],
    ['Forwarded with a hop that says nothing', '10.0.0.1', forwarded('for=1.1.1.1, proto=https'), '10.0.0.1'],
    ['Forwarded with a hidden hop', '10.0.0.1', forwarded('for=1.1.1.1, for=_hidden'), '10.0.0.1'],
    [
      'Forwarded with an open quotation before it',
      '10.0.0.1',
      forwarded('for="1.1.1.1, for=198.51.100.1'),
      '198.51.100.1',
    ],
    [
      'not Forwarded, where there is X-Forwarded-For',
      '10.0.0.1',
      { ...forwarded('for=1.1.1.1'), ...xff('198.51.100.1') },
      '198.51.100.1',
    ],
    ['unknown, where the connection is gone', '', {}, 'unknown'],
  ])('is %s', ([, peer, headers, address]) => {
    expect(addressOf(proxies, peer, headers)).toBe(address);
  });

  test('is the peer alone where no proxy is trusted', () => {
    expect(addressOf([], '127.0.0.1', xff('198.51.100.1'))).toBe('127.0.0.1');
  });

  test.for(['10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '::1', '2001:db8::/32', 'fe80::/128'])(
    '%s can be trusted',
    (range) => {
      expect(isAddressRange(range)).toBe(true);
    },
  );
  test.for(['', '10.0.0', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', '::1/129', 'proxy.test', '*'])(
    '"%s" cannot be trusted',
    (range) => expect(isAddressRange(range)).toBe(false),
  );
});

describe('is told', () => {
  let services: TestServices;
  let service: Service;
  const logged: Record<string, unknown>[] = [];
  const log = pino(
    { level: 'debug' },
    new Writable({
      write: (line: Buffer, _encoding, done) => {
        logged.push(JSON.parse(line.toString()) as Record<string, unknown>);
        done();
      },
    }),
  );
  const client = '198.51.100.1';
  const headers = xff(`203.0.113.9, ${client}`);
  const linesOf = (msg: string) => logged.filter((line) => line['msg'] === msg);

  beforeAll(async () => {
    services = await openTestServices();
    service = await services.start({ TRUSTED_PROXIES: '127.0.0.1, ::1/128' }, log);
  });
  afterAll(() => services.close());

  test('in the line of a request, without its query', async () => {
    await fetch(new URL('/a%20b/\u00e9?token=secret', service.url), { headers });
    await until('it is logged', () => linesOf('request').length > 0);
    const { level, clientAddress, method, path, status } = linesOf('request').at(-1)!;
    expect({ level, clientAddress, method, path, status }).toEqual({
      level: 20,
      clientAddress: client,
      method: 'GET',
      path: '/a%20b/%C3%A9',
      status: 404,
    });
  });

  test('in the line of a sign-in that was refused, over HTTP, REST and WebSocket', async () => {
    const asked = logged.length;
    await fetch(service.url, { method: 'POST', headers: { ...headers, authorization: 'Bearer nonsense' } });
    await callRest(service, { path: '/v1/openapi.json', headers });
    const socket = await WireClient.open(service.subscriptionsUrl, headers);
    socket.send({ type: 'connection_init', payload: { authorization: 'Bearer nonsense' } });
    await socket.closed;
    const refused = logged.slice(asked).filter(({ msg }) => msg === 'sign-in refused');
    expect(refused).toHaveLength(3);
    for (const line of refused) {
      expect(line).toMatchObject({ level: 30, clientAddress: client, code: 'UNAUTHENTICATED' });
      expect(JSON.stringify(line)).not.toContain('nonsense');
    }
    await until('the connection is logged', () => linesOf('WebSocket closed').length > 0);
    expect(linesOf('WebSocket closed').at(-1)).toMatchObject({ clientAddress: client, code: 4403 });
  });

  test('in the record of a refusal', async () => {
    const token = await services.signIn('mallory', 'APPLICATION_DEPLOYER');
    const call = { method: 'POST', path: redeployPath('web-service'), token, headers };
    expect((await callRest(service, call)).status).toBe(403);
    const [record] = await services.sql<{ data: object }>(
      `select data from audit_record where kind = 'REQUEST_REFUSE' and username = 'mallory'`,
    );
    expect(record?.data).toMatchObject({ code: 'TOKEN_INVALID', clientAddress: client });
  });
});
