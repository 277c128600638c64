import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { NextMessages } from '../../src/http/next-messages.ts';
import { until } from '../support/wait.ts';

const results = Array.from({ length: 12 }, (_, number) =>
  Buffer.from(JSON.stringify({ data: { number, text: 'é'.repeat(500_000) } })),
);
const idOf = (name: string): Buffer => Buffer.from(JSON.stringify(name));

type Got = { id: string; type: string; payload: { data: { number: number } } };

/** A client and the server's end of it. */
async function connect(server: WebSocketServer) {
  const opened = once(server, 'connection');
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const got: Got[] = [];
  client.on('message', (message: Buffer) => got.push(JSON.parse(message.toString()) as Got));
  await once(client, 'open');
  const [socket, request] = (await opened) as [WebSocket, IncomingMessage];
  return { client, got, socket, transport: request.socket };
}

test('everybody gets each result under their own id, also who takes it long after the others', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await once(server, 'listening');
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const slow = await connect(server);
  const quick = await connect(server);
  const other = await connect(server);
  onTestFinished(() => [slow, quick, other].forEach(({ client }) => client.terminate()));
  const messages = new NextMessages();
  slow.client.pause();
  for (const [number, json] of results.entries()) {
    void messages.send(slow, idOf('slow-id'), json);
    void messages.send(quick, idOf('quickid'), json);
    void messages.send(other, idOf('an "other" é'), json);
    await until('the quick ones have it', () => quick.got.length > number && other.got.length > number);
  }
  expect(slow.got).toEqual([]);
  slow.client.resume();
  await until('the slow one has all', () => slow.got.length === results.length);
  for (const [{ got }, id] of [
    [slow, 'slow-id'],
    [quick, 'quickid'],
    [other, 'an "other" é'],
  ] as const) {
    const expected = results.map((_, number) => ({ id, type: 'next', number }));
    expect(got.map(({ id, type, payload }) => ({ id, type, number: payload.data.number }))).toEqual(expected);
  }
});
