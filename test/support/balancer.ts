import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * A TCP load balancer that knows of its replicas what /readyz tells. Like the one of a Kubernetes Service it learns that
 * late, and a connection that its replica refuses is lost.
 */
export class Balancer {
  /** How long a replica may go on being sent connections after it has said that it is not ready. */
  static readonly lateMs = 200;
  readonly #server: Server;
  readonly #ready = new Map<string, boolean>();
  readonly #sockets = new Set<Socket>();
  readonly #asking = new AbortController();
  #turn = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<Balancer> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const balancer = new Balancer(server.listen(0, '127.0.0.1'));
    server.on('connection', (socket) => balancer.#accept(socket));
    await once(server, 'listening');
    return balancer;
  }

  get url(): string {
    return `http://${this.#host}/graphql`;
  }

  get subscriptionsUrl(): string {
    return `ws://${this.#host}/graphql`;
  }

  get #host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  add({ url }: { url: string }): void {
    const { host } = new URL(url);
    this.#ready.set(host, false);
    void this.#ask(host);
  }

  isReady({ url }: { url: string }): boolean {
    return this.#ready.get(new URL(url).host) === true;
  }

  async close(): Promise<void> {
    this.#asking.abort();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  /** Until it is gone. */
  async #ask(host: string): Promise<void> {
    const { signal } = this.#asking;
    while (!signal.aborted) {
      const answer = await fetch(`http://${host}/readyz`, { signal }).catch(() => null);
      if (answer === null && this.#ready.get(host)) this.#ready.delete(host);
      if (!this.#ready.has(host)) return;
      this.#ready.set(host, answer?.status === 200);
      await pause(Balancer.lateMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #accept(socket: Socket): void {
    const ready = [...this.#ready].flatMap(([host, isReady]) => (isReady ? [host] : []));
    this.#turn += 1;
    const host = ready[this.#turn % ready.length];
    if (host === undefined) return void socket.destroy();
    const [hostname, port] = host.split(':') as [string, string];
    const upstream = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      this.#sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy()).on('close', () => this.#sockets.delete(one));
    }
  }
}
