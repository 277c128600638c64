import { isDeepStrictEqual } from 'node:util';
import { type JsonObject, isJsonObject, textOf } from './json.ts';
import { instant } from './objects.ts';

type Path = readonly string[];

/** Kept by the API server itself, or told apart by a subresource of their own. */
const unmanaged = new Set([
  'kind',
  'apiVersion',
  'status',
  ...['name', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'managedFields'].map(
    (field) => `metadata ${field}`,
  ),
]);

/** What differs, down to what is no map; a list counts as one. */
function* changes(before: JsonObject, after: JsonObject, above: Path = []): Generator<Path> {
  for (const [key, value] of Object.entries(after)) {
    const path = [...above, key];
    const former = before[key];
    if (value === null || unmanaged.has(path.join(' ')) || isDeepStrictEqual(former, value)) continue;
    if (isJsonObject(value) && Object.keys(value).length > 0)
      yield* changes(isJsonObject(former) ? former : {}, value, path);
    else yield path;
  }
}

function withPath(fields: JsonObject, [key = '', ...rest]: Path): JsonObject {
  const below = fields[`f:${key}`];
  return { ...fields, [`f:${key}`]: rest.length === 0 ? {} : withPath(isJsonObject(below) ? below : {}, rest) };
}

function withoutPath(fields: JsonObject, [key = '', ...rest]: Path): JsonObject {
  const { [`f:${key}`]: below, ...others } = fields;
  if (!isJsonObject(below) || rest.length === 0) return others;
  const left = withoutPath(below, rest);
  return Object.keys(left).length === 0 ? others : { ...others, [`f:${key}`]: left };
}

/**
 * metadata.managedFields after this manager wrote the object: what it changed is its own now, and no longer another's.
 * Simpler than in Kubernetes: lists are owned whole, and the controllers are not told of.
 */
export function managedFields(before: JsonObject, after: JsonObject, manager: string): JsonObject[] {
  const entriesOf = ({ metadata }: JsonObject) => (isJsonObject(metadata) ? metadata['managedFields'] : undefined);
  const entries = entriesOf(after) ?? entriesOf(before);
  const known = Array.isArray(entries) ? entries.filter(isJsonObject) : [];
  const changed = [...changes(before, after)];
  if (changed.length === 0) return known;
  const fieldsOf = (entry: JsonObject | undefined): JsonObject =>
    isJsonObject(entry?.['fieldsV1']) ? entry['fieldsV1'] : {};
  const isOwn = (entry: JsonObject) => entry['manager'] === manager && entry['operation'] === 'Update';
  const others = known
    .filter((entry) => !isOwn(entry))
    .map((entry) => ({ ...entry, fieldsV1: changed.reduce(withoutPath, fieldsOf(entry)) }))
    .filter(({ fieldsV1 }) => Object.keys(fieldsV1).length > 0);
  const own = changed.reduce(withPath, fieldsOf(known.find(isOwn)));
  const apiVersion = textOf(after['apiVersion']);
  return [
    ...others,
    { manager, operation: 'Update', apiVersion, time: instant(), fieldsType: 'FieldsV1', fieldsV1: own },
  ];
}

/** Who writes: as the request says, else the program that sends it. */
export const managerOf = (query: URLSearchParams, userAgent = ''): string =>
  (query.get('fieldManager') ?? userAgent.split('/')[0] ?? '').slice(0, 128) || 'unknown';
