import {
  getNamedType,
  type GraphQLField,
  type GraphQLNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
  type GraphQLInterfaceType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditKindLevels, auditKinds } from '../../src/domain/audit-facts.ts';
import { schema } from '../../src/graphql/schema.ts';
import { openTestServices, type TestServices } from '../support/service.ts';
import { type Name, type Placed, Story } from '../support/story.ts';

let services: TestServices;
let story: Story;
/** Of alice, redeployed twice. */
let placed: Placed;
let ticketNo: string;
const operationIds: string[] = [];

beforeAll(async () => {
  services = await openTestServices();
  story = await Story.open(services, await services.start());
  placed = await story.place({ tags: { env: 'production' } });
  ticketNo = await story.authorized(placed.applicationName);
  for (let times = 0; times < 2; times += 1) operationIds.unshift(await story.completed(placed.applicationName));
});
afterAll(() => services.close());

/** Every field of a type but what the clock changes, with those of the objects that it holds, to this depth. */
function selectionOf(type: GraphQLNamedType, depth: number): string {
  if (isLeafType(type)) return '';
  if (isAbstractType(type)) return '{ __typename id }';
  if (!isObjectType(type)) throw new Error(`${type.name} is no output`);
  const fields = Object.values(type.getFields()).filter(({ name }) => name !== 'secondsRemaining');
  const selected = fields.map((field) => {
    const named = getNamedType(field.type);
    if (isLeafType(named)) return field.name;
    const deeper = /(Connection|Edge)$/.test(named.name) ? depth : depth - 1;
    return deeper < 0 ? '' : `${field.name}${argumentsOf(field)} ${selectionOf(named, deeper)}`;
  });
  return `{ __typename ${selected.join(' ')} }`;
}
const argumentsOf = ({ args }: GraphQLField<unknown, unknown>): string => {
  const names = args.map(({ name }) => name);
  if (names.includes('from')) return '(from: "2025-01-01T00:00:00Z", to: "2025-02-01T00:00:00Z")';
  return names.includes('first') ? '(first: 10)' : '';
};
const whole = (type: string): string => selectionOf(schema.getType(type)!, 2);

