import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Service } from '../../src/service.ts';
import { openTestServices, type TestServices } from '../support/service.ts';

let services: TestServices;
let service: Service;

beforeAll(async () => {
  services = await openTestServices();
  service = await services.start();
});
afterAll(() => services.close());

async function answerTo(...head: string[]): Promise<string> {
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
  let received = '';
  socket.on('data', (data: Buffer) => (received += data.toString()));
  socket.end([...head, '', ''].join('\r\n'));
  await once(socket, 'close');
  return received;
}

test.for([
  ['GET /graphql HTTP/1.1', 'host: ['],
  ['GET /graphql HTTP/1.1', 'host: a b'],
  ['GET /nothing HTTP/1.1', 'host: x:port'],
  ['GET http://[::1/graphql HTTP/1.1', 'host: ['],
])('%s with %s is no address of anything: 400, and no more is said', async (head) => {
  const answer = await answerTo(...head);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer.split('\r\n\r\n')[1]).toBe('0'); // the end of a body in chunks without any
});

test('what needs no Host is answered without one', async () => {
  expect(await answerTo('GET /livez HTTP/1.0')).toMatch(/^HTTP\/1\.1 200 /);
  expect(await answerTo('GET /graphql HTTP/1.0')).toMatch(/^HTTP\/1\.1 401 /);
});
