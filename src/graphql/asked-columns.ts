import {
  type FieldNode,
  getNamedType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { type Columns, columnsNamed } from '../operations/rows.ts';
import { isTrusted } from './trusted-documents.ts';

/*
 * Half of what a page costs is columns that nobody asked for: PostgreSQL writes them, the driver parses them. A field
 * reads the column that it exposes, or those that its `reads` names; one that says neither may read any of them. Only
 * for trusted documents: each choice of columns is a statement of its own, and of those there may only be a few.
 */

type Field = GraphQLField<unknown, unknown>;

const known = new WeakMap<readonly FieldNode[], Columns | undefined>();

/** The columns that the fields asked for read of each row of this field; undefined where it may be any. */
export function askedColumns({
  operation,
  fieldNodes,
  returnType,
  fragments,
}: GraphQLResolveInfo): Columns | undefined {
  if (!isTrusted(operation)) return undefined;
  if (known.has(fieldNodes)) return known.get(fieldNodes);
  const names = new Set<string>();
  const selections = fieldNodes.flatMap(({ selectionSet }) => selectionSet ?? []);
  const type = getNamedType(returnType);
  const isWhole = isObjectType(type) && selections.every((selection) => collect(type, selection, fragments, names));
  const columns = isWhole ? columnsNamed([...names]) : undefined;
  known.set(fieldNodes, columns);
  return columns;
}

/** Adds what is read to the names; false where that cannot be told. */
function collect(
  type: GraphQLObjectType,
  { selections }: SelectionSetNode,
  fragments: GraphQLResolveInfo['fragments'],
  names: Set<string>,
): boolean {
  return selections.every((node) => {
    if (node.kind === Kind.INLINE_FRAGMENT) return collect(type, node.selectionSet, fragments, names);
    if (node.kind === Kind.FRAGMENT_SPREAD) {
      return collect(type, fragments[node.name.value]!.selectionSet, fragments, names);
    }
    if (node.name.value === '__typename') return true;
    const field = type.getFields()[node.name.value];
    if (!field) return false;
    if (/(Connection|Edge)$/.test(type.name)) return isOnTheWay(field) ? within(field, node, fragments, names) : true;
    const read = columnsOf(field);
    for (const name of read ?? []) names.add(name);
    return read !== undefined && (isOfTheRow(field) ? within(field, node, fragments, names) : true);
  });
}

/** From a connection to its rows. */
const isOnTheWay = ({ name }: Field): boolean => name === 'edges' || name === 'node';

function within(
  field: Field,
  { selectionSet }: FieldNode,
  fragments: GraphQLResolveInfo['fragments'],
  names: Set<string>,
): boolean {
  const type = getNamedType(field.type);
  return isObjectType(type) && selectionSet !== undefined && collect(type, selectionSet, fragments, names);
}

function columnsOf({ extensions }: Field): readonly string[] | undefined {
  const { reads, pothosExposedField: exposed } = extensions as {
    reads?: readonly string[];
    pothosExposedField?: string;
  };
  return reads ?? (exposed === undefined ? undefined : [exposed]);
}

const isOfTheRow = ({ extensions }: Field): boolean => extensions['isOfTheRow'] === true;

/** For a field that exposes no column: those of its row that it reads beside what every row has. */
export const reads = <Row>(...columns: readonly (keyof Row & string)[]) => ({ reads: columns });

/** For a field whose own fields read the same row: what it reads beside what they read. */
export const readsWithin = <Row>(...columns: readonly (keyof Row & string)[]) => ({ reads: columns, isOfTheRow: true });
