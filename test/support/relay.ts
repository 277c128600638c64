import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

/** Below those that systems give away: while one is closed nobody else gets it. */
const ports = [20_000, 30_000] as const;

/** Stands between a client and a server, so that a test can break what runs through it and count its sockets. */
export class Relay {
  readonly #target: { host: string; port: number };
  readonly #pairs = new Map<Socket, { isFrozen: boolean; isMute: boolean; isAsking: boolean; upstream: Socket }>();
  #server: Server | undefined;
  #port = 0;
  /** Every connection that was ever accepted. */
  accepted = 0;
  /** How often a client has sent something after it had been answered. */
  turns = 0;
  #isHanging = false;

  private constructor(target: { host: string; port: number }) {
    this.#target = target;
  }

  static async to(url: string): Promise<Relay> {
    const { hostname, port } = new URL(url);
    const relay = new Relay({ host: hostname, port: Number(port) });
    await relay.serve();
    return relay;
  }

  get port(): number {
    return this.#port;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Listens, from the second time on where it did before. */
  async serve(): Promise<void> {
    const isFirst = this.#port === 0;
    for (;;) {
      if (isFirst) this.#port = randomInt(...ports);
      const server = createServer((socket) => this.#accept(socket)).listen(this.#port, '127.0.0.1');
      const taken = await once(server, 'listening').then(
        () => null,
        (error: unknown) => error as NodeJS.ErrnoException,
      );
      if (!taken) return void (this.#server = server);
      if (!isFirst || taken.code !== 'EADDRINUSE') throw taken;
    }
  }

  /** Refuses connections and breaks those that are open, until `serve`. */
  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    this.#isHanging = false;
    server.close();
    this.cut();
    await once(server, 'close');
  }

  cut(): void {
    for (const socket of this.#pairs.keys()) socket.resetAndDestroy();
  }

  /** What is open now stays open, but nothing goes through it any more: half-open, as after a lost route. */
  freeze(): void {
    for (const pair of this.#pairs.values()) pair.isFrozen = true;
  }

  /** As `freeze`, and connections that are opened from now on are no better, until `close`. */
  hang(): void {
    this.#isHanging = true;
    this.freeze();
  }

  /** What is open now still brings requests to the server, but none of its answers back. */
  mute(): void {
    for (const pair of this.#pairs.values()) pair.isMute = true;
  }

  #accept(socket: Socket): void {
    this.accepted += 1;
    const upstream = connect(this.#target);
    const pair = { isFrozen: this.#isHanging, isMute: false, isAsking: false, upstream };
    this.#pairs.set(socket, pair);
    socket.setNoDelay(true);
    upstream.setNoDelay(true);
    socket.on('data', (data) => {
      if (!pair.isAsking) this.turns += 1;
      pair.isAsking = true;
      if (!pair.isFrozen) upstream.write(data);
    });
    upstream.on('data', (data) => {
      pair.isAsking = false;
      if (!pair.isFrozen && !pair.isMute) socket.write(data);
    });
    const end = () => {
      this.#pairs.delete(socket);
      upstream.destroy();
      socket.destroy();
    };
    socket.on('close', end).on('error', end);
    upstream.on('close', () => void (pair.isFrozen || end())).on('error', () => void (pair.isFrozen || end()));
  }
}
