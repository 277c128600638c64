import { randomUUID } from 'node:crypto';
import type { AccessWorld, Situation, TicketKind } from './access-world.ts';
import { openEventStream } from './event-stream.ts';
import { redeployPath } from './rest.ts';
import { watch } from './rollout-watch.ts';
import { ask } from './service.ts';
import { until } from './wait.ts';

type Asked = { world: AccessWorld; token: string | null; situation: Situation };

/** A request of one field or call, as one person in one situation; answers in a word of docs/access.md. */
export type Subject = {
  /** What it would change, and needs anew where it does: a ticket, or an application. */
  changes?: TicketKind | 'application';
  answer: (asked: Asked) => Promise<string>;
};

type Data = Record<string, unknown>;
type Variables = (situation: Situation) => object;

/** Asks for one root field, which the document calls `it`; `read` makes a word of what it holds. */
const field =
  (
    signature: string,
    document: string,
    variables: Variables = () => ({}),
    read: (it: Data, situation: Situation) => string = () => 'yes',
  ): Subject['answer'] =>
  async ({ world, token, situation }) => {
    const { data, errors } = await ask(world.replica, token, `${signature} { it: ${document} }`, variables(situation));
    const [error] = errors;
    if (!error) return read(data!['it'] as Data, situation);
    const code = String(error.extensions['code']);
    // Nobody's right answer: whoever sees it wants to know what was away.
    return code === 'UNAVAILABLE' ? `${code}: ${error.message}` : code;
  };

const ofName: Variables = ({ applicationName }) => ({ name: applicationName });
const ofTicket: Variables = ({ tickets }) => ({ no: tickets.authorized });
const ofOperation: Variables = ({ operationId }) => ({ id: globalId('RedeployOperation', operationId) });
const globalId = (type: string, id: string): string => Buffer.from(`${type}:${id}`).toString('base64');

const ticketWith = (selection: string, read?: (it: Data) => string): Subject => ({
  answer: field('query ($no: String!)', `ticket(ticketNo: $no) { ${selection} }`, ofTicket, read),
});
const operationWith = (selection: string): Subject => ({
  answer: field('query ($id: ID!)', `operation(id: $id) { ${selection} }`, ofOperation),
});
const node = (type: string, id: (situation: Situation) => string): Subject => ({
  answer: field('query ($id: ID!)', 'node(id: $id) { id }', (situation) => ({ id: globalId(type, id(situation)) })),
});

/** Whether it holds what is the situation's: told by the name of its application, which is in no other. */
const list = (document: string, nameIn = (it: Data) => it['applicationName']): Subject => ({
  answer: field('query', document, undefined, (it, { applicationName }) => {
    const { edges } = it as { edges: { node: Data }[] };
    return edges.some((edge) => nameIn(edge.node) === applicationName) ? 'listed' : 'left out';
  }),
});

const mutation = (name: string, changes: Subject['changes'], input: Variables): Subject => ({
  ...(changes ? { changes } : {}),
  answer: field(
    `mutation ($input: ${name[0]!.toUpperCase()}${name.slice(1)}Input!)`,
    `${name}(input: $input) { __typename }`,
    (situation) => ({ input: input(situation) }),
  ),
});

type Request = { query: string; variables?: (situation: Situation) => Record<string, unknown> };

/** Of the first that is told, over a connection of its own. */
const overWebSocket =
  ({ query, variables = () => ({}) }: Request): Subject['answer'] =>
  async ({ world, token, situation }) => {
    const one = watch(world.replica, token ?? '', { query, variables: variables(situation) });
    const end = await until('something is told', () => (one.events.length > 0 ? 'yes' : (one.end() ?? undefined)));
    one.unsubscribe();
    if (typeof end === 'string') return end;
    if ('refused' in end) return end.refused;
    return 'closed' in end && end.closed === 4403 ? 'UNAUTHENTICATED' : JSON.stringify(end);
  };

