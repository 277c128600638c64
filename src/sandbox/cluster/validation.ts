import { isDeepStrictEqual } from 'node:util';
import { type Json, type JsonObject, isJsonObject, textOf } from './json.ts';
import type { Deployment, LabelSelector, Resource } from './objects.ts';
import { type Cause, badRequest, invalid } from './refusals.ts';
import { selects } from './selectors.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

const required = (field: string): Cause => ({ reason: 'FieldValueRequired', message: 'Required value', field });
const wrong = (field: string, value: string, why: string): Cause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${value}: ${why}`,
  field,
});

/** As Go prints a map of strings. */
const goMap = (labels: JsonObject | undefined): string => {
  if (labels === undefined) return 'map[string]string(nil)';
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[string]string{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(', ')}}`;
};

function* containerFaults(containers: Json | undefined, path: string): Generator<Cause> {
  if (!Array.isArray(containers) || containers.length === 0) {
    yield required(path);
    return;
  }
  const names = new Set<Json | undefined>();
  for (const [index, container] of containers.entries()) {
    const field = `${path}[${index}]`;
    const { name, image } = isJsonObject(container) ? container : {};
    if (name === undefined || name === '') yield required(`${field}.name`);
    else if (!label.test(textOf(name))) yield wrong(`${field}.name`, JSON.stringify(name), labelRule);
    else if (names.has(name)) {
      yield {
        reason: 'FieldValueInvalid',
        message: `Duplicate value: ${JSON.stringify(name)}`,
        field: `${field}.name`,
      };
    }
    names.add(name);
    if (image === undefined || image === '') yield required(`${field}.image`);
  }
}

function* countFaults(spec: JsonObject): Generator<Cause> {
  for (const field of ['replicas', 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds']) {
    const value = spec[field];
    if (typeof value === 'number' && value < 0) {
      yield wrong(`spec.${field}`, String(value), 'must be greater than or equal to 0');
    }
  }
  const { progressDeadlineSeconds: deadline, minReadySeconds: minimum = 0 } = spec;
  if (typeof deadline === 'number' && typeof minimum === 'number' && deadline <= minimum) {
    yield wrong('spec.progressDeadlineSeconds', String(deadline), 'must be greater than minReadySeconds');
  }
}

function* strategyFaults(strategy: Json | undefined): Generator<Cause> {
  const { type, rollingUpdate } = isJsonObject(strategy) ? strategy : {};
  const path = 'spec.strategy.rollingUpdate';
  if (type === 'Recreate') {
    if (rollingUpdate !== undefined) {
      const field = path;
      yield {
        reason: 'FieldValueInvalid',
        message: "Forbidden: may not be specified when strategy `type` is 'Recreate'",
        field,
      };
    }
  } else if (type !== 'RollingUpdate') {
    const message = `Unsupported value: ${JSON.stringify(type)}: supported values: "Recreate", "RollingUpdate"`;
    yield { reason: 'FieldValueInvalid', message, field: 'spec.strategy' };
  } else if (isJsonObject(rollingUpdate)) {
    const isZero = (value: Json | undefined) => value === 0 || value === '0%';
    for (const field of ['maxSurge', 'maxUnavailable']) {
      const value = rollingUpdate[field];
      if (typeof value === 'string' ? !/^\d+%$/.test(value) : typeof value !== 'number' || value < 0) {
        yield wrong(
          `${path}.${field}`,
          JSON.stringify(value),
          "a valid percent string must be a numeric string followed by an ending '%'",
        );
      }
    }
    if (isZero(rollingUpdate['maxSurge']) && isZero(rollingUpdate['maxUnavailable'])) {
      yield wrong(
        `${path}.maxUnavailable`,
        JSON.stringify(rollingUpdate['maxUnavailable']),
        'may not be 0 when `maxSurge` is 0',
      );
    }
  }
}

const longestAnnotations = 256 * 1024;

function* annotationFaults(annotations: Json | undefined, field: string): Generator<Cause> {
  const texts = isJsonObject(annotations) ? Object.entries(annotations).flat() : [];
  const bytes = texts.reduce<number>((sum, text) => sum + Buffer.byteLength(textOf(text)), 0);
  if (bytes > longestAnnotations) {
    yield {
      reason: 'FieldValueTooLong',
      message: `Too long: must have at most ${longestAnnotations} bytes`,
      field,
    };
  }
}

function* workloadFaults(spec: JsonObject): Generator<Cause> {
  const template = isJsonObject(spec['template']) ? spec['template'] : {};
  const metadata = isJsonObject(template['metadata']) ? template['metadata'] : {};
  const labels = isJsonObject(metadata['labels']) ? metadata['labels'] : undefined;
  const selector = isJsonObject(spec['selector']) ? (spec['selector'] as LabelSelector) : undefined;
  const isEmpty = Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length === 0;
  yield* countFaults(spec);
  if (selector === undefined) yield required('spec.selector');
  else if (isEmpty) yield wrong('spec.selector', '{}', 'empty selector is invalid for deployment');
  if (selector === undefined || isEmpty || !selects(selector, labels as Record<string, string> | undefined)) {
    yield wrong('spec.template.metadata.labels', goMap(labels), '`selector` does not match template `labels`');
  }
  yield* annotationFaults(metadata['annotations'], 'spec.template.annotations');
  const pod = isJsonObject(template['spec']) ? template['spec'] : {};
  yield* containerFaults(pod['containers'], 'spec.template.spec.containers');
}

function* faultsOf(resource: Resource, object: JsonObject, previous: Deployment | undefined): Generator<Cause> {
  const metadata = isJsonObject(object['metadata']) ? object['metadata'] : {};
  const spec = isJsonObject(object['spec']) ? object['spec'] : {};
  const name = textOf(metadata['name']);
  if (name === '') yield { ...required('metadata.name'), message: 'Required value: name or generateName is required' };
  else if (resource.name === 'namespaces' ? !label.test(name) : !subdomain.test(name)) {
    yield wrong('metadata.name', JSON.stringify(name), resource.name === 'namespaces' ? labelRule : subdomainRule);
  }
  yield* annotationFaults(metadata['annotations'], 'metadata.annotations');
  if (resource.name === 'deployments') yield* strategyFaults(spec['strategy']);
  if (resource.name === 'deployments' || resource.name === 'replicasets') yield* workloadFaults(spec);
  if (resource.name === 'pods') yield* containerFaults(spec['containers'], 'spec.containers');
  if (previous !== undefined && !isDeepStrictEqual(spec['selector'], previous.spec.selector)) {
    const { matchLabels } = (spec['selector'] ?? {}) as LabelSelector;
    const value = `v1.LabelSelector{MatchLabels:${goMap(matchLabels)}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}`;
    yield wrong('spec.selector', value, 'field is immutable');
  }
}

/** Throws the 422 that Kubernetes would answer, naming every fault at once. */
export function validate(resource: Resource, object: JsonObject, previous?: Deployment): void {
  const spec = isJsonObject(object['spec']) ? object['spec'] : {};
  if (spec['replicas'] !== undefined && !Number.isInteger(spec['replicas'])) {
    const start = JSON.stringify(spec['replicas'])[0];
    throw badRequest(
      `${resource.kind} in version "v1" cannot be handled as a ${resource.kind}: v1.${resource.kind}.Spec: v1.${resource.kind}Spec.Replicas: readUint32: unexpected character: ${start}`,
    );
  }
  const causes = [...faultsOf(resource, object, previous)];
  const metadata = isJsonObject(object['metadata']) ? object['metadata'] : {};
  if (causes.length > 0) throw invalid(resource, textOf(metadata['name']), causes);
}
