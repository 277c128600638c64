import { AppsV1Api, KubeConfig } from '@kubernetes/client-node';

/** Deployments without replicas: they are rolled out as soon as they are changed. */
export async function createEmptyDeployments(kubeconfig: string, names: readonly string[]): Promise<void> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const apps = config.makeApiClient(AppsV1Api);
  for (const name of names) {
    const labels = { app: name };
    await apps.createNamespacedDeployment({
      namespace: 'default',
      body: {
        metadata: { name },
        spec: {
          replicas: 0,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'web:v1' }] } },
        },
      },
    });
  }
}
