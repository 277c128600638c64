import SchemaBuilder from '@pothos/core';
import RelayPlugin from '@pothos/plugin-relay';
import { GraphQLError, Kind, valueFromASTUntyped } from 'graphql';
import { instantText, parseInstant } from '../domain/instants.ts';
import type { Context } from './context.ts';

export const builder = new SchemaBuilder<{
  Context: Context;
  DefaultFieldNullability: false;
  Scalars: {
    DateTime: { Input: Date; Output: Date };
    ID: { Input: string; Output: string | number };
    JSONObject: { Input: object; Output: object };
  };
}>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: {
    clientMutationId: 'omit',
    cursorType: 'String',
    nodeQueryOptions: {
      description: 'Any object by its id; null with NOT_FOUND for unknown ids.',
      args: { id: { description: "The object's id." } },
    },
    nodesQueryOptions: false,
    nodeTypeOptions: { description: 'An object with an id of its own.' },
    idFieldOptions: { description: 'Its id, unique among all objects; opaque.' },
    pageInfoTypeOptions: { description: 'Where a page stands in its list.' },
    hasNextPageFieldOptions: { description: 'Whether more follow behind endCursor.' },
    hasPreviousPageFieldOptions: { description: 'Whether more stand before startCursor.' },
    startCursorFieldOptions: { description: "The first edge's cursor; null where the page is empty." },
    endCursorFieldOptions: { description: "The last edge's cursor; null where the page is empty." },
    pageInfoFieldOptions: { description: 'Where this page stands in the list.' },
    edgesFieldOptions: { description: 'What is on this page, in the order of the list.' },
    nodeFieldOptions: { description: 'The object itself.' },
    cursorFieldOptions: { description: 'Its place in the list, for after and before; opaque.' },
    firstArgOptions: { description: 'How many from the start, at most 100; 20 where neither first nor last is given.' },
    lastArgOptions: { description: 'How many from the end, at most 100.' },
    afterArgOptions: { description: 'Only what stands behind this cursor.' },
    beforeArgOptions: { description: 'Only what stands before this cursor.' },
  },
});

builder.scalarType('DateTime', {
  description: 'An instant in ISO 8601, UTC, with milliseconds, such as 2025-08-22T10:15:00.000Z.',
  serialize: instantText,
  parseValue: (value) => {
    const at = typeof value === 'string' ? parseInstant(value) : null;
    if (!at) throw new GraphQLError('must be an instant in ISO 8601');
    return at;
  },
});

builder.scalarType('JSONObject', {
  description: 'A JSON object, as it stands.',
  parseValue: (value) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
    throw new GraphQLError('must be a JSON object');
  },
  parseLiteral: (node, variables) => {
    if (node.kind === Kind.OBJECT) return valueFromASTUntyped(node, variables) as object;
    throw new GraphQLError('must be a JSON object');
  },
});

builder.queryType({
  description:
    'What can be read. Everything needs a sign-in; UNAUTHENTICATED otherwise. Each field says for whom it is, each object who reads it; whatever else an object holds is read with it.',
});
builder.mutationType({
  description:
    'What can be done. Each takes one input and returns the object that it changed; a refusal changes nothing and is recorded. Everything needs a sign-in (UNAUTHENTICATED otherwise), INVALID_INPUT names what is wrong with the input, UNAVAILABLE says that PostgreSQL is away.',
});
builder.subscriptionType({
  description:
    'What can be watched live, over graphql-ws or as server-sent events. Everything needs a sign-in, and ends with it: roles and groups hold as long as the sign-in token does, ownership as long as it stands in the registry.',
});
