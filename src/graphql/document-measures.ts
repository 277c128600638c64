import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  type GraphQLField,
  type GraphQLSchema,
  isInterfaceType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { largestPage, standardPage } from './connections.ts';

/** How large one operation is, with each fragment counted wherever it is spread. */
export type Measures = {
  /** How deep fields are nested. */
  levels: number;
  rootFields: number;
  aliases: number;
  fields: number;
  /** Objects that its connections hold at most: pages of pages multiply. */
  nodes: number;
};

const nothing: Measures = { levels: 0, rootFields: 0, aliases: 0, fields: 0, nodes: 0 };

/** The largest of each measure among its operations. Takes any document, also one that is not valid. */
export function measureDocument(schema: GraphQLSchema, document: DocumentNode): Measures {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const node of document.definitions) {
    if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node);
  }
  const walk = new Walk(schema, fragments);
  let largest = nothing;
  for (const node of document.definitions) {
    if (node.kind !== Kind.OPERATION_DEFINITION) continue;
    largest = combine(largest, walk.ofSelections(node.selectionSet, schema.getRootType(node.operation)), Math.max);
  }
  return largest;
}

class Walk {
  private readonly schema: GraphQLSchema;
  private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Measured once, or spreading them again and again would take exponential time. */
  private readonly measured = new Map<string, Measures>();

  constructor(schema: GraphQLSchema, fragments: ReadonlyMap<string, FragmentDefinitionNode>) {
    this.schema = schema;
    this.fragments = fragments;
  }

  ofSelections({ selections }: SelectionSetNode, parent: unknown): Measures {
    let sum = nothing;
    for (const node of selections) {
      if (node.kind === Kind.FIELD) sum = add(sum, this.ofField(node, parent));
      else if (node.kind === Kind.FRAGMENT_SPREAD) sum = add(sum, this.ofFragment(node.name.value));
      else sum = add(sum, this.ofSelections(node.selectionSet, this.typeOf(node.typeCondition?.name.value) ?? parent));
    }
    return sum;
  }

  private ofField(node: FieldNode, parent: unknown): Measures {
    const own = { levels: 1, rootFields: 1, aliases: node.alias ? 1 : 0, fields: 1, nodes: 0 };
    // How deep introspection goes is graphql-js' own rule; tools ask for more levels of ofType than data ever has.
    if (!node.selectionSet || node.name.value.startsWith('__')) return own;
    const field = fieldOf(parent, node.name.value);
    const inner = this.ofSelections(node.selectionSet, field && getNamedType(field.type));
    return {
      levels: 1 + inner.levels,
      rootFields: 1,
      aliases: own.aliases + inner.aliases,
      fields: 1 + inner.fields,
      nodes: field && isConnection(field) ? pageSize(node) * (1 + inner.nodes) : inner.nodes,
    };
  }

  private ofFragment(name: string): Measures {
    const known = this.measured.get(name);
    if (known) return known;
    const fragment = this.fragments.get(name);
    if (!fragment) return nothing;
    this.measured.set(name, nothing); // one within itself is refused by validation
    const measures = this.ofSelections(fragment.selectionSet, this.typeOf(fragment.typeCondition.name.value));
    this.measured.set(name, measures);
    return measures;
  }

  private typeOf(name: string | undefined): unknown {
    return name === undefined ? undefined : this.schema.getType(name);
  }
}

type AnyField = GraphQLField<unknown, unknown>;

const fieldOf = (parent: unknown, name: string): AnyField | undefined =>
  isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined;

const isConnection = ({ args }: AnyField): boolean => args.some(({ name }) => name === 'first' || name === 'last');

/** A variable counts as the largest page, as does what the field itself will refuse. */
function pageSize({ arguments: given = [] }: FieldNode): number {
  const sizes = given.filter(({ name }) => name.value === 'first' || name.value === 'last').map(({ value }) => value);
  const asked = sizes.filter(({ kind }) => kind !== Kind.NULL);
  if (asked.length === 0) return standardPage;
  return Math.max(
    ...asked.map((value) =>
      value.kind === Kind.INT ? Math.min(Math.max(Number(value.value), 0), largestPage) : largestPage,
    ),
  );
}

const add = (one: Measures, other: Measures): Measures => ({
  ...combine(one, other, (a, b) => a + b),
  levels: Math.max(one.levels, other.levels),
});

const combine = (one: Measures, other: Measures, by: (a: number, b: number) => number): Measures => ({
  levels: by(one.levels, other.levels),
  rootFields: by(one.rootFields, other.rootFields),
  aliases: by(one.aliases, other.aliases),
  fields: by(one.fields, other.fields),
  nodes: by(one.nodes, other.nodes),
});
