import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { SocketScript } from './socket-scripts.ts';
import type { Heard } from './verdicts.ts';

export type SocketMessage = { id?: string; type: string; payload?: unknown };

/** `code` is null where the service left the connection open. */
export type SocketOutcome = { messages: SocketMessage[]; code: number | null; fault: string | null };

const patienceMs = 10_000;
const last = JSON.stringify({ type: 'ping', payload: { isLast: true } });

/** Plays a script to its end: everything is answered, or the connection is closed. */
export function play(url: string, script: SocketScript): Promise<SocketOutcome> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, 'graphql-transport-ws', { perMessageDeflate: false });
    const messages: SocketMessage[] = [];
    const awaited = new Set(script.awaited);
    let isHeard = false;
    let code: number | null = null;
    let fault: string | null = null;
    const patience = setTimeout(() => {
      fault = `gets no answer to ${JSON.stringify([...awaited].slice(0, 3))}`;
      socket.terminate();
    }, patienceMs);
    const endWhenAllIsSaid = (): void => {
      if (isHeard && awaited.size === 0 && script.bytes === undefined) socket.close(1000);
    };
    const [first, ...others] = script.frames;
    const sendOthers = (): void => {
      for (const frame of others) socket.send(frame);
      socket.send(last);
      if (script.bytes) wireOf(socket).end(script.bytes);
    };
    socket.on('open', () => {
      socket.send(first!);
      if (!script.isPatient) sendOthers();
    });
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as SocketMessage;
      if (message.type === 'connection_ack' && script.isPatient) sendOthers();
      messages.push(message);
      isHeard ||= message.type === 'pong' && (message.payload as { isLast?: boolean } | undefined)?.isLast === true;
      if (message.type === 'complete' || message.type === 'error') awaited.delete(message.id ?? '');
      endWhenAllIsSaid();
    });
    // Bytes that are no frames may well cost the connection.
    socket.on('error', (error) => (fault ??= script.bytes ? null : error.message));
    socket.on('close', (closed) => {
      clearTimeout(patience);
      code = isHeard && awaited.size === 0 && closed === 1000 ? null : closed;
      resolve({ messages, code, fault });
    });
  });
}

/** Underneath ws, which sends nothing but frames. */
const wireOf = (socket: WebSocket): Socket => (socket as unknown as { _socket: Socket })._socket;

/** As it would have come over HTTP. */
export function heardOf({ type, payload }: SocketMessage): Heard {
  const result = type === 'error' ? { errors: payload } : type === 'next' ? payload : {};
  return { status: 200, text: JSON.stringify(result), contentType: 'application/json' };
}