describe('who may read what', () => {
  const readers: Name[] = ['alice', 'carol', 'frank', 'grace'];
  const global = (type: string, id: string): string => Buffer.from(`${type}:${id}`).toString('base64');

  /** Each by itself and as a node; the fields are all that the type has. */
  const things: { what: string; query: () => string; variables: () => object }[] = [
    {
      what: 'ticket',
      query: () => `query ($it: String!) { it: ticket(ticketNo: $it) ${whole('Ticket')} }`,
      variables: () => ({ it: ticketNo }),
    },
    {
      what: 'ticket as a node',
      query: () => `query ($it: ID!) { it: node(id: $it) { ... on Ticket ${whole('Ticket')} } }`,
      variables: () => ({ it: global('Ticket', ticketNo) }),
    },
    {
      what: 'application',
      query: () => `query ($it: String!) { it: application(name: $it) ${whole('Application')} }`,
      variables: () => ({ it: placed.applicationName }),
    },
    {
      what: 'application as a node',
      query: () => `query ($it: ID!) { it: node(id: $it) { ... on Application ${whole('Application')} } }`,
      variables: () => ({ it: global('Application', placed.applicationName) }),
    },
    {
      what: 'operation',
      query: () => `query ($it: ID!) { it: operation(id: $it) ${whole('RedeployOperation')} }`,
      variables: () => ({ it: operationIds[0] }),
    },
    {
      what: 'operation by its UUID',
      query: () => 'query ($it: ID!) { it: operation(id: $it) { id } }',
      variables: () => ({ it: Buffer.from(operationIds[0]!, 'base64').toString().split(':')[1] }),
    },
    {
      what: 'operation as a node',
      query: () => `query ($it: ID!) { it: node(id: $it) { ... on RedeployOperation ${whole('RedeployOperation')} } }`,
      variables: () => ({ it: operationIds[0] }),
    },
  ];

  test.for(things)(
    'a $what is read whole by its person, APPROVER, AUDITOR and ADMIN, and NOT_FOUND for others',
    async ({ query, variables }) => {
      const answers = await Promise.all(readers.map((name) => story.ask(name, query(), variables())));
      for (const { errors, data } of answers) {
        expect(errors).toEqual([]);
        expect(data?.['it']).toEqual(answers[0]!.data!['it']);
        expect(data?.['it']).not.toBeNull();
      }
      const { data, errors } = await story.ask('bob', query(), variables());
      expect(data).toEqual({ it: null });
      expect(errors).toMatchObject([{ path: ['it'], extensions: { code: 'NOT_FOUND' } }]);
    },
  );

  test('what is hidden is refused in the very words of what does not exist', async () => {
    const query = 'query ($no: String!) { ticket(ticketNo: $no) { ticketNo } }';
    const hidden = await story.refusal('bob', query, { no: ticketNo });
    const missing = await story.refusal('bob', query, { no: 'zzzz9999' });
    expect(hidden.message.replace(ticketNo, 'zzzz9999')).toBe(missing.message);
  });

  test("someone else's token is shown to those who may know of it, to others there is none", async () => {
    const query =
      'query ($of: String!) { token(applicationName: $of, username: "alice") { valid ticketNo expires ticketId } }';
    for (const name of readers) {
      expect(await story.get(name, query, { of: placed.applicationName })).toMatchObject({
        token: { valid: true, ticketNo },
      });
    }
    expect(await story.get('bob', query, { of: placed.applicationName })).toEqual({
      token: { valid: false, ticketNo: null, expires: null, ticketId: null },
    });
  });

  test('"no token" is a value', async () => {
    const query =
      'query ($of: String!) { token(applicationName: $of) { valid desc ticketNo expires secondsRemaining username } }';
    expect(await story.get('bob', query, { of: placed.applicationName })).toEqual({
      token: {
        valid: false,
        desc: `bob has no token for ${placed.applicationName}`,
        ticketNo: null,
        expires: null,
        secondsRemaining: 0,
        username: 'bob',
      },
    });
  });

  const lists = ['tickets', 'applications', 'operations', 'tokens'];
  test.for(lists)('%s show alice what is hers, bob nothing of it, and the others all', async (list) => {
    const query = `{ ${list}(first: 10) { edges { node { __typename } } } }`;
    type Page = Record<string, { edges: unknown[] }>;
    const counts = await Promise.all(
      (['alice', 'bob', 'carol', 'frank', 'grace'] as const).map(async (name) => {
        const page = await story.get<Page>(name, query);
        return page[list]!.edges.length;
      }),
    );
    const [ofAlice] = counts;
    expect(ofAlice).toBeGreaterThan(0);
    expect(counts).toEqual([ofAlice, 0, ofAlice, ofAlice, ofAlice]);
  });

  test('the record as a whole is for AUDITOR and ADMIN', async () => {
    const query = '{ auditRecords(first: 1) { edges { node { kind } } } }';
    for (const name of ['frank', 'grace'] as const) {
      expect(await story.get(name, query)).toMatchObject({ auditRecords: { edges: [{}] } });
    }
    for (const name of ['alice', 'bob', 'carol'] as const) {
      expect(await story.refusal(name, query)).toMatchObject({ code: 'FORBIDDEN' });
    }
  });
});

