import { once } from 'node:events';
import { WebSocket } from 'ws';
import { until } from './wait.ts';

export type WireMessage = Record<string, unknown>;

/** Speaks graphql-transport-ws by hand, so that a test can also speak it wrongly. */
export class WireClient {
  readonly socket: WebSocket;
  readonly received: WireMessage[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => this.received.push(JSON.parse(data.toString()) as WireMessage));
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<WireClient> {
    const client = new WireClient(new WebSocket(url, 'graphql-transport-ws', { headers }));
    await once(client.socket, 'open');
    return client;
  }

  send(message: object | string): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  async signIn(token: string): Promise<void> {
    this.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
    await this.until(({ type }) => type === 'connection_ack');
  }

  until(isMeant: (message: WireMessage) => boolean): Promise<WireMessage> {
    return until('the message is there', () => this.received.find(isMeant));
  }

  close(): void {
    this.socket.close();
  }
}
