import { Agent, type IncomingMessage, request as send } from 'node:http';
import { connect } from 'node:net';
import type { HostileRequest } from './hostile-requests.ts';
import type { Heard } from './verdicts.ts';

const patienceMs = 10_000;

/** Over connections that are kept, as many as send at the same time. */
export class HttpSender {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #address: { hostname: string; port: string };

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#address = { hostname, port };
  }

  /** What was heard; without an answer the status is 0. */
  send({ method, path, headers, body, isEndless = false }: HostileRequest): Promise<Heard> {
    return new Promise((resolve) => {
      const given = body === undefined ? headers : { ...headers, 'content-length': Buffer.byteLength(body) };
      const options = { ...this.#address, method, path, headers: given, agent: this.#agent, timeout: patienceMs };
      const outgoing = send(options, (response) => void hear(response, isEndless).then(resolve));
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
      // An answer may come before all of the body has gone out; then it is the answer that counts.
      outgoing.on('error', (error) => resolve({ status: 0, text: error.message }));
      outgoing.end(body);
    });
  }

  /** Bytes as they are; answers with all that comes until the connection is closed. */
  sendRaw(bytes: string): Promise<Heard[]> {
    return new Promise((resolve) => {
      const socket = connect(Number(this.#address.port), this.#address.hostname);
      let received = '';
      socket.setTimeout(patienceMs, () => {
        received += 'HTTP/1.1 000 not closed in time\r\n';
        socket.destroy();
      });
      socket.on('data', (data: Buffer) => (received += data.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(answersIn(received)));
      socket.end(Buffer.from(bytes, 'latin1'));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

async function hear(response: IncomingMessage, isEndless: boolean): Promise<Heard> {
  const { statusCode = 0, headers } = response;
  const contentType = headers['content-type'] ?? '';
  const heard: Heard = { status: statusCode, text: '', contentType };
  const isStream = contentType.startsWith('text/event-stream');
  response.setEncoding('utf8');
  try {
    for await (const text of response as AsyncIterable<string>) {
      heard.text += text;
      if (isEndless && isStream) break;
    }
  } catch {
    return { ...heard, status: 0 };
  }
  return heard;
}

const answersIn = (received: string): Heard[] =>
  received
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .filter((one) => one !== '')
    .map((one) => ({ status: Number(one.slice(9, 12)), text: one }));
