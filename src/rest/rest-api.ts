import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SignIn } from '../domain/sign-in.ts';
import type { Desk } from '../operations/dependencies.ts';
import { findOperation, operationRowOf } from '../operations/reads.ts';
import { redeploy } from '../operations/redeploys.ts';
import { perform } from '../operations/refusals.ts';
import type { RestCall } from './access.ts';
import { exportRecord } from './audit-export.ts';
import { openApiDocument } from './openapi.ts';
import { operationResource } from './operation-resource.ts';
import { HttpRefusal, problemReply, type Reply } from './problems.ts';
import { sendPieces } from './pieces.ts';
import { decodeSegment, pathOf, readIdempotencyKey, readRedeployBody } from './requests.ts';

/** What the API stands on. */
type RestSettings = {
  desk: Desk;
  /** Throws UNAUTHENTICATED and UNAVAILABLE. */
  signIn: (request: IncomingMessage) => Promise<SignIn>;
  /** An operation's id in GraphQL. */
  globalIdOf: (operationId: string) => string;
};

type Call = Omit<RestSettings, 'signIn'> & { signIn: SignIn; request: IncomingMessage; segment: string };
type Method = (call: Call) => Reply | Promise<Reply>;

const calls: Record<RestCall, Method> = {
  'POST /v1/applications/{name}/redeploy': redeployApplication,
  'GET /v1/operations/{id}': showOperation,
  'GET /v1/audit-records.ndjson': (call) => exportRecord(call, 'ndjson'),
  'GET /v1/audit-records.csv': (call) => exportRecord(call, 'csv'),
  'GET /v1/openapi.json': () => ({ status: 200, body: openApiDocument }),
};

const routes = Object.entries(calls).map(([call, answer]) => {
  const [method = '', template = ''] = call.split(' ');
  const parts = template.split(/\{\w+\}/).map((part) => RegExp.escape(part));
  return { path: new RegExp(`^${parts.join('([^/]+)')}$`), methods: { [method]: answer } };
});

export const isForRest = (request: IncomingMessage): boolean => /^\/v1(\/|$)/.test(pathOf(request));

/** The REST calls for scripts. Never throws; nobody learns anything without a sign-in. */
export const restApi =
  (settings: RestSettings) =>
  async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { log } = settings.desk;
    const reply = await answer(settings, request).catch((error: unknown) => problemReply(error, log));
    const { status, headers } = reply;
    if ('pieces' in reply) {
      response.writeHead(status, { 'cache-control': 'no-store', ...headers });
      return sendPieces(response, reply.pieces, log);
    }
    const text = JSON.stringify(reply.body);
    const contentLength = Buffer.byteLength(text);
    response
      .writeHead(status, {
        'content-type': 'application/json',
        'content-length': contentLength,
        'cache-control': 'no-store',
        ...headers,
      })
      .end(text);
  };

async function answer(settings: RestSettings, request: IncomingMessage): Promise<Reply> {
  const signIn = await settings.signIn(request);
  const path = pathOf(request);
  for (const { path: pattern, methods } of routes) {
    const found = pattern.exec(path);
    if (found) return await methodOf(methods, request)({ ...settings, signIn, request, segment: found[1] ?? '' });
  }
  throw new HttpRefusal(404, 'there is nothing at this path', { code: 'NOT_FOUND' });
}

function methodOf(methods: Record<string, Method>, { method = '' }: IncomingMessage): Method {
  const allowed = Object.keys(methods).flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name]));
  if (allowed.includes(method)) return methods[method === 'HEAD' ? 'GET' : method]!;
  const allow = allowed.join(', ');
  throw new HttpRefusal(405, `this path takes ${allow} only`, { headers: { allow } });
}

/** Sent again with the same Idempotency-Key it answers with the operation as it stands then. */
async function redeployApplication({ desk, signIn: { actor }, request, segment, globalIdOf }: Call): Promise<Reply> {
  const applicationName = decodeSegment(segment, 'name');
  const requestId = readIdempotencyKey(request);
  const body = await readRedeployBody(request);
  const operation = operationRowOf(await perform(desk, actor, redeploy, { ...body, applicationName, requestId }));
  const { id } = operation;
  return {
    status: 202,
    headers: { location: `/v1/operations/${id}` },
    body: operationResource(operation, globalIdOf(id)),
  };
}

async function showOperation({ desk, signIn: { actor }, segment, globalIdOf }: Call): Promise<Reply> {
  const id = decodeSegment(segment, 'id');
  const operation = await findOperation(desk, actor, id);
  return { status: 200, body: operationResource(operation, globalIdOf(id)) };
}
