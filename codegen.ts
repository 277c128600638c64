import type { CodegenConfig } from '@graphql-codegen/cli';

/** Types the documents of src/documents against schema.graphql; `npm run codegen` after a change of either. */
const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'src/documents/*.graphql',
  importExtension: '.ts',
  generates: {
    'src/documents/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false, skipIndexFile: true, persistedDocuments: { hashAlgorithm: 'sha256' } },
      config: {
        // A document is a string that knows its types: any client can send it, and none has to bring graphql along.
        documentMode: 'string',
        scalars: { DateTime: 'string', JSONObject: 'Record<string, unknown>' },
        strictScalars: true,
        useTypeImports: true,
      },
    },
  },
};

export default config;
