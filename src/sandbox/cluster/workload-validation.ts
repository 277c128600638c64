import {
  annotationFaults,
  duplicate,
  label,
  labelFaults,
  labelRule,
  required,
  unsupported,
  wrong,
} from './field-faults.ts';
import { type Json, type JsonObject, isJsonObject, textOf } from './json.ts';
import type { LabelSelector } from './objects.ts';
import type { Cause } from './refusals.ts';
import { selects } from './selectors.ts';

/** As Go prints a map of strings. */
const goMap = (labels: JsonObject | Record<string, string> | undefined): string => {
  if (labels === undefined) return 'map[string]string(nil)';
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[string]string{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(', ')}}`;
};
/** As Go prints a selector, and a number or percentage. */
export const goSelector = (matchLabels: Record<string, string> | undefined): string =>
  `v1.LabelSelector{MatchLabels:${goMap(matchLabels)}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}`;
const goAmount = (value: Json | undefined): string => {
  const [type, number, text] = typeof value === 'number' ? [0, value, ''] : [1, 0, textOf(value)];
  return `intstr.IntOrString{Type:${type}, IntVal:${number}, StrVal:${JSON.stringify(text)}}`;
};

const pullPolicies = ['Always', 'IfNotPresent', 'Never'];

function* listFaults(containers: Json[], path: string, taken: Set<string>): Generator<Cause> {
  for (const [index, container] of containers.entries()) {
    const field = `${path}[${index}]`;
    const { name, image, imagePullPolicy } = isJsonObject(container) ? container : {};
    const text = textOf(name);
    if (text === '') yield required(`${field}.name`);
    else if (!label.test(text)) yield wrong(`${field}.name`, JSON.stringify(name), labelRule);
    else if (taken.has(text)) yield duplicate(`${field}.name`, text);
    taken.add(text);
    if (textOf(image) === '') yield required(`${field}.image`);
    if (imagePullPolicy !== undefined && !pullPolicies.includes(textOf(imagePullPolicy))) {
      yield unsupported(`${field}.imagePullPolicy`, JSON.stringify(imagePullPolicy), pullPolicies);
    }
  }
}

export function* podFaults({ containers, initContainers }: JsonObject, path: string): Generator<Cause> {
  const names = new Set<string>();
  if (!Array.isArray(containers) || containers.length === 0) yield required(`${path}.containers`);
  else yield* listFaults(containers, `${path}.containers`, names);
  if (Array.isArray(initContainers)) yield* listFaults(initContainers, `${path}.initContainers`, names);
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

const percentRule =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

function* amountFaults(value: Json | undefined, field: string): Generator<Cause> {
  if (typeof value === 'string' && !/^\d+%$/.test(value)) yield wrong(field, goAmount(value), percentRule);
  if (typeof value === 'number' && value < 0) yield wrong(field, goAmount(value), 'must be greater than or equal to 0');
}

export function* strategyFaults(strategy: Json | undefined): Generator<Cause> {
  const { type, rollingUpdate } = isJsonObject(strategy) ? strategy : {};
  const path = 'spec.strategy.rollingUpdate';
  if (type === 'Recreate') {
    if (rollingUpdate === undefined) return;
    const message = "Forbidden: may not be specified when strategy `type` is 'Recreate'";
    yield { reason: 'FieldValueForbidden', message, field: path };
  } else if (type !== 'RollingUpdate') {
    const value = `apps.DeploymentStrategy{Type:${JSON.stringify(type)}, RollingUpdate:(*apps.RollingUpdateDeployment)(nil)}`;
    yield unsupported('spec.strategy', value, ['Recreate', 'RollingUpdate']);
  } else if (isJsonObject(rollingUpdate)) {
    const { maxSurge, maxUnavailable } = rollingUpdate;
    yield* amountFaults(maxUnavailable, `${path}.maxUnavailable`);
    yield* amountFaults(maxSurge, `${path}.maxSurge`);
    // Go reads a percentage that it cannot read as none.
    const isZero = (value: Json | undefined) =>
      value === 0 || (typeof value === 'string' && !/^0*[1-9]\d*%$/.test(value));
    if (isZero(maxSurge) && isZero(maxUnavailable)) {
      yield wrong(`${path}.maxUnavailable`, goAmount(maxUnavailable), 'may not be 0 when `maxSurge` is 0');
    }
    if (typeof maxUnavailable === 'string' && Number.parseInt(maxUnavailable, 10) > 100) {
      yield wrong(`${path}.maxUnavailable`, goAmount(maxUnavailable), 'must not be greater than 100%');
    }
  }
}

/** A Deployment's or ReplicaSet's spec. */
export function* workloadFaults(spec: JsonObject): Generator<Cause> {
  const template = isJsonObject(spec['template']) ? spec['template'] : {};
  const metadata = isJsonObject(template['metadata']) ? template['metadata'] : {};
  const labels = isJsonObject(metadata['labels']) ? metadata['labels'] : undefined;
  const selector = isJsonObject(spec['selector']) ? (spec['selector'] as LabelSelector) : undefined;
  const isEmpty = Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length === 0;
  yield* countFaults(spec);
  if (selector === undefined) yield required('spec.selector');
  else if (isEmpty) yield wrong('spec.selector', goSelector(undefined), 'empty selector is invalid for deployment');
  const isSelected = selector !== undefined && selects(selector, labels as Record<string, string> | undefined);
  if (!isSelected) {
    yield wrong('spec.template.metadata.labels', goMap(labels), '`selector` does not match template `labels`');
  }
  yield* labelFaults(labels, 'spec.template.labels');
  yield* annotationFaults(metadata['annotations'], 'spec.template.annotations');
  const pod = isJsonObject(template['spec']) ? template['spec'] : {};
  yield* podFaults(pod, 'spec.template.spec');
  if (pod['restartPolicy'] !== 'Always') {
    yield unsupported('spec.template.spec.restartPolicy', JSON.stringify(pod['restartPolicy']), ['Always']);
  }
}
