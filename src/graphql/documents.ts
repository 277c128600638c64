import { type DocumentNode, GraphQLError, parse, type Source } from 'graphql';

/** Several times what a sensible document has; keeps a nested one from the end of the parser's stack. */
const mostTokens = 2_000;

/** The one way to parse what a client sent. Throws GraphQLError. */
export function parseDocument(source: string | Source): DocumentNode {
  try {
    return parse(source, { maxTokens: mostTokens });
  } catch (error) {
    if (error instanceof RangeError) throw new GraphQLError('the document is nested too deeply');
    throw error;
  }
}