const asEvents =
  ({ query, variables = () => ({}) }: Request): Subject['answer'] =>
  async ({ world, token, situation }) => {
    const stream = openEventStream(world.replica.url, token, { query, variables: variables(situation) });
    const { status } = await stream.begun;
    if (status === 401) return 'UNAUTHENTICATED';
    const first = await until('something is told', () => stream.results[0]);
    stream.terminate();
    return first.errors ? String(first.errors[0]!.extensions?.['code']) : 'yes';
  };

/** The words of several, which should be one. */
const alike = (...answers: Subject['answer'][]): Subject => ({
  answer: async (asked) => {
    const words = await Promise.all(answers.map((answer) => answer(asked)));
    return [...new Set(words)].join(' or ');
  },
});

const subscription = (request: Request): Subject => alike(overWebSocket(request), asEvents(request));

const http =
  (method: 'GET' | 'POST', path: string | ((situation: Situation) => string)): Subject['answer'] =>
  async ({ world, token, situation }) => {
    const url = new URL(typeof path === 'string' ? path : path(situation), world.replica.url);
    const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
    const answer = await fetch(url, { method, headers });
    if (answer.ok) return 'yes';
    const { code, errors } = (await answer.json()) as { code?: string; errors?: { extensions: { code: string } }[] };
    return String(code ?? errors?.[0]?.extensions.code);
  };

const reason = 'nobody of those who decide answers the phone';
const decision =
  (kind: TicketKind, more: object = {}): Variables =>
  ({ tickets }) => ({ ticketNo: tickets[kind], ...more });
const registration = (name: string) => ({
  name,
  owners: { users: ['otto'] },
  targets: [{ namespace: 'default', deploymentName: name }],
});

