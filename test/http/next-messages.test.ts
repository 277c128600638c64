import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { NextMessages } from '../../src/http/next-messages.ts';
import { until } from '../support/wait.ts';

type Got = { id: string; type: string; payload: { data: { number: number; text: string } } };

const resultOf = (number: number, text = ''): string => JSON.stringify({ data: { number, text } });

let server: WebSocketServer;
let messages: NextMessages;
beforeEach(async () => {
  messages = new NextMessages();
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await once(server, 'listening');
});
afterEach(async () => {
  for (const socket of server.clients) socket.terminate();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

/** A client that has subscribed under an id, and the server's end of it. */
async function connect(id: string) {
  const opened = once(server, 'connection');
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const got: Got[] = [];
  const failures: string[] = [];
  client.on('message', (message: Buffer, isBinary) => {
    if (isBinary) failures.push('a binary message');
    got.push(JSON.parse(message.toString()) as Got);
  });
  client.on('error', ({ message }) => failures.push(message));
  await once(client, 'open');
  const [socket, request] = (await opened) as [WebSocket, IncomingMessage];
  const recipient = messages.to({ socket, transport: request.socket }, id);
  return { client, got, failures, socket, transport: request.socket, recipient };
}

test('everybody gets each result under their own id, also who takes it long after the others', async () => {
  const results = Array.from({ length: 12 }, (_, number) => resultOf(number, 'é'.repeat(500_000)));
  const ids = ['slow-id', 'quickid', 'an "other" é', ''];
  const clients = [];
  for (const id of ids) clients.push(await connect(id));
  const [slow, ...others] = clients;
  slow!.client.pause();
  let late: Promise<void> | null = null;
  for (const [number, json] of results.entries()) {
    late = slow!.recipient.send(json);
    for (const { recipient } of others) void recipient.send(json);
    await until('the quick ones have it', () => others.every(({ got }) => got.length > number));
  }
  expect(slow!.got).toEqual([]);
  expect(late).not.toBeNull();
  slow!.client.resume();
  await late;
  await until('the slow one has all', () => slow!.got.length === results.length);
  for (const [index, { got, failures }] of clients.entries()) {
    const expected = results.map((_, number) => ({ id: ids[index], type: 'next', number }));
    expect(got.map(({ id, type, payload }) => ({ id, type, number: payload.data.number }))).toEqual(expected);
    expect(failures).toEqual([]);
  }
});

test('a message may be of any length, and what ws sends itself may come before and behind it', async () => {
  const { got, failures, client, socket, recipient } = await connect('1');
  const pongs = once(socket, 'pong');
  const around = Buffer.byteLength('{"id":"1","type":"next","payload":{"data":{"number":0,"text":""}}}');
  const lengths = [0, 125, 126, 127, 65_535, 65_536, 65_537, 3_000_000].map((length) => Math.max(0, length - around));
  for (const [number, length] of lengths.entries()) {
    socket.ping();
    await recipient.send(resultOf(number, 'x'.repeat(length)));
    socket.send(JSON.stringify({ id: '1', type: 'next', payload: { data: { number: -1, text: '' } } }));
  }
  await until('all have come', () => got.length === 2 * lengths.length);
  await pongs;
  expect(got.filter((_, at) => at % 2 === 0).map(({ payload }) => payload.data.text.length)).toEqual(lengths);
  expect([failures, client.readyState]).toEqual([[], WebSocket.OPEN]);
});

test('nothing is sent behind a close frame, nor to a client that is gone', async () => {
  const closing = await connect('1');
  const gone = await connect('2');
  const closed = once(closing.client, 'close');
  void closing.recipient.send(resultOf(1));
  closing.socket.close(4403, 'enough');
  gone.socket.terminate();
  for (const { recipient, transport } of [closing, gone]) {
    const before = transport.bytesWritten;
    expect(recipient.send(resultOf(2))).toBeNull();
    expect(transport.bytesWritten).toBe(before);
  }
  expect((await closed)[0]).toBe(4403);
  expect(closing.got.map(({ payload }) => payload.data.number)).toEqual([1]);
  expect([closing.failures, gone.got]).toEqual([[], []]);
});
