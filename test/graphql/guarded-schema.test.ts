import { defaultFieldResolver, extendSchema, type GraphQLField, isInterfaceType, isObjectType, parse } from 'graphql';
import { describe, expect, test } from 'vitest';
import { linkRules, objectRules, rootRules } from '../../src/graphql/access.ts';
import { builder } from '../../src/graphql/builder.ts';
import { readPlainConnections } from '../../src/graphql/connections.ts';
import { guardedSchema } from '../../src/graphql/guarded-schema.ts';
import { schema } from '../../src/graphql/schema.ts';

/** Nobody has said for whom these are. */
const unruled: [what: string, sdl: string, named: string][] = [
  ['a query', 'extend type Query { salaries: String }', 'Query.salaries'],
  ['a mutation', 'extend type Mutation { dropEverything: Boolean }', 'Mutation.dropEverything'],
  ['a subscription', 'extend type Subscription { keystrokes: String }', 'Subscription.keystrokes'],
  ['an object', 'type Salary { amount: Int } extend type Viewer { salary: Salary }', 'Viewer.salary, Salary'],
  ['a link to what has a rule of its own', 'extend type Approval { ticket: Ticket }', 'Approval.ticket'],
  ['a page of it', 'extend type Application { tickets: TicketConnection }', 'Application.tickets'],
  ['a list of it', 'extend type Viewer { records: [AuditRecord!] }', 'Viewer.records'],
  ['a link to one kind of it', 'extend type Viewer { last: TicketApproved }', 'Viewer.last'],
];

describe('the schema cannot be built with', () => {
  test.for(unruled)('%s for which nobody is named', ([, sdl, named]) => {
    const extended = extendSchema(builder.toSchema(), parse(sdl));
    expect(() => guardedSchema(extended)).toThrow(`access.ts says of nobody that they may have ${named}`);
  });

  test.for([
    ['a field', rootRules.Query, 'Query.gone'],
    ['an object', objectRules, 'gone'],
    ['a link', linkRules, 'gone'],
  ] as const)('a rule of %s that is gone', ([, rules, named]) => {
    const table = rules as Record<string, unknown>;
    table['gone'] = table === rootRules.Query ? rootRules.Query['viewer'] : 'nobody';
    try {
      expect(() => guardedSchema(builder.toSchema())).toThrow(/says of nobody|for what there is not/);
      expect(() => guardedSchema(builder.toSchema())).toThrow(named);
    } finally {
      delete table['gone'];
    }
  });
});

const fields = Object.values(schema.getTypeMap()).flatMap((type) =>
  isObjectType(type) || isInterfaceType(type)
    ? Object.values(type.getFields()).map((field) => ({ name: `${type.name}.${field.name}`, field }))
    : [],
);
const descriptionOf = (name: string) => fields.find((one) => one.name === name)!.field.description;

test('every rule stands in the description of what it is for', () => {
  for (const [type, rules] of Object.entries(rootRules)) {
    for (const [name, rule] of Object.entries(rules)) {
      expect(descriptionOf(`${type}.${name}`)).toContain(` For ${rule.for}.`);
    }
  }
  for (const [name, readers] of Object.entries(linkRules)) expect(descriptionOf(name)).toContain(` For ${readers}.`);
  for (const [name, readers] of Object.entries(objectRules)) {
    expect(schema.getType(name)?.description).toContain(` Read by ${readers}.`);
  }
});

test('what is read with its object costs nothing more than before', () => {
  const unguarded = readPlainConnections(builder.toSchema());
  const resolverOf = (field: GraphQLField<unknown, unknown> | undefined) =>
    String(field?.resolve ?? defaultFieldResolver);
  const changed = fields.filter(({ name, field }) => {
    const [type = '', own = ''] = name.split('.');
    const before = unguarded.getType(type);
    if (type.startsWith('__') || !(isObjectType(before) || isInterfaceType(before))) return false;
    return resolverOf(field) !== resolverOf(before.getFields()[own]);
  });
  const guarded = Object.entries(rootRules).flatMap(([type, rules]) =>
    Object.entries(rules).flatMap(([name, { may }]) => (may ? [`${type}.${name}`] : [])),
  );
  expect(changed.map(({ name }) => name).toSorted()).toEqual(guarded.toSorted());
});
