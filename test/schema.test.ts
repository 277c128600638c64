import { glob, readFile } from 'node:fs/promises';
import {
  execute,
  getNamedType,
  getNullableType,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLInterfaceType,
  GraphQLObjectType,
  GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  parse,
  printSchema,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { auditKinds } from '../src/domain/audit-facts.ts';
import type { PodFailure, RolloutEvent } from '../src/domain/rollout.ts';
import { schema } from '../src/graphql/schema.ts';

const types = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith('__'));
type Fields = Readonly<Record<string, GraphQLField<unknown, unknown>>>;
const outputFields = (type: GraphQLNamedType | undefined): Fields =>
  isObjectType(type) || isInterfaceType(type) ? type.getFields() : {};
const fieldNames = (name: string): string[] => Object.keys(outputFields(schema.getType(name)));

test('schema.graphql at the top level is what the code says', async () => {
  const file = await readFile(new URL('../schema.graphql', import.meta.url), 'utf8');
  expect(file).toBe(`${printSchema(schema)}\n`);
});

describe('everything is described for its reader', () => {
  type Described = [what: string, description: string | null | undefined];
  const partsOf = (type: GraphQLNamedType): Described[] => [
    [type.name, type.description],
    ...(isEnumType(type) ? type.getValues() : []).map(({ name, description }): Described => [
      `${type.name}.${name}`,
      description,
    ]),
    ...Object.values(isInputObjectType(type) ? type.getFields() : {}).map(({ name, description }): Described => [
      `${type.name}.${name}`,
      description,
    ]),
    ...Object.values(outputFields(type)).flatMap(({ name, description, args }): Described[] => [
      [`${type.name}.${name}`, description],
      ...args.map((arg): Described => [`${type.name}.${name}(${arg.name})`, arg.description]),
    ]),
  ];

  test('types, fields, arguments, input fields and enum values', () => {
    const bare = types.flatMap(partsOf).filter(([, description]) => !description?.trim());
    expect(bare.map(([what]) => what)).toEqual([]);
  });

  test('a field that may be null says what null means, and no list has null among its items', () => {
    const fields = types.flatMap((type) =>
      Object.values(outputFields(type)).map((field) => ({
        what: `${type.name}.${field.name}`,
        type: field.type,
        description: field.description,
      })),
    );
    const unsaid = fields.filter(
      ({ type, description }) => !isNonNullType(type) && !/\bnull\b/i.test(description ?? ''),
    );
    expect(unsaid.map(({ what }) => what)).toEqual([]);
    const withGaps = fields.filter(({ type }) => {
      const list = getNullableType(type);
      return isListType(list) && !isNonNullType(list.ofType);
    });
    expect(withGaps.map(({ what }) => what)).toEqual([]);
  });
});

