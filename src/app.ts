import { createServer, type Server } from 'node:http';
import type { GraphQLError } from 'graphql';
import { type ExecutionResult } from 'graphql';
import { CloseCode, type ServerOptions } from 'graphql-ws';
import { type Extra, useServer } from 'graphql-ws/use/ws';
import { createYoga } from 'graphql-yoga';
import { type WebSocket, WebSocketServer } from 'ws';
import { RedeployError } from './domain/errors.ts';
import type { SignIn, VerifySignIn } from './domain/sign-in.ts';
import { createContext } from './graphql/context.ts';
import { maskErrors } from './graphql/errors.ts';
import type { LiveRollouts } from './graphql/live-rollouts.ts';
import { schema } from './graphql/schema.ts';
import type { Desk } from './operations/dependencies.ts';

const endpoint = '/graphql';
/** Larger than any document that makes sense here. */
const longestMessageBytes = 256 * 1024;

export type App = {
  /** Not yet listening. */
  server: Server;
  /** Ends every subscription with a code that makes clients reconnect elsewhere, then every connection. */
  close: () => Promise<void>;
};

/** The HTTP and WebSocket server over the schema. Nobody gets in without a sign-in, except to /healthz. */
export function createApp(desk: Desk, live: LiveRollouts, verifySignIn: VerifySignIn): App {
  const mask = maskErrors(desk.log);
  const yoga = createYoga<object, ReturnType<typeof createContext>>({
    schema,
    graphqlEndpoint: endpoint,
    healthCheckEndpoint: '/healthz',
    graphiql: false,
    landingPage: false,
    batching: false,
    multipart: false,
    cors: false,
    logging: false,
    maskedErrors: { maskError: mask },
    context: async ({ request }) => {
      const { actor } = await verifySignIn(request.headers.get('authorization'));
      return createContext(desk, live, actor);
    },
  });
  const server = createServer((request, response) => void yoga(request, response));
  const sockets = new WebSocketServer({
    server,
    path: endpoint,
    maxPayload: longestMessageBytes,
    perMessageDeflate: false,
  });
  const subscriptions = useServer(webSocketOptions(desk, live, verifySignIn, mask), sockets);
  return {
    server,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await subscriptions.dispose(); // 1001 Going away
      server.closeAllConnections();
      await closed;
    },
  };
}

type Connection = Extra & { signIn?: SignIn; expiry?: NodeJS.Timeout };

function webSocketOptions(
  desk: Desk,
  live: LiveRollouts,
  verifySignIn: VerifySignIn,
  mask: (error: unknown) => GraphQLError,
): ServerOptions<Record<string, unknown>, Connection> {
  const maskAll = (errors: readonly GraphQLError[]) => errors.map((error) => mask(error));
  return {
    schema,
    connectionInitWaitTimeout: 5_000,
    onConnect: async ({ connectionParams, extra }) => {
      const authorization = connectionParams?.['authorization'];
      try {
        extra.signIn = await verifySignIn(typeof authorization === 'string' ? authorization : null);
      } catch (error) {
        const refusal = mask(error);
        const isMissing = authorization === undefined || authorization === null;
        if (error instanceof RedeployError && error.code === 'UNAVAILABLE')
          closeWith(extra.socket, 1013, refusal.message);
        else closeWith(extra.socket, isMissing ? CloseCode.Unauthorized : CloseCode.Forbidden, refusal.message);
        return;
      }
      extra.expiry = closeAt(extra.socket, extra.signIn.expiresAt);
    },
    onClose: ({ extra }) => clearTimeout(extra.expiry),
    context: ({ extra }) => createContext(desk, live, extra.signIn!.actor),
    onError: (_ctx, _id, _payload, errors) => maskAll(errors.map((error) => error)),
    onNext: (_ctx, _id, _payload, _args, result): ExecutionResult | undefined =>
      result.errors ? { ...(result as ExecutionResult), errors: maskAll(result.errors) } : undefined,
  };
}

/** A close frame carries at most 123 bytes of reason. */
const closeWith = (socket: WebSocket, code: number, reason: string): void =>
  socket.close(
    code,
    Buffer.from(reason)
      .subarray(0, 120)
      .toString()
      .replace(/\uFFFD+$/, ''),
  );

const longestTimeoutMs = 2 ** 31 - 1;

/** A sign-in that has run out ends the connection; the client signs in anew. */
function closeAt(socket: WebSocket, at: Date): NodeJS.Timeout {
  const milliseconds = Math.min(Math.max(at.getTime() - Date.now(), 0), longestTimeoutMs);
  return setTimeout(() => closeWith(socket, CloseCode.Forbidden, 'the sign-in token has expired'), milliseconds);
}
