import {
  type DocumentNode,
  GraphQLError,
  NoSchemaIntrospectionCustomRule,
  parse,
  type Source,
  specifiedRules,
  validate,
} from 'graphql';
import { measureDocument, type Measures } from './document-measures.ts';
import { schema } from './schema.ts';

/** The most that one operation of a document may have. */
export type DocumentLimits = Measures & { introspection: boolean };

/** Several times what a sensible document has; keeps a nested one from the end of the parser's stack. */
const mostTokens = 2_000;

const words: Record<keyof Measures, string> = {
  levels: 'levels of nested fields',
  rootFields: 'fields at its root',
  aliases: 'aliases',
  fields: 'fields',
  nodes: 'objects from nested lists',
};

/** The one way to parse what a client sent. Throws GraphQLError. */
export function parseDocument(source: string | Source): DocumentNode {
  try {
    return parse(source, { maxTokens: mostTokens });
  } catch (error) {
    if (error instanceof RangeError) throw new GraphQLError('the document is nested too deeply');
    throw error;
  }
}

/** Longer ones, and more of them, are parsed anew each time. */
const longestKept = 8_000;
const mostKept = 100;

/** Documents that were parsed and found to be right: in an incident everybody sends the same one. */
export class CheckedDocuments {
  private readonly limits: DocumentLimits;
  private readonly known = new Map<string, DocumentNode>();

  constructor(limits: DocumentLimits) {
    this.limits = limits;
  }

  /** The document, or what is wrong with it. */
  check(source: string): DocumentNode | readonly GraphQLError[] {
    const known = this.known.get(source);
    if (known) return known;
    try {
      const document = parseDocument(source);
      const faults = documentFaults(document, this.limits);
      if (faults.length > 0) return faults;
      if (source.length <= longestKept) this.keep(source, document);
      return document;
    } catch (error) {
      if (error instanceof GraphQLError) return [error];
      throw error;
    }
  }

  private keep(source: string, document: DocumentNode): void {
    if (this.known.size >= mostKept) this.known.delete(this.known.keys().next().value!);
    this.known.set(source, document);
  }
}

/** The one way to validate what was parsed. Measured first: rules may take long over what is too large. */
export function documentFaults(document: DocumentNode, limits: DocumentLimits): readonly GraphQLError[] {
  const measures = measureDocument(schema, document);
  const tooMuch = (Object.keys(words) as (keyof Measures)[]).filter((name) => measures[name] > limits[name]);
  if (tooMuch.length > 0) {
    return tooMuch.map(
      (name) =>
        new GraphQLError(`the document has ${measures[name]} ${words[name]}, at most ${limits[name]} are allowed`),
    );
  }
  if (limits.introspection) return validate(schema, document);
  // Suggestions would tell the schema name by name.
  return validate(schema, document, [...specifiedRules, NoSchemaIntrospectionCustomRule], { hideSuggestions: true });
}
