import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type DocumentNode, type ExecutionResult, getOperationAST, GraphQLError } from 'graphql';
import { CloseCode, handleProtocols, makeServer, type ServerOptions, type SubscribePayload } from 'graphql-ws';
import type { Logger } from 'pino';
import type { WebSocket, WebSocketServer } from 'ws';
import { RedeployError } from '../domain/errors.ts';
import type { SignIn } from '../domain/sign-in.ts';
import { createContext } from '../graphql/context.ts';
import { CheckedDocuments, type DocumentLimits } from '../graphql/documents.ts';
import type { Live } from '../graphql/live.ts';
import { schema } from '../graphql/schema.ts';
import { execute, namedDocument } from '../graphql/trusted-documents.ts';
import { Audiences, SharedResults } from '../graphql/audiences.ts';
import type { GraphqlMeasures } from './graphql-measures.ts';
import type { GraphqlSpans } from './request-spans.ts';
import { NextMessages } from './next-messages.ts';
import type { OpenConnections, Release } from './open-connections.ts';
import type { Desk } from '../operations/dependencies.ts';
import type { SignInOf } from './request-log.ts';
import { onSignInExpiry } from './sign-in-expiry.ts';

type Connection = {
  socket: WebSocket;
  /** What it runs on. */
  transport: Socket;
  /** With which it was opened, until its client has signed in: thousands of them would be kept for nothing. */
  request: IncomingMessage | null;
  /** The trace of whoever opened it, as the request named it. */
  traceparent: unknown;
  signIn?: SignIn;
  expiry?: NodeJS.Timeout;
  idle?: NodeJS.Timeout;
  leave?: Release;
  /** By the payload that asked: an id is free again before its subscription has ended. */
  subscriptions: Map<object, Release>;
  /** Payloads of queries and mutations under way. */
  requests: Set<object>;
};
type Options = ServerOptions<Record<string, unknown>, Connection>;

/** A socket that has not answered a ping by the next one is gone. */
const pingMs = 12_000;

/**
 * Serves graphql-ws's protocol on a WebSocket server. Not with its own adapter for ws, which writes whatever a
 * client does wrong to stderr with a stack. What it returns makes every client go on elsewhere: a subscription is never
 * completed before its time, and no connection closed before its requests are answered, for a client would send
 * a mutation without an answer again.
 */
export function serveWebSockets(sockets: WebSocketServer, options: Options, log: Logger): () => void {
  const protocol = makeServer(options);
  const living = pingAll(sockets);
  const connections = new Set<Connection>();
  let isGoingAway = false;
  const goAway = ({ socket, requests }: Connection): void => {
    if (requests.size === 0) socket.close(1001, 'Going away');
  };
  sockets.options.handleProtocols = handleProtocols;
  // The HTTP server's own errors come here too, a taken port say: whoever listens on it handles them.
  sockets.on('error', () => undefined);
  sockets.on('connection', (socket, request) => {
    // A frame that is wrong or too long: ws has closed with the fitting code.
    socket.on('error', (error) => log.debug({ reason: error.message }, 'WebSocket error'));
    living.add(socket);
    socket.on('pong', () => living.add(socket));
    const connection: Connection = {
      socket,
      transport: request.socket,
      request,
      traceparent: request.headers['traceparent'],
      subscriptions: new Map(),
      requests: new Set(),
    };
    connections.add(connection);
    if (isGoingAway) goAway(connection);
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        // Resolves when the message has left, so that a slow client is not sent more than it takes.
        send: (data) =>
          new Promise((resolve, reject) => {
            if (isOpen(socket)) socket.send(data, (error) => (error ? reject(error) : resolve()));
            else resolve();
          }),
        close: (code, reason = '') => closeWith(socket, code, reason),
        onMessage: (take) =>
          socket.on('message', (data: Buffer) => {
            if (isGoingAway) return; // the client asks elsewhere, once it is told
            const taken = take(data.toString()).catch((error: unknown) => {
              if (!isOpen(socket)) return;
              if (isOfServers(error)) return closeWith(socket, CloseCode.BadRequest, error.message);
              log.warn({ err: error }, 'WebSocket message not handled');
              socket.close(CloseCode.InternalServerError, 'Internal server error');
            });
            void taken.then(() => isGoingAway && goAway(connection));
          }),
      },
      connection,
    );
    // Not `once`, which keeps three objects more for each of thousands: it comes once anyway.
    socket.on('close', (code, reason) => {
      connections.delete(connection);
      closed(code, reason.toString()).catch((error: unknown) => log.error({ err: error }, 'WebSocket not cleaned up'));
    });
  });
  return () => {
    isGoingAway = true;
    for (const connection of connections) goAway(connection);
  };
}

/** graphql-ws throws over a client's message of a type that only servers send. */
const isOfServers = (error: unknown): error is Error =>
  error instanceof Error && /^Unexpected message of type \w+ received$/.test(error.message);

/** Ends what has not answered since the last time, and asks the others; answers with those that have. */
function pingAll(sockets: WebSocketServer): WeakSet<WebSocket> {
  const living = new WeakSet<WebSocket>();
  const pings = setInterval(() => {
    for (const socket of sockets.clients) {
      if (living.delete(socket)) socket.ping();
      else socket.terminate();
    }
  }, pingMs);
  sockets.once('close', () => clearInterval(pings));
  return living;
}

type WebSocketSettings = {
  desk: Desk;
  live: Live;
  signIn: SignInOf;
  mask: (error: unknown) => GraphQLError;
  connections: OpenConnections;
  measures: GraphqlMeasures;
  spans: GraphqlSpans | null;
  documents: DocumentLimits;
};

