import { type Json, type JsonObject, isJsonObject } from './json.ts';
import { Refusal } from './refusals.ts';

/** Lists that are merged item by item, and the key that tells the items apart; every other list is replaced whole. */
const mergeKeys: Record<string, string> = {
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  env: 'name',
  ports: 'containerPort',
  volumes: 'name',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  imagePullSecrets: 'name',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
  conditions: 'type',
  containerStatuses: 'name',
  ownerReferences: 'uid',
};
const orderDirective = '$setElementOrder/';
const deletionDirective = '$deleteFromPrimitiveList/';

function keyOf(item: Json, mergeKey: string): Json {
  const key = isJsonObject(item) ? item[mergeKey] : undefined;
  if (key === undefined) {
    throw new Refusal(
      500,
      'InternalError',
      `map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`,
    );
  }
  return key;
}

/** Items that only the server has keep their place; the patch's own come in the patch's order, new ones first. */
function ordered(items: JsonObject[], server: Json[], order: Json[], mergeKey: string): JsonObject[] {
  const place = (list: Json[], item: Json) => list.indexOf(keyOf(item, mergeKey));
  const serverKeys = server.map((item) => keyOf(item, mergeKey));
  const byPatch = items.filter((item) => place(order, item) >= 0).sort((a, b) => place(order, a) - place(order, b));
  const serverOnly = items.filter((item) => place(order, item) < 0);
  const merged: JsonObject[] = [];
  while (serverOnly.length > 0 && byPatch.length > 0) {
    const [left, right] = [serverOnly[0] as JsonObject, byPatch[0] as JsonObject];
    const known = place(serverKeys, left) >= 0 && place(serverKeys, right) >= 0;
    const isLeftNext = known && place(serverKeys, left) < place(serverKeys, right);
    merged.push((isLeftNext ? serverOnly : byPatch).shift() ?? left);
  }
  return [...merged, ...serverOnly, ...byPatch];
}

function mergeList(server: Json[], patch: Json[], order: Json[] | undefined, mergeKey: string): Json[] {
  if (patch.some((item) => isJsonObject(item) && item['$patch'] === 'replace')) {
    return patch.filter((item) => !(isJsonObject(item) && item['$patch'] === 'replace'));
  }
  let items = server.filter(isJsonObject);
  for (const item of patch) {
    const key = keyOf(item, mergeKey);
    const isThis = (other: JsonObject) => other[mergeKey] === key;
    if (!isJsonObject(item)) continue;
    if (item['$patch'] === 'delete') items = items.filter((other) => !isThis(other));
    else if (items.some(isThis)) items = items.map((other) => (isThis(other) ? strategicMerge(other, item) : other));
    else items.push(strategicMerge({}, item));
  }
  const wanted = order?.map((item) => keyOf(item, mergeKey)) ?? patch.map((item) => keyOf(item, mergeKey));
  return ordered(items, server, wanted, mergeKey);
}

function mergeField(merged: JsonObject, patch: JsonObject, key: string, value: Json): void {
  const mergeKey = mergeKeys[key];
  const current = merged[key];
  if (value === null) delete merged[key];
  else if (Array.isArray(value) && mergeKey !== undefined) {
    const order = patch[orderDirective + key];
    merged[key] = mergeList(
      Array.isArray(current) ? current : [],
      value,
      Array.isArray(order) ? order : undefined,
      mergeKey,
    );
  } else if (Array.isArray(value) && key === 'finalizers' && Array.isArray(current)) {
    merged[key] = [...new Set([...current, ...value])];
  } else if (isJsonObject(value)) merged[key] = strategicMerge(isJsonObject(current) ? current : {}, value);
  else merged[key] = value;
}

/** Kubernetes' strategic merge patch, for the fields of Deployments, ReplicaSets and Pods. */
export function strategicMerge(target: Json | undefined, patch: JsonObject): JsonObject {
  const { $patch: directive, $retainKeys: retained, ...fields } = patch;
  if (directive === 'delete') return {};
  const merged: JsonObject = isJsonObject(target) && directive !== 'replace' ? { ...target } : {};
  for (const [key, value] of Object.entries(fields)) {
    const deleted = key.startsWith(deletionDirective) ? key.slice(deletionDirective.length) : undefined;
    if (deleted !== undefined) {
      const list = merged[deleted];
      if (Array.isArray(list) && Array.isArray(value)) merged[deleted] = list.filter((item) => !value.includes(item));
    } else if (!key.startsWith(orderDirective)) mergeField(merged, fields, key, value);
  }
  if (!Array.isArray(retained)) return merged;
  return Object.fromEntries(Object.entries(merged).filter(([key]) => retained.includes(key)));
}
