import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type DocumentNode, type ExecutionArgs, GraphQLError } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import { type ServerOptions, WebSocketServer } from 'ws';
import { keepBrowsersSafe, mayOpenSocket } from './browser-safety.ts';
import { RedeployError } from '../domain/errors.ts';
import type { SignIn, VerifySignIn } from '../domain/sign-in.ts';
import { isEndpoint } from './endpoints.ts';
import { defaultEdge, type EdgeSettings } from './edge-settings.ts';
import { type GraphiqlSettings, graphiqlPage, isForGraphiql } from '../graphiql/page.ts';
import { clientAddresses } from './client-address.ts';
import { createContext } from '../graphql/context.ts';
import { documentFaults, type DocumentLimits, parseDocument } from '../graphql/documents.ts';
import { maskErrors } from '../graphql/errors.ts';
import { operationGlobalId } from '../graphql/ids.ts';
import type { Live } from '../graphql/live.ts';
import { schema } from '../graphql/schema.ts';
import { execute, namedDocument } from '../graphql/trusted-documents.ts';
import { GraphqlMeasures } from './graphql-measures.ts';
import { answerHealth, type Health } from './health.ts';
import { OpenConnections } from './open-connections.ts';
import type { Desk } from '../operations/dependencies.ts';
import { HttpRefusal } from '../rest/problems.ts';
import { pathOf, readBytes } from '../rest/requests.ts';
import { isForRest, restApi } from '../rest/rest-api.ts';
import { logConnection, logRequest, type SignInOf, signInOf } from './request-log.ts';
import { answerInSpan, GraphqlSpans } from './request-spans.ts';
import { EventStreams } from './server-sent-events.ts';
import { serveWebSockets, webSocketOptions } from './web-sockets.ts';

const endpoint = '/graphql';
/** Yoga answers every URL that ends so, whatever its path; none ends in a line break. */
const noEndpoint = '\n';
/** Larger than any document that makes sense here. */
const longestMessageBytes = 256 * 1024;
/** How long a socket that does not answer the close frame is waited for. */
const closeTimeout = 5_000;

export type App = {
  /** Not yet listening. */
  server: Server;
  /** What is open here. */
  connections: OpenConnections;
  /**
   * Takes no new connections, answers what is under way, and ends every subscription so that clients subscribe again
   * elsewhere. What is not done by then is cut off.
   */
  close: (withinMs: number) => Promise<void>;
};

/** What Yoga hands on of the request as Node has it. */
type ServerContext = { req: IncomingMessage };

/** The HTTP and WebSocket server over the schema and the REST API. Nobody gets in without a sign-in, except to health checks and GraphiQL's page. */
export function createApp(
  desk: Desk,
  live: Live,
  verifySignIn: VerifySignIn,
  health: Health,
  graphiql: GraphiqlSettings | null = null,
  edge: EdgeSettings = defaultEdge,
): App {
  const mask = maskErrors(desk.log);
  const addressOf = clientAddresses(edge.trustedProxies);
  const signIn = signInOf(onceStarted(verifySignIn, health), addressOf, desk.log);
  const signIns = new WeakMap<Request, SignIn>();
  const connections = new OpenConnections(edge.connections);
  const measures = new GraphqlMeasures(desk.measurements);
  const spans = desk.tracing ? new GraphqlSpans(desk.tracing) : null;
  const streams = new EventStreams(connections, (error) => ({ errors: [mask(error)] }));
  const yoga = createYoga<ServerContext, ReturnType<typeof createContext>>({
    schema,
    graphqlEndpoint: endpoint,
    healthCheckEndpoint: noEndpoint,
    graphiql: false,
    landingPage: false,
    batching: false,
    multipart: false,
    cors: false,
    logging: false,
    // Its own limit leads each body through a transform of web streams, at the cost of all else that is done for it.
    maxRequestBodySize: false,
    maskedErrors: { maskError: mask },
    plugins: [
      signInFirst(signIn, signIns),
      trustedDocuments,
      checkedDocuments(edge.documents, mask),
      streams.plugin(signIns),
      measures.plugin(),
      ...(spans ? [spans.plugin()] : []),
    ],
    context: ({ request }) => createContext(desk, live, signIns.get(request)!.actor),
  });
  const rest = restApi({ desk, signIn, globalIdOf: operationGlobalId });
  const page = graphiql && graphiqlPage(graphiql, desk.log);
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    logRequest(desk.log, addressOf, request, response);
    // The next request of a kept-alive connection belongs elsewhere.
    if (health.isGoingAway) response.setHeader('connection', 'close');
    if (keepBrowsersSafe(request, response, edge.corsOrigins)) return;
    if (answerHealth(health, request, response)) return;
    if (isForRest(request)) void rest(request, response);
    else if (!isAddressable(request)) response.writeHead(400).end();
    else if (!isEndpoint(pathOf(request))) response.writeHead(404).end();
    else if (page && isForGraphiql(request, endpoint)) void page(request, response);
    else void yoga(request, response);
  };
  const server = createServer((request, response) => {
    if (desk.tracing) answerInSpan(desk.tracing, request, response, answer);
    else answer(request, response);
  });
  // Its types do not know closeTimeout yet.
  const socketOptions: ServerOptions & { closeTimeout: number } = {
    server,
    path: endpoint,
    maxPayload: longestMessageBytes,
    perMessageDeflate: false,
    closeTimeout,
    verifyClient: ({ req }, take) => take(mayOpenSocket(req.headers.origin, req.headers.host, edge.corsOrigins), 403),
  };
  const sockets = new WebSocketServer(socketOptions);
  sockets.on('connection', (socket, request) => logConnection(desk.log, addressOf, request, socket));
  const goAway = serveWebSockets(
    sockets,
    webSocketOptions({ desk, live, signIn, mask, connections, measures, spans, documents: edge.documents }),
    desk.log,
  );
  return {
    server,
    connections,
    close: async (withinMs) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // A kept-alive connection whose last answer went out after `close` counts as open until somebody ends it.
      const idle = setInterval(() => server.closeIdleConnections(), 50);
      const patience = setTimeout(() => {
        desk.log.warn({ withinMs }, 'requests that took too long were cut off');
        for (const socket of sockets.clients) socket.terminate();
        server.closeAllConnections();
      }, withinMs);
      goAway();
      streams.endAll();
      sockets.close();
      await closed;
      clearTimeout(patience);
      clearInterval(idle);
    },
  };
}

