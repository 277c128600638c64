import SchemaBuilder from '@pothos/core';
import RelayPlugin from '@pothos/plugin-relay';
import { GraphQLError } from 'graphql';
import type { Context } from './context.ts';

export const builder = new SchemaBuilder<{
  Context: Context;
  DefaultFieldNullability: false;
  Scalars: {
    DateTime: { Input: Date; Output: Date };
    ID: { Input: string; Output: string | number };
  };
}>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: {
    clientMutationId: 'omit',
    cursorType: 'String',
    nodeQueryOptions: { description: 'Any object by its id. Null with NOT_FOUND for what the viewer may not know of.' },
    nodesQueryOptions: false,
    nodeTypeOptions: { description: 'An object with an id of its own.' },
    pageInfoTypeOptions: { description: 'Where a page stands in its list.' },
  },
});

builder.scalarType('DateTime', {
  description: 'An instant in ISO 8601, UTC, with milliseconds, such as 2025-08-22T10:15:00.000Z.',
  serialize: (value) => value.toISOString(),
  parseValue: (value) => {
    const at = typeof value === 'string' ? new Date(value) : null;
    if (!at || Number.isNaN(at.getTime())) throw new GraphQLError('must be an instant in ISO 8601');
    return at;
  },
});

builder.queryType({ description: 'What can be read. Everything needs a sign-in; UNAUTHENTICATED otherwise.' });
builder.mutationType({
  description:
    'What can be done. Each takes one input and returns the object that it changed; a refusal changes nothing and is recorded.',
});
builder.subscriptionType({ description: 'What can be watched live, over graphql-ws.' });
