import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

export const dependencies = ['postgres', 'redis', 'kubernetes'] as const;
export type Dependency = (typeof dependencies)[number];

/** `before`: the request gets no further; `after`: it is carried out, and its answer gets no further. */
export const moments = ['before', 'after'] as const;
export type Moment = (typeof moments)[number];

/** Which request something is to happen at, and what then. */
export type Ambush = {
  /** Counted from 1; where `request` is given, of the requests that read like it. */
  number: number;
  request?: string;
  moment: Moment;
  spring: (request: string) => void;
};

/** Stands between one process and one dependency, counts the requests, and may stop at one of them. */
export class CountingProxy {
  /** What was asked since `count`, in order. */
  requests: string[] = [];
  readonly #dependency: Dependency;
  readonly #target: { host: string; port: number };
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #ambush: Ambush | null = null;

  private constructor(dependency: Dependency, { hostname, port }: URL) {
    this.#dependency = dependency;
    this.#target = { host: hostname, port: Number(port) };
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async to(dependency: Dependency, url: string): Promise<CountingProxy> {
    const proxy = new CountingProxy(dependency, new URL(url));
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that either side still has. */
  get open(): number {
    return this.#connections.size;
  }

  /** Begins to count anew. */
  count(ambush: Ambush | null = null): void {
    this.requests = [];
    this.#ambush = ambush;
  }

  /** What was held goes its way. */
  release(): void {
    for (const connection of this.#connections) connection.release();
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const connection of this.#connections) connection.end();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    const upstream = connect(this.#target);
    const connection = new Connection(socket, upstream, (chunk, isFirst) => this.#pass(chunk, isFirst));
    this.#connections.add(connection);
    upstream.once('close', () => this.#connections.delete(connection));
  }

  /** Whether the connection is to be held, and at which moment. */
  #pass(chunk: Buffer, isFirst: boolean): Hold | null {
    const request = readers[this.#dependency](chunk, isFirst);
    if (request === null) return null;
    this.requests.push(request);
    const ambush = this.#ambush;
    if (ambush === null || (ambush.request ?? request) !== request) return null;
    const alike = ambush.request === undefined ? this.requests : this.requests.filter((one) => one === request);
    if (alike.length < ambush.number) return null;
    this.#ambush = null;
    return { moment: ambush.moment, spring: () => ambush.spring(request) };
  }
}

type Hold = { moment: Moment; spring: () => void };

class Connection {
  readonly #client: Socket;
  readonly #upstream: Socket;
  #hold: Hold | null = null;
  #held: (() => void)[] = [];
  #isHolding = false;

  constructor(client: Socket, upstream: Socket, pass: (chunk: Buffer, isFirst: boolean) => Hold | null) {
    this.#client = client;
    this.#upstream = upstream;
    let isFirst = true;
    client.setNoDelay(true).on('error', () => client.destroy());
    upstream.setNoDelay(true).on('error', () => upstream.destroy());
    // What has been passed on still arrives there, and the dependency closes once it has done with it.
    client.once('close', () => upstream.end());
    upstream.once('close', () => client.destroy());
    client.on('data', (chunk: Buffer) => {
      this.#hold ??= pass(chunk, isFirst);
      isFirst = false;
      if (this.#hold?.moment === 'before') this.#spring();
      this.#send(upstream, chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (this.#hold?.moment === 'after') this.#spring();
      this.#send(client, chunk);
    });
  }

  release(): void {
    this.#isHolding = false;
    for (const send of this.#held.splice(0)) send();
  }

  end(): void {
    this.#client.destroy();
    this.#upstream.destroy();
  }

  #spring(): void {
    const { spring } = this.#hold!;
    this.#hold = null;
    this.#isHolding = true;
    spring();
  }

  #send(to: Socket, chunk: Buffer): void {
    if (this.#isHolding) this.#held.push(() => to.write(chunk));
    else to.write(chunk);
  }
}

/** What a chunk asks for; null where it is part of a request that was counted, or none. */
const readers: Record<Dependency, (chunk: Buffer, isFirst: boolean) => string | null> = {
  postgres: (chunk, isFirst) => (isFirst ? 'connect' : statementsOf(chunk).map(shorten).join('; ') || null),
  redis: (chunk) => {
    const commands = chunk.toString('utf8').matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g);
    return [...commands].map(([, command]) => command!.toLowerCase()).join(' ') || null;
  },
  kubernetes: (chunk) => {
    const [, method, path = '', query = ''] = /^([A-Z]+) ([^ ?]+)(\S*)/.exec(chunk.toString('utf8', 0, 500)) ?? [];
    if (!method) return null;
    const what = query.includes('watch=true') ? 'WATCH' : method;
    return `${what} ${path.replace(/test-\w{8}/, '…').replace(/app-\w{8}/, '…')}`;
  },
};

/** Several may come in one piece. What is prepared is parsed, with its text, only once on a connection. */
function statementsOf(chunk: Buffer): string[] {
  const statements: string[] = [];
  let isParsed = false;
  for (let at = 0; at + 5 <= chunk.length; at += 1 + chunk.readUInt32BE(at + 1)) {
    const type = String.fromCharCode(chunk[at]!);
    const textOf = (from: number) => chunk.toString('utf8', from).replace(/\0.*$/s, '');
    const name = textOf(at + 5);
    if (type === 'p') statements.push('authenticate');
    if (type === 'Q') statements.push(name);
    if (type === 'P') statements.push(textOf(at + 6 + Buffer.byteLength(name)));
    // Its portal has no name.
    if (type === 'B' && !isParsed) statements.push(textOf(at + 6));
    isParsed = type === 'P';
  }
  return statements;
}

/** In one line, without what differs from one time to the next. */
const shorten = (text: string): string =>
  text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/'[^']*'/g, "'…'")
    .replaceAll(/\b\d+\b/g, '…')
    .slice(0, 90);