export const subjects: Record<string, Subject> = {
  'Query.viewer': { answer: field('query', 'viewer { username }') },
  'Query.application': { answer: field('query ($name: String!)', 'application(name: $name) { name }', ofName) },
  'Query.applications': list('applications(first: 100) { edges { node { name } } }', (it) => it['name']),
  'Query.rolloutHistory': {
    answer: field('query ($name: String!)', 'rolloutHistory(applicationName: $name) { revision }', ofName),
  },
  'Query.ticket': ticketWith('ticketNo'),
  'Query.operation': operationWith('id'),
  'Query.tickets': list(
    'tickets(first: 100) { edges { node { entries { applicationName } } } }',
    (it) => (it['entries'] as Data[])[0]!['applicationName'],
  ),
  'Query.operations': list('operations(first: 100) { edges { node { applicationName } } }'),
  'Query.tokens': list('tokens(first: 100) { edges { node { applicationName } } }'),
  'Query.token': {
    answer: field(
      'query ($name: String!, $username: String!)',
      'token(applicationName: $name, username: $username) { valid ticketNo }',
      ({ applicationName, requester }) => ({ name: applicationName, username: requester }),
      (it) => (it['valid'] ? 'yes' : it['ticketNo'] === null ? 'none' : 'too much'),
    ),
  },
  'Query.node of an Application': node('Application', ({ applicationName }) => applicationName),
  'Query.node of a Ticket': node('Ticket', ({ tickets }) => tickets.authorized),
  'Query.node of a RedeployOperation': node('RedeployOperation', ({ operationId }) => operationId),
  'Query.auditVerification': { answer: field('query', 'auditVerification { valid }') },
  'Query.auditRecords': { answer: field('query', 'auditRecords(first: 1) { edges { node { id } } }') },
  'Query.preflight': {
    answer: field(
      'query ($input: RedeployInput!)',
      'preflight(input: $input) { refusal { code } }',
      ({ applicationName }) => ({ input: { applicationName } }),
      (it) => (it['refusal'] ? `says ${(it['refusal'] as Data)['code'] as string}` : 'yes'),
    ),
  },

  'Application.statistics': {
    answer: field(
      'query ($name: String!)',
      'application(name: $name) { statistics(from: "2026-01-01T00:00:00Z", to: "2026-02-01T00:00:00Z") { successRate } }',
      ofName,
    ),
  },
  'AuditRecord.ticket': ticketWith('auditTrail(first: 1) { edges { node { ticket { ticketNo } } } }'),
  'Ticket.auditTrail': ticketWith('auditTrail(first: 1) { edges { node { kind } } }'),
  'Ticket.operations': ticketWith('operations(first: 1) { edges { node { id } } }'),
  'TicketEntry.token': ticketWith('entries { token { valid } }'),
  'TicketEntry.application': ticketWith('entries { application { name } }', (it) =>
    (it['entries'] as Data[])[0]!['application'] === null ? 'null' : 'yes',
  ),
  'RedeployOperation.events': operationWith('events(first: 1) { edges { node { sequence } } }'),
  'RedeployOperation.ticket': operationWith('ticket { ticketNo }'),

  'Mutation.createTicket': mutation('createTicket', undefined, ({ applicationName }) => ({
    workOrderKey: 'APPLICATION_REDEPLOY',
    category: 'BUG_FIX',
    reason: 'it answers 500',
    entries: [{ detail: { applicationName } }],
  })),
  'Mutation.approve': mutation('approve', 'pending', decision('pending')),
  'Mutation.reject': mutation('reject', 'pending', decision('pending')),
  'Mutation.cancelTicket': mutation('cancelTicket', 'pending', decision('pending')),
  'Mutation.completeTicket': mutation('completeTicket', 'authorized', decision('authorized')),
  'Mutation.redeploy': mutation('redeploy', 'authorized', ({ applicationName }) => ({ applicationName })),
  'Mutation.revokeToken': mutation('revokeToken', 'authorized', ({ applicationName, requester }) => ({
    applicationName,
    username: requester,
    reason,
  })),
  'Mutation.breakGlass': mutation('breakGlass', 'pending', decision('pending', { reason })),
  'Mutation.reviewBreakGlass': mutation('reviewBreakGlass', 'broken', decision('broken', { comment: 'it was right' })),
  'Mutation.registerApplication': mutation('registerApplication', undefined, () =>
    registration(`new-${randomUUID().slice(0, 8)}`),
  ),
  'Mutation.unregisterApplication': mutation('unregisterApplication', 'application', ofName),

  'Subscription.rolloutStatus': subscription({
    query: 'subscription ($id: ID!) { rolloutStatus(operationId: $id) { sequence } }',
    variables: ({ operationId }) => ({ id: operationId }),
  }),
  'Subscription.ticketChanged of one ticket': subscription({
    query: 'subscription ($no: String!) { ticketChanged(ticketNo: $no) { ticketNo } }',
    variables: ({ tickets }) => ({ no: tickets.authorized }),
  }),

  'POST /v1/applications/{name}/redeploy': {
    changes: 'authorized',
    answer: http('POST', ({ applicationName }) => redeployPath(applicationName)),
  },
  'GET /v1/operations/{id}': { answer: http('GET', ({ operationId }) => `/v1/operations/${operationId}`) },
  'GET /v1/audit-records.ndjson': { answer: http('GET', '/v1/audit-records.ndjson') },
  'GET /v1/audit-records.csv': { answer: http('GET', '/v1/audit-records.csv') },
  'GET /v1/openapi.json': { answer: http('GET', '/v1/openapi.json') },
  '/v1 with any other path': { answer: http('GET', ({ applicationName }) => `/v1/${applicationName}`) },
  '/graphql by GET and POST': alike(
    http('GET', `/graphql?query=${encodeURIComponent('{ __typename }')}`),
    field('query', 'viewer { username }'),
  ),
  '/graphql by WebSocket': { answer: overWebSocket({ query: '{ viewer { username } }' }) },
  '/livez': { answer: http('GET', '/livez') },
  '/readyz': { answer: http('GET', '/readyz') },
  '/startupz': { answer: http('GET', '/startupz') },
};
