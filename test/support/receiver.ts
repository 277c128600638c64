import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Delivery = { headers: IncomingHttpHeaders; body: string; event: CloudEvent };
export type CloudEvent = {
  id: string;
  type: string;
  subject: string;
  sequence: string;
  data: Record<string, unknown>;
};
type Answer = (response: ServerResponse, delivery: Delivery) => unknown;

export const taken: Answer = (response) => response.writeHead(204).end();

/** Whoever the webhook tells, over real HTTP; it writes down what it gets and answers as the test says. */
export class TestReceiver {
  readonly url: string;
  readonly deliveries: Delivery[] = [];
  /** Without an answer the sender waits. */
  answer: Answer = taken;
  #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async open(port = '0'): Promise<TestReceiver> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const delivery = { headers: request.headers, body, event: JSON.parse(body) as CloudEvent };
        receiver.deliveries.push(delivery);
        receiver.answer(response, delivery);
      });
    });
    server.listen(Number(port), '127.0.0.1');
    await once(server, 'listening');
    const address = server.address() as AddressInfo;
    const receiver = new TestReceiver(`http://127.0.0.1:${address.port}/hooks/in`, async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    });
    return receiver;
  }

  /** What was told of one ticket, in the order in which it came, doubles included. */
  of({ ticketNo }: { ticketNo: string }): CloudEvent[] {
    return this.deliveries.map(({ event }) => event).filter(({ subject }) => subject === ticketNo);
  }

  close(): Promise<void> {
    return this.#close();
  }
}

/** Standard Webhooks as a receiver checks it, with other means than the sender's: Web Cryptography. */
export async function isSigned({ headers, body }: Delivery, secret: string): Promise<boolean> {
  const raw = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
  const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  const signature = String(headers['webhook-signature']);
  const content = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  return (
    signature.startsWith('v1,') &&
    crypto.subtle.verify('HMAC', key, Buffer.from(signature.slice(3), 'base64'), Buffer.from(content))
  );
}
