import type { KubernetesObject, LabelSelector, Resource } from './objects.ts';
import { badRequest } from './refusals.ts';

export type Matches = (object: KubernetesObject) => boolean;
type Requirement = (labels: Record<string, string>) => boolean;

const setRequirement = /^([^\s!=,()]+)\s+(in|notin)\s*\(([^)]*)\)$/;
const equality = /^([^\s!=,()]+)\s*(==|=|!=)\s*([^\s!=,()]*)$/;

function labelRequirement(text: string): Requirement {
  const set = setRequirement.exec(text);
  if (set !== null) {
    const [, key = '', operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    const isIn: Requirement = (labels) => values.includes(labels[key] ?? '\0');
    return operator === 'in' ? isIn : (labels) => !isIn(labels);
  }
  const equal = equality.exec(text);
  if (equal !== null) {
    const [, key = '', operator, value = ''] = equal;
    return operator === '!=' ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  if (/^!\S+$/.test(text)) return (labels) => labels[text.slice(1)] === undefined;
  if (/^[^\s!=,()]+$/.test(text)) return (labels) => labels[text] !== undefined;
  const found = text.split(/\s+/)[1] ?? text;
  throw badRequest(`unable to parse requirement: found '${found}', expected: '=', '!=', '==', 'in', notin'`);
}

function labelMatches(selector: string): Matches {
  // Commas inside parentheses belong to a set.
  const requirements = selector
    .split(/,(?![^(]*\))/)
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map(labelRequirement);
  return ({ metadata }) => requirements.every((requirement) => requirement(metadata.labels ?? {}));
}

type Fields = Record<string, (object: KubernetesObject) => string | undefined>;

const ofMetadata: Fields = {
  'metadata.name': ({ metadata }) => metadata.name,
  'metadata.namespace': ({ metadata }) => metadata.namespace,
};
const ofPod: Fields = {
  'status.phase': (object) => (object.kind === 'Pod' ? object.status.phase : undefined),
  'status.podIP': (object) => (object.kind === 'Pod' ? (object.status.podIP ?? '') : undefined),
};
for (const field of ['nodeName', 'restartPolicy', 'schedulerName', 'serviceAccountName']) {
  ofPod[`spec.${field}`] = (object) =>
    object.kind === 'Pod' ? ((object.spec[field] as string | undefined) ?? '') : undefined;
}
const ofEvent: Fields = {
  source: (object) =>
    object.kind === 'Event' ? ((object['source'] as { component?: string } | undefined)?.component ?? '') : undefined,
};
for (const field of ['reason', 'type', 'reportingComponent'] as const) {
  ofEvent[field] = (object) => (object.kind === 'Event' ? ((object[field] as string | undefined) ?? '') : undefined);
}
for (const field of ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath']) {
  ofEvent[`involvedObject.${field}`] = (object) =>
    object.kind === 'Event' ? (object.involvedObject[field] ?? '') : undefined;
}
/** What Kubernetes can select by; of other kinds only name and namespace. */
const fieldsOf: { [kind: string]: Fields } = {
  Pod: { ...ofMetadata, ...ofPod },
  Event: { ...ofMetadata, ...ofEvent },
  Namespace: {
    ...ofMetadata,
    'status.phase': (object) => (object.kind === 'Namespace' ? object.status.phase : undefined),
  },
};

function fieldMatches({ kind }: Resource, selector: string): Matches {
  const fields = fieldsOf[kind] ?? ofMetadata;
  const requirements = selector
    .split(',')
    .filter((text) => text.trim() !== '')
    .map((text) => {
      const parts = /^\s*([^!=\s]+)\s*(==|=|!=)\s*(.*?)\s*$/.exec(text);
      if (parts === null) throw badRequest(`invalid selector: '${selector}'; can't understand '${text}'`);
      const [, field = '', operator, value] = parts;
      const read = fields[field];
      if (read === undefined) {
        throw badRequest(
          fieldsOf[kind] === undefined
            ? `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
            : `field label not supported: ${field}`,
        );
      }
      return (object: KubernetesObject) => (read(object) === value) === (operator !== '!=');
    });
  return (object) => requirements.every((requirement) => requirement(object));
}

/** What a list or watch asks for with labelSelector and fieldSelector. */
export function matcherOf(resource: Resource, query: URLSearchParams): Matches {
  const byLabel = labelMatches(query.get('labelSelector') ?? '');
  const byField = fieldMatches(resource, query.get('fieldSelector') ?? '');
  return (object) => byLabel(object) && byField(object);
}

export function selects(selector: LabelSelector, labels: Record<string, string> = {}): boolean {
  const expressions = (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels[key];
    if (operator === 'Exists') return value !== undefined;
    if (operator === 'DoesNotExist') return value === undefined;
    const isIn = value !== undefined && values.includes(value);
    return operator === 'In' ? isIn : !isIn;
  });
  return expressions && Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}

/** As `kubectl scale` reads it from the scale subresource. */
export const selectorText = ({ matchLabels = {} }: LabelSelector): string =>
  Object.entries(matchLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
