import { isDeepStrictEqual } from 'node:util';
import { eventFaults } from './event-validation.ts';
import {
  annotationFaults,
  label,
  labelFaults,
  labelRule,
  required,
  subdomain,
  subdomainRule,
  wrong,
} from './field-faults.ts';
import { type JsonObject, isJsonObject, textOf } from './json.ts';
import type { Deployment, LabelSelector, Resource } from './objects.ts';
import { type Cause, badRequest, invalid } from './refusals.ts';
import { goSelector, podFaults, strategyFaults, workloadFaults } from './workload-validation.ts';

function* faultsOf(resource: Resource, object: JsonObject, previous: Deployment | undefined): Generator<Cause> {
  const metadata = isJsonObject(object['metadata']) ? object['metadata'] : {};
  const spec = isJsonObject(object['spec']) ? object['spec'] : {};
  const name = textOf(metadata['name']);
  if (name === '') yield { ...required('metadata.name'), message: 'Required value: name or generateName is required' };
  else if (resource.name === 'events') {
    if (/[/%]/.test(name)) yield wrong('metadata.name', JSON.stringify(name), "may not contain '/'");
  } else if (resource.name === 'namespaces' ? !label.test(name) : !subdomain.test(name)) {
    yield wrong('metadata.name', JSON.stringify(name), resource.name === 'namespaces' ? labelRule : subdomainRule);
  }
  yield* labelFaults(metadata['labels'], 'metadata.labels');
  yield* annotationFaults(metadata['annotations'], 'metadata.annotations');
  if (resource.name === 'deployments') yield* strategyFaults(spec['strategy']);
  if (resource.name === 'deployments' || resource.name === 'replicasets') yield* workloadFaults(spec);
  if (resource.name === 'events') yield* eventFaults(object);
  if (resource.name === 'pods') yield* podFaults(spec, 'spec');
  if (previous !== undefined && !isDeepStrictEqual(spec['selector'], previous.spec.selector)) {
    const { matchLabels } = (spec['selector'] ?? {}) as LabelSelector;
    yield wrong('spec.selector', goSelector(matchLabels), 'field is immutable');
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
