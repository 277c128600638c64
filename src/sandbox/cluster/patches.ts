import { isDeepStrictEqual } from 'node:util';
import { type Json, type JsonObject, isJsonObject } from './json.ts';
import { badRequest, patchRejected, unsupportedMediaType } from './refusals.ts';
import { strategicMerge } from './strategic-merge.ts';

/** RFC 7386 */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const merged: JsonObject = isJsonObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

type Operation = { op: string; path: string; from?: string; value?: Json };

const segments = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));

function child(parent: Json | undefined, key: string): Json | undefined {
  if (Array.isArray(parent)) return parent[Number(key)];
  return isJsonObject(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined;
}

const at = (document: Json, path: string[]): Json | undefined =>
  path.reduce<Json | undefined>((value, key) => child(value, key), document);

function remove(document: Json, path: string[]): void {
  const parent = at(document, path.slice(0, -1));
  const key = path.at(-1) ?? '';
  if (child(parent, key) === undefined) throw patchRejected();
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else if (isJsonObject(parent)) delete parent[key];
}

function add(document: Json, path: string[], value: Json): void {
  const parent = at(document, path.slice(0, -1));
  const key = path.at(-1) ?? '';
  if (Array.isArray(parent)) {
    const index = key === '-' ? parent.length : Number(key);
    if (!Number.isInteger(index) || index < 0 || index > parent.length) throw patchRejected();
    parent.splice(index, 0, value);
  } else if (isJsonObject(parent)) parent[key] = value;
  else throw patchRejected();
}

function apply(document: Json, { op, path, from, value }: Operation): void {
  const target = segments(path);
  if (target.length === 0) throw patchRejected();
  if (op === 'test') {
    if (!isDeepStrictEqual(at(document, target) ?? null, value ?? null)) throw patchRejected();
  } else if (op === 'remove') remove(document, target);
  else if (op === 'add' && value !== undefined) add(document, target, value);
  else if (op === 'replace' && value !== undefined) {
    remove(document, target);
    add(document, target, value);
  } else if ((op === 'move' || op === 'copy') && from !== undefined) {
    const moved = at(document, segments(from));
    if (moved === undefined) throw patchRejected();
    if (op === 'move') remove(document, segments(from));
    add(document, target, structuredClone(moved));
  } else throw patchRejected();
}

/** RFC 6902 */
export function jsonPatch(document: JsonObject, operations: Json): JsonObject {
  if (!Array.isArray(operations)) {
    throw badRequest('json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  }
  const patched = structuredClone(document);
  for (const operation of operations) {
    if (!isJsonObject(operation) || typeof operation['path'] !== 'string') throw patchRejected();
    apply(patched, structuredClone(operation) as Operation);
  }
  return patched;
}

/** The document as this patch wants it; the document itself stays as it is. */
export function patched(document: JsonObject, contentType: string, patch: Json): JsonObject {
  const type = contentType.split(';')[0]?.trim();
  if (type === 'application/json-patch+json') return jsonPatch(document, patch);
  const merge = {
    'application/merge-patch+json': mergePatch,
    'application/strategic-merge-patch+json': strategicMerge,
  }[type ?? ''];
  if (merge === undefined) throw unsupportedMediaType();
  const result = isJsonObject(patch) ? merge(document, patch) : null;
  if (!isJsonObject(result))
    throw badRequest('json: cannot unmarshal array into Go value of type map[string]interface {}');
  return result;
}
