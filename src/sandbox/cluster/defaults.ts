import { type Json, type JsonObject, isJsonObject, textOf } from './json.ts';
import type { Resource } from './objects.ts';

const objectIn = (parent: JsonObject, key: string): JsonObject => {
  const value = parent[key];
  return isJsonObject(value) ? value : {};
};

function withProbeDefaults(probe: Json): Json {
  if (!isJsonObject(probe)) return probe;
  const httpGet = probe['httpGet'];
  return {
    failureThreshold: 3,
    periodSeconds: 10,
    successThreshold: 1,
    timeoutSeconds: 1,
    ...probe,
    ...(isJsonObject(httpGet) && { httpGet: { scheme: 'HTTP', ...httpGet } }),
  };
}

function withContainerDefaults(container: Json): Json {
  if (!isJsonObject(container)) return container;
  const image = textOf(container['image']);
  const tag = /:([^/:]+)$/.exec(image)?.[1] ?? 'latest';
  const defaulted: JsonObject = {
    imagePullPolicy: tag === 'latest' && !image.includes('@') ? 'Always' : 'IfNotPresent',
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    ...container,
  };
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    if (container[probe] !== undefined) defaulted[probe] = withProbeDefaults(container[probe]);
  }
  if (Array.isArray(container['ports'])) {
    defaulted['ports'] = container['ports'].map((port) => (isJsonObject(port) ? { protocol: 'TCP', ...port } : port));
  }
  return defaulted;
}

function withPodDefaults(spec: JsonObject): JsonObject {
  const defaulted: JsonObject = {
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
    ...spec,
  };
  for (const list of ['containers', 'initContainers']) {
    const containers = defaulted[list];
    if (Array.isArray(containers)) defaulted[list] = containers.map(withContainerDefaults);
  }
  return defaulted;
}

const withTemplateDefaults = (template: JsonObject): JsonObject => ({
  ...template,
  metadata: { creationTimestamp: null, ...objectIn(template, 'metadata') },
  spec: withPodDefaults(objectIn(template, 'spec')),
});

function strategyWithDefaults(strategy: JsonObject): JsonObject {
  const type = strategy['type'] ?? 'RollingUpdate';
  if (type !== 'RollingUpdate') return { ...strategy, type };
  const rollingUpdate = { maxSurge: '25%', maxUnavailable: '25%', ...objectIn(strategy, 'rollingUpdate') };
  return { ...strategy, type, rollingUpdate };
}

/** Fills in what Kubernetes fills in, before anything is checked or compared. */
export function withDefaults(resource: Resource, object: JsonObject): JsonObject {
  const spec = objectIn(object, 'spec');
  if (resource.name === 'deployments') {
    return {
      ...object,
      spec: {
        progressDeadlineSeconds: 600,
        replicas: 1,
        revisionHistoryLimit: 10,
        ...spec,
        strategy: strategyWithDefaults(objectIn(spec, 'strategy')),
        template: withTemplateDefaults(objectIn(spec, 'template')),
      },
    };
  }
  if (resource.name === 'replicasets') {
    return {
      ...object,
      spec: { replicas: 1, ...spec, template: withTemplateDefaults(objectIn(spec, 'template')) },
      status: { replicas: 0, ...objectIn(object, 'status') },
    };
  }
  if (resource.name === 'pods') {
    return {
      ...object,
      spec: {
        enableServiceLinks: true,
        preemptionPolicy: 'PreemptLowerPriority',
        priority: 0,
        ...withPodDefaults(spec),
      },
      status: { phase: 'Pending', qosClass: 'BestEffort', ...objectIn(object, 'status') },
    };
  }
  if (resource.name === 'namespaces') {
    return {
      ...object,
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active', ...objectIn(object, 'status') },
    };
  }
  if (resource.name === 'events') {
    const unset = { source: {}, firstTimestamp: null, lastTimestamp: null, eventTime: null };
    return { ...unset, reportingComponent: '', reportingInstance: '', involvedObject: {}, ...object };
  }
  return object;
}