describe('the record, kind by kind', () => {
  /** Every property that some kind has. */
  const data = {
    category: 'BUG_FIX',
    reason: 'why',
    applications: ['web'],
    approvals: 1,
    approvalsRequired: 2,
    comment: 'go',
    result: 'SUCCEEDED',
    summary: 'well',
    businessTags: [{ tagKey: 'env', tagValue: 'production' }],
    isNew: true,
    manifestHash: 'abc',
    imageRepositories: ['mirror/web'],
    change: 'app=web:v2',
    verdict: 'TIMED_OUT',
    targets: [
      {
        cluster: 'main',
        clusterUid: 'uid',
        namespace: 'production',
        deploymentName: 'web',
      },
    ],
    owners: { users: ['alice'], groups: [] },
    expectedEffect: 'no more 500',
    rollbackPlan: 'undo',
    decideBy: '2025-08-23T10:00:00.000Z',
    expires: '2025-08-22T12:00:00.000Z',
    user: 'alice',
    type: 'RESTART',
    deploymentName: 'web',
    strategy: 'RollingUpdate',
    previousImage: 'web:v1',
    previousReplicas: 3,
    currentImage: 'web:v1',
    currentReplicas: 3,
    status: 'PROGRESSING',
    errorMessage: 'wrong',
    durationSeconds: 210,
    follower: 'replica-1',
    fence: 2,
    generation: 5,
    resourceVersion: '501',
    restartedAt: '2025-08-22T10:00:00Z',
    replicaSet: 'web-abc',
    revision: 5,
    newPods: ['web-1'],
    terminatedPods: ['web-0'],
    newPodCount: 1,
    terminatedPodCount: 1,
    desired: 3,
    updated: 3,
    ready: 3,
    available: 3,
    old: 0,
    request: 'redeploy',
    code: 'FORBIDDEN',
    count: 2,
    clientAddress: '192.0.2.1',
    policy: { policies: [], breakGlassAfterMinutes: 15 },
    policyHash: 'abc',
    groups: ['sre'],
    missing: ['1 approver'],
    runningTicketNo: 'b2c3d4e5',
    uses: 3,
    resourceVersionBefore: '500',
    imageBefore: 'web:v1',
    imageAfter: 'web:v2',
    registrationBefore: {
      businessTags: [{ tagKey: 'env', tagValue: 'production' }],
      owners: { users: ['alice'], groups: [] },
      targets: [{ cluster: 'main', clusterUid: 'uid', namespace: 'production', deploymentName: 'web' }],
      imageRepositories: ['mirror/web'],
      manifestHash: 'abc',
    },
    records: 7,
    throughRecord: 7,
    throughSeal: 1,
    recordedBefore: '2025-01-01T00:00:00.000Z',
    by: 'cratos_owner',
    keyId: 'abc',
    previousKeyId: 'abd',
    exportId: 'e-1',
    format: 'csv',
    filter: { username: 'alice' },
    after: '41',
    lastId: '99',
    rows: 58,
    isComplete: true,
  };
  const common = schema.getType('AuditRecord') as GraphQLInterfaceType;
  const types = schema.getPossibleTypes(common);
  /** Under names of their own: the same name may be nullable in one kind and not in another. */
  const fragments = types
    .map((type) => {
      const own = Object.values(type.getFields()).filter(({ name }) => !(name in common.getFields()));
      const fields = own.map(
        ({ name, type: of }) => `own_${type.name}_${name}: ${name} ${selectionOf(getNamedType(of), 1)}`,
      );
      return `... on ${type.name} { __typename ${fields.join(' ')} }`;
    })
    .join(' ');

  test('every kind has a type, whose own fields are read with a typed fragment', async () => {
    for (const kind of auditKinds) {
      await services.sql(
        `insert into audit_record (level, kind, at, message, data, hash)
         values (?, ?, '2020-01-01', 'made up', ?::jsonb, 'made up')`,
        [auditKindLevels[kind], kind, JSON.stringify(data)],
      );
    }
    const query = `{ auditRecords(first: 100, filter: { before: "2021-01-01T00:00:00Z" }) { edges { node { kind level message hash ${fragments} } } } }`;
    type Records = { auditRecords: { edges: { node: Record<string, unknown> & { kind: string; level: string } }[] } };
    const { auditRecords } = await story.get<Records>('frank', query);
    const records = auditRecords.edges.map(({ node }) => node);
    expect(records.map(({ kind }) => kind).toSorted()).toEqual(auditKinds.toSorted());
    expect(new Set(records.map(({ __typename }) => __typename))).toEqual(new Set(types.map(({ name }) => name)));
    for (const record of records) {
      const own = Object.entries(record).filter(([name]) => name.startsWith('own_'));
      const values = Object.fromEntries(own.map(([name, value]) => [name.split('_').at(-1)!, value]));
      const expected = Object.fromEntries(Object.entries(data).filter(([name]) => name in values));
      expect({ kind: record.kind, ...values }).toMatchObject({ kind: record.kind, ...expected });
      expect(Object.values(values)).not.toContain(null);
    }
  });

  test("a ticket's own story is read with the same fragments", async () => {
    const query = `query ($no: String!) { ticket(ticketNo: $no) { auditTrail(first: 100) { edges { node { kind ${fragments} } } } } }`;
    type Trail = { ticket: { auditTrail: { edges: { node: Record<string, unknown> }[] } } };
    const { ticket } = await story.get<Trail>('alice', query, { no: ticketNo });
    const records = ticket.auditTrail.edges.map(({ node }) => node);
    expect(records[0]).toMatchObject({
      kind: 'TICKET_CREATE',
      __typename: 'TicketCreated',
      own_TicketCreated_category: 'BUG_FIX',
      own_TicketCreated_applications: [placed.applicationName],
    });
    expect(records.find(({ kind }) => kind === 'POD_CHANGES')).toMatchObject({
      own_PodsChanged_newPodCount: 2,
      own_PodsChanged_terminatedPodCount: 2,
    });
  });
});