/** graphql-ws over the schema: signed in with connection_init, and for as long as the sign-in token holds. */
export function webSocketOptions(settings: WebSocketSettings): Options {
  const { desk, live, signIn, mask, connections, measures, spans, documents } = settings;
  const checkedDocuments = new CheckedDocuments(documents);
  const audiences = new Audiences(mask);
  const messages = new NextMessages();
  const documentOf = ({ query, extensions }: SubscribePayload): DocumentNode | readonly GraphQLError[] => {
    try {
      return checkedDocuments.check(namedDocument(query, extensions) ?? query);
    } catch (error) {
      return [mask(error)];
    }
  };
  const maskAll = (errors: readonly GraphQLError[]) => errors.map((error) => mask(error));
  const waitForSubscription = (extra: Connection): void => {
    clearTimeout(extra.idle);
    if (!isOpen(extra.socket) || extra.subscriptions.size > 0) return;
    extra.idle = setTimeout(
      () => closeWith(extra.socket, 1001, 'no subscription for too long'),
      connections.limits.idleConnectionSeconds * 1000,
    );
  };
  const release = (extra: Connection, payload: object): void => {
    extra.subscriptions.get(payload)?.();
    extra.subscriptions.delete(payload);
    extra.requests.delete(payload);
    waitForSubscription(extra);
  };
  return {
    execute: (args) => (spans ? spans.carryOut(args, () => execute(args)) : execute(args)),
    subscribe: (args) => (spans ? spans.carryOut(args, () => audiences.subscribe(args)) : audiences.subscribe(args)),
    connectionInitWaitTimeout: 5_000,
    onConnect: async (connection) => {
      const { connectionParams, extra } = connection;
      const authorization = connectionParams?.['authorization'];
      try {
        extra.signIn = await signIn(extra.request!, typeof authorization === 'string' ? authorization : null);
        extra.request = null;
        Object.assign(connection, { connectionParams: undefined });
      } catch (error) {
        closeWith(extra.socket, refusalCode(error, authorization), mask(error).message);
        return false;
      }
      // Gone meanwhile: nobody would stop the timer.
      if (!isOpen(extra.socket)) return false;
      try {
        extra.leave = connections.openConnection(extra.signIn.actor);
      } catch (error) {
        closeWith(extra.socket, tryAgainLater, mask(error).message);
        return false;
      }
      extra.expiry = closeAt(extra.socket, extra.signIn.expiresAt);
      waitForSubscription(extra);
      return true;
    },
    onClose: ({ extra }) => {
      clearTimeout(extra.expiry);
      clearTimeout(extra.idle);
      for (const end of extra.subscriptions.values()) end();
      extra.leave?.();
    },
    // Parsed and validated here: graphql-ws itself ends the whole connection over a syntax error.
    onSubscribe: ({ extra }, _id, payload) => {
      const { operationName, variables } = payload;
      measures.begin(payload);
      // A socket that is being closed still hands on what comes in, also after the sign-in has run out.
      if (!isOpen(extra.socket)) return [new GraphQLError('the connection is closing')];
      const document = documentOf(payload);
      if (!('kind' in document)) return document;
      if (getOperationAST(document, operationName)?.operation === 'subscription') {
        try {
          const { subscriptions, signIn } = extra;
          subscriptions.set(payload, connections.openSubscription(signIn!.actor, subscriptions.size));
          clearTimeout(extra.idle);
        } catch (error) {
          return [mask(error)];
        }
      } else {
        extra.requests.add(payload);
        waitForSubscription(extra);
      }
      measures.accept(payload, document, operationName);
      const contextValue = createContext(desk, live, extra.signIn!.actor);
      spans?.accept(contextValue, payload.extensions, extra);
      return { schema, document, operationName, variableValues: variables, contextValue };
    },
    onOperation: ({ extra }, id, payload, _args, results) => {
      measures.answer(payload);
      if (results instanceof SharedResults) results.sendTo(messages.to(extra, id));
    },
    onError: ({ extra }, _id, payload, errors) => {
      release(extra, payload);
      const masked = maskAll(errors);
      measures.fail(payload, masked);
      return masked;
    },
    onComplete: ({ extra }, _id, payload) => release(extra, payload),
    onNext: (_ctx, _id, payload, _args, result): ExecutionResult | undefined => {
      if (!result.errors) return undefined;
      const errors = maskAll(result.errors);
      measures.fail(payload, errors);
      return { ...(result as ExecutionResult), errors };
    },
  };
}

const isOpen = (socket: WebSocket): boolean => socket.readyState === socket.OPEN;

/** Clients come back by themselves. */
const tryAgainLater = 1013;

function refusalCode(error: unknown, authorization: unknown): number {
  if (!(error instanceof RedeployError)) return CloseCode.InternalServerError;
  if (error.code === 'UNAVAILABLE') return tryAgainLater;
  return authorization === undefined || authorization === null ? CloseCode.Unauthorized : CloseCode.Forbidden;
}

/** A close frame carries at most 123 bytes of reason. */
const closeWith = (socket: WebSocket, code: number | undefined, reason: string): void =>
  socket.close(
    code,
    Buffer.from(reason)
      .subarray(0, 120)
      .toString()
      .replace(/\uFFFD+$/, ''),
  );

/** A sign-in that has run out ends the connection; the client signs in anew. */
const closeAt = (socket: WebSocket, at: Date): NodeJS.Timeout =>
  onSignInExpiry(at, () => closeWith(socket, CloseCode.Forbidden, 'the sign-in token has expired'));