describe('the names that clients are written against', () => {
  /** The guide's ApplicationRedeployOperationRecord, all 19 of them. */
  const recordNames = `ticketId ticketEntryId username applicationName namespace deploymentName previousImage currentImage
    previousReplicas currentReplicas rolloutStrategy operationStartTime operationEndTime durationSeconds success
    errorMessage rolloutStatus newPods terminatedPods`;

  test('the guide has nineteen names', () => {
    expect(recordNames.split(/\s+/)).toHaveLength(19);
  });

  test.for([
    ['RedeployOperation', recordNames],
    ['RedeployOperation', 'id lastUpdateTime cluster reason revision ticket events failures'],
    ['RedeployToken', 'username applicationName ticketId ticketNo expires valid desc secondsRemaining'],
    ['RolloutStatusEvent', 'sequence operationId status message at replicas newPods terminatedPods failures'],
    ['Replicas', 'desired updated ready available old'],
    ['Ticket', 'ticketId ticketNo workOrderKey status result emergency username reason createdAt entries approvals'],
    ['Ticket', 'operations auditTrail'],
    [
      'TicketEntry',
      'ticketEntryId applicationName businessTags success completed executedAt completedAt errorMessage token',
    ],
    ['BusinessTag', 'tagKey tagValue'],
    ['Approval', 'approver decision comment at'],
    ['AuditRecord', 'id level kind at username ticketNo applicationName message'],
    ['Application', 'id name businessTags owners targets'],
    ['Target', 'cluster namespace deploymentName'],
    ['Query', 'viewer application applications ticket tickets token tokens operation operations auditRecords node'],
    ['Mutation', 'createTicket approve reject cancelTicket completeTicket redeploy revokeToken'],
    ['Mutation', 'registerApplication unregisterApplication breakGlass reviewBreakGlass'],
    ['Subscription', 'rolloutStatus'],
  ] as const)('%s has %s', ([type, names]) => {
    expect(fieldNames(type)).toEqual(expect.arrayContaining(names.split(/\s+/)));
  });

  test.for([
    ['TicketStatus', 'PENDING_APPROVAL APPROVED AUTHORIZED REDEPLOYING COMPLETED REJECTED CANCELLED EXPIRED FAILED'],
    ['TicketResult', 'SUCCEEDED FAILED MIXED UNUSED'],
    ['TicketCategory', 'BUG_FIX CONFIG_CHANGE ROLLBACK SECURITY_PATCH MEMORY_LEAK PERFORMANCE'],
    ['RolloutStatus', 'STARTED PROGRESSING VERIFYING COMPLETED FAILED TIMED_OUT SUPERSEDED'],
    ['RolloutStrategy', 'RollingUpdate Recreate'],
    ['WorkOrderKey', 'APPLICATION_REDEPLOY'],
    ['Role', 'APPLICATION_DEPLOYER APPROVER AUDITOR ADMIN BREAK_GLASS'],
  ] as const)('%s is one of %s', ([name, values]) => {
    const type = schema.getType(name);
    const named = isEnumType(type) ? type.getValues().map((value) => value.name) : [];
    expect(named.sort()).toEqual(values.split(' ').sort());
  });

  test('a ticket is asked for with the detail object of the guide', () => {
    const inputNames = (name: string) => {
      const type = schema.getType(name);
      return isInputObjectType(type) ? Object.keys(type.getFields()).sort() : [];
    };
    expect(inputNames('CreateTicketInput')).toEqual(['category', 'entries', 'reason', 'workOrderKey']);
    expect(inputNames('TicketEntryInput')).toEqual(['detail', 'expectedEffect', 'rollbackPlan']);
    expect(inputNames('ApplicationDetailInput')).toEqual(['applicationName', 'businessTags', 'id', 'name']);
    expect(inputNames('DetailTagInput')).toEqual(['tag']);
    expect(inputNames('BusinessTagInput')).toEqual(['tagKey', 'tagValue']);
  });

  test('each mutation takes one input of its own name', () => {
    const signatures = Object.values(outputFields(schema.getMutationType()!)).map(({ name, args }) => [
      name,
      ...args.map((arg) => `${arg.name}: ${String(arg.type)}`),
    ]);
    expect(signatures).toEqual(
      signatures.map(([name = '']) => [name, `input: ${name[0]!.toUpperCase()}${name.slice(1)}Input!`]),
    );
  });

  test('rolloutStatus is asked for by operation and number', () => {
    const { args } = schema.getSubscriptionType()!.getFields()['rolloutStatus']!;
    expect(args.map(({ name, type }) => `${name}: ${String(type)}`).sort()).toEqual(['after: Int', 'operationId: ID!']);
  });

  test('every kind of audit record is an object type of its own', () => {
    const records = schema.getPossibleTypes(
      schema.getType('AuditRecord') as Parameters<typeof schema.getPossibleTypes>[0],
    );
    expect(records).toHaveLength(auditKinds.length);
  });
});

