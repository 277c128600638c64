import type { JsonObject } from './json.ts';
import type { ResourceName } from './objects.ts';

export type SeedObject = { resource: ResourceName; namespace: string; object: JsonObject };

const namespace = (name: string): SeedObject => ({
  resource: 'namespaces',
  namespace: '',
  object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
});

function deployment(application: string, place: string, replicas: number, image: string): SeedObject {
  const probe = (path: string, initialDelaySeconds: number, periodSeconds: number): JsonObject => ({
    httpGet: { path, port: 8080 },
    initialDelaySeconds,
    periodSeconds,
  });
  const container: JsonObject = {
    name: application,
    image,
    ports: [{ containerPort: 8080 }],
    livenessProbe: probe('/health', 30, 10),
    readinessProbe: probe('/ready', 5, 5),
  };
  const object: JsonObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `${application}-deployment`, labels: { app: application } },
    spec: {
      replicas,
      selector: { matchLabels: { app: application } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      template: { metadata: { labels: { app: application } }, spec: { containers: [container] } },
    },
  };
  return { resource: 'deployments', namespace: place, object };
}

/** The applications of the guide, as they stand before anything is redeployed. */
export const guideObjects: readonly SeedObject[] = [
  namespace('production'),
  namespace('staging'),
  deployment('web-service', 'production', 3, 'web-service:v2.0.0'),
  deployment('api-gateway', 'staging', 2, 'api-gateway:v1.5.2'),
  deployment('data-processor', 'production', 2, 'data-processor:v3.0.1'),
];
