import { type DefaultConnectionArguments, resolveCursorConnection } from '@pothos/plugin-relay';
import { type GraphQLSchema, isObjectType } from 'graphql';
import { RedeployError } from '../domain/errors.ts';
import type { Page } from '../operations/pages.ts';

/** A keyset page: cursors are the rows' own order keys, so that a deep page costs what the first one does. */
export const keysetConnection = <Row>(
  args: DefaultConnectionArguments,
  cursorOf: (row: Row) => string,
  load: (page: Page) => Promise<Row[]>,
): ReturnType<typeof resolveCursorConnection<Promise<Row[]>>> => {
  requirePageSize(args);
  return resolveCursorConnection<Promise<Row[]>>(
    { args, toCursor: cursorOf, defaultSize: standardPage, maxSize: largestPage },
    ({ before, after, limit, inverted }) => load({ before: before ?? null, after: after ?? null, limit, inverted }),
  );
};

/**
 * Relay's plugin has resolvers for what stands in a connection under the field's own name. Without them it is read where
 * it stands, at no cost of a call and of what the call is told.
 */
export function readPlainConnections(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || !/(Connection|Edge)$/.test(type.name)) continue;
    for (const name of ['edges', 'node', 'pageInfo']) delete type.getFields()[name]?.resolve;
  }
  return schema;
}

export const largestPage = 100;
/** Where neither first nor last is given; Relay's plugin has it so. */
export const standardPage = 20;

function requirePageSize({ first, last }: DefaultConnectionArguments): void {
  for (const [name, size] of [
    ['first', first],
    ['last', last],
  ] as const) {
    if (size == null || (size >= 0 && size <= largestPage)) continue;
    throw new RedeployError('INVALID_INPUT', `${name} must be between 0 and ${largestPage}`, { fields: [name] });
  }
  if (first != null && last != null) {
    throw new RedeployError('INVALID_INPUT', 'give first or last, not both', { fields: ['first', 'last'] });
  }
}