describe('a rollout event is the same for every subscriber', () => {
  const event: Required<RolloutEvent> = {
    operationId: '0198d0a0-0000-7000-8000-000000000001',
    sequence: 7,
    at: new Date('2025-08-22T10:00:00.000Z'),
    status: 'PROGRESSING',
    message: 'as Kubernetes says',
    replicas: { desired: 5, updated: 4, ready: 2, available: 3, old: 1 },
    newPods: ['web-1'],
    newPodCount: 101,
    terminatedPods: ['web-0'],
    terminatedPodCount: 102,
    failures: [
      {
        pod: 'web-1',
        container: 'web',
        reason: 'CrashLoopBackOff',
        message: 'back-off 10s restarting',
        exitCode: 137,
        restarts: 4,
        isDoomed: true,
      },
    ],
  };

  /** Every field, down to the leaves. */
  function selectAll(type: GraphQLNamedType, within: readonly GraphQLNamedType[] = []): string {
    if (within.includes(type)) throw new Error(`${type.name} leads back to itself`);
    const selections = Object.values(outputFields(type)).map(
      (field) => `${field.name} ${selectAll(getNamedType(field.type), [...within, type])}`,
    );
    return selections.length === 0 ? '' : `{ ${selections.join(' ')} }`;
  }

  test('no resolver of anything that it reaches takes an argument or looks at the context', async () => {
    const type = schema.getType('RolloutStatusEvent') as GraphQLObjectType;
    const query = new GraphQLObjectType({ name: 'Event', fields: { event: { type } } });
    const document = parse(`{ event ${selectAll(type)} }`);
    const ask = (contextValue: unknown) =>
      execute({ schema: new GraphQLSchema({ query }), document, rootValue: { event }, contextValue });
    const anybody = new Proxy(
      {},
      {
        get: (_, key) => {
          throw new Error(`the context's ${String(key)} was looked at`);
        },
      },
    );
    const answer = await ask(undefined);
    expect(answer.errors).toBeUndefined();
    const [{ isDoomed: doomed, ...failure }] = event.failures as [PodFailure];
    expect(answer.data).toMatchObject({
      event: {
        ...event,
        operationId: Buffer.from(`RedeployOperation:${event.operationId}`).toString('base64'),
        at: '2025-08-22T10:00:00.000Z',
        failures: [{ ...failure, doomed }],
      },
    });
    expect(await ask(anybody)).toEqual(answer);
  });
});

test('fields of one name have one type in every kind of audit record, so that one query can ask for them all', () => {
  const typesOf = new Map<string, Set<string>>();
  for (const type of schema.getPossibleTypes(schema.getType('AuditRecord') as GraphQLInterfaceType)) {
    for (const field of Object.values(type.getFields())) {
      typesOf.set(field.name, (typesOf.get(field.name) ?? new Set()).add(String(field.type)));
    }
  }
  expect([...typesOf].filter(([, several]) => several.size > 1)).toEqual([]);
});

test('whatever has a name in the schema is asked for, by that name, in some test', async () => {
  const files = await Array.fromAsync(glob('**/*.ts', { cwd: import.meta.dirname }));
  const texts = await Promise.all(
    files.filter((file) => file !== 'schema.test.ts').map((file) => readFile(new URL(file, import.meta.url), 'utf8')),
  );
  const words = new Set(texts.flatMap((text) => text.match(/\w+/g) ?? []));
  const namesIn = (type: GraphQLNamedType): string[] => [
    ...(isEnumType(type) ? type.getValues() : []).map(({ name }) => name),
    ...Object.keys(isInputObjectType(type) ? type.getFields() : {}),
    ...Object.values(outputFields(type)).flatMap(({ name, args }) => [name, ...args.map((arg) => arg.name)]),
  ];
  const untested = types.flatMap((type) =>
    namesIn(type)
      .filter((name) => !words.has(name))
      .map((name) => `${type.name}.${name}`),
  );
  expect(untested).toEqual([]);
});
