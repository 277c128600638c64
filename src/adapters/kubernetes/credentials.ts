import { isDeepStrictEqual } from 'node:util';
import { HttpMethod, KubeConfig, RequestContext } from '@kubernetes/client-node';
import type { Cluster } from '@kubernetes/client-node';
import { Agent, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';

type Connection = ReturnType<KubeConfig['createDispatcherOptions']>;
export type Access = {
  headers: Record<string, string>;
  requests: Dispatcher;
  watches: Dispatcher;
  /** Where it came from, for `renew`. */
  source: object;
};

/** Live requests share these; more wait their turn. Watches have sockets of their own, or a few would block the rest. */
const requestSockets = 8;

/** The library's KubeConfig, which would build a new dispatcher for every request, made to tell only how to connect. */
class ConnectionTeller extends KubeConfig {
  connection: Connection = { type: 'none' };

  override createDispatcherOptions(cluster: Cluster | null, options: object): Connection {
    this.connection = super.createDispatcherOptions(cluster, options);
    return { type: 'none' };
  }
}

/** Headers and sockets for one context: asked for before each request, since tokens and certificates are renewed. */
export class Credentials {
  readonly server: string;
  readonly #kubeconfig: KubeConfig;
  readonly #connectMilliseconds: number;
  #teller: ConnectionTeller;
  #pending: Promise<Access> | undefined;
  #open: { connection: Connection; requests: Dispatcher; watches: Dispatcher } | undefined;
  #isClosed = false;

  /** `kubeconfig` has the wanted context as its current one. */
  constructor(kubeconfig: KubeConfig, connectMilliseconds: number) {
    this.server = kubeconfig.getCurrentCluster()?.server ?? '';
    this.#kubeconfig = kubeconfig;
    this.#connectMilliseconds = connectMilliseconds;
    this.#teller = this.#newTeller();
  }

  /** One look-up serves all who ask meanwhile, so that an exec plugin runs once. */
  access(): Promise<Access> {
    if (!this.#pending) {
      const pending = this.#look().finally(() => {
        if (this.#pending === pending) this.#pending = undefined;
      });
      this.#pending = pending;
    }
    return this.#pending;
  }

  /** The API server does not accept this access: forgets every remembered token, unless somebody else just did. */
  renew(refused: Access): void {
    if (refused.source !== this.#teller) return;
    this.#teller = this.#newTeller();
    this.#pending = undefined;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#open?.requests.destroy(), this.#open?.watches.destroy()]);
  }

  #newTeller(): ConnectionTeller {
    const { clusters, users, contexts, currentContext } = this.#kubeconfig;
    const teller = new ConnectionTeller();
    teller.loadFromOptions({ clusters, users, contexts, currentContext });
    return teller;
  }

  async #look(): Promise<Access> {
    const teller = this.#teller;
    const context = new RequestContext(this.server, HttpMethod.GET);
    await teller.applySecurityAuthentication(context);
    const { requests, watches } = this.#connect(teller.connection);
    return { headers: context.getHeaders(), requests, watches, source: teller };
  }

  #connect(connection: Connection): { requests: Dispatcher; watches: Dispatcher } {
    if (this.#open && isDeepStrictEqual(this.#open.connection, connection)) return this.#open;
    const former = this.#open;
    this.#open = {
      connection,
      requests: this.#dispatcher(connection, requestSockets),
      watches: this.#dispatcher(connection, null),
    };
    // A certificate was exchanged: what runs over the former sockets may end by itself.
    void former?.requests.close();
    void former?.watches.close();
    if (this.#isClosed) void this.close();
    return this.#open;
  }

  /** HTTP/1.1 only: over HTTP/2 all watches would share one socket, and its silence would be everybody's. */
  #dispatcher(connection: Connection, connections: number | null): Dispatcher {
    const options = { connections, allowH2: false };
    const timeout = this.#connectMilliseconds;
    if (connection.type === 'proxy' || connection.type === 'socks') {
      return new ProxyAgent({ ...options, uri: connection.uri, requestTls: { ...connection.requestTls, timeout } });
    }
    const connect =
      connection.type === 'agent' ? connection.connect : { keepAlive: true, keepAliveInitialDelay: 30_000 };
    return new Agent({ ...options, connect: { ...connect, timeout } });
  }
}