/** Before it has what it needs a replica refuses everybody, in the words of each protocol. */
const onceStarted =
  (verifySignIn: VerifySignIn, health: Health): VerifySignIn =>
  async (authorization) => {
    if (health.isStarted) return verifySignIn(authorization);
    throw new RedeployError('UNAVAILABLE', 'the service is starting', { advice: 'Try again.' });
  };

/** Yoga makes one URL of the two, and answers with a stack trace where they make none. */
const isAddressable = ({ headers: { host = 'localhost' }, url = '' }: IncomingMessage): boolean =>
  URL.canParse(`http://${host}${url}`);

/** Before anything is parsed: an answer about a document would tell strangers about the schema. */
function signInFirst(signIn: SignInOf, signIns: WeakMap<Request, SignIn>): Plugin<object, ServerContext> {
  return {
    async onRequestParse({ request, serverContext: { req }, requestParser, setRequestParser, fetchAPI }) {
      signIns.set(request, await signIn(req));
      // A form is what foreign sites can have a browser send without asking first.
      const isJson = /^application\/(graphql\+)?json *(;|,|$)/.test(request.headers.get('content-type') ?? '');
      if (request.method === 'POST' && !isJson) throw unreadable('send application/json', 415);
      if (!requestParser) return;
      setRequestParser(async (read) => {
        try {
          if (read.method !== 'POST') return await requestParser(read);
          const { url, method, headers, signal } = read;
          const body = (await readBytes(req, longestMessageBytes)).toString();
          return await requestParser(new fetchAPI.Request(url, { method, headers, signal, body }));
        } catch (error) {
          if (error instanceof HttpRefusal) throw unreadable(error.message, error.status);
          const isForClients = error instanceof GraphQLError && error.extensions['originalError'] === undefined;
          throw isForClients ? error : unreadable('the request is not JSON', 400);
        }
      });
    },
  };
}

/** Yoga masks what goes wrong when a document is carried out, but not what is wrong with it. */
const checkedDocuments = (limits: DocumentLimits, mask: (error: unknown) => GraphQLError): Plugin => ({
  onParse: ({ setParseFn }) => setParseFn(parseDocument),
  onValidate: ({ setValidationFn }) => {
    setValidationFn((_schema: unknown, document: DocumentNode) => documentFaults(document, limits));
    return ({ valid, result, setResult }) => {
      if (!valid) setResult(result.map((error) => mask(error)));
    };
  },
});

const trustedDocuments: Plugin = {
  onParams: ({ params, setParams }) => {
    const query = namedDocument(params.query, params.extensions);
    if (query !== undefined) setParams({ ...params, query });
  },
  onExecute: ({ executeFn, setExecuteFn }) => {
    setExecuteFn((args: ExecutionArgs) => execute(args, executeFn as typeof execute));
  },
};

const unreadable = (message: string, status: number): GraphQLError =>
  new GraphQLError(message, { extensions: { code: 'INVALID_INPUT', http: { status } } });
