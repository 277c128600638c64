import type { TypedDocumentString } from '../../src/documents/generated/graphql.ts';

/** What names a document of the project instead of its text. */
export const persistedQuery = ({ __meta__: meta }: Pick<TypedDocumentString<unknown, unknown>, '__meta__'>) => ({
  persistedQuery: { version: 1, sha256Hash: String(meta!['hash']).replace('sha256:', '') },
});
