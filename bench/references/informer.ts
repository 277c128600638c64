import { CoreV1Api, KubeConfig, makeInformer, type V1Pod } from '@kubernetes/client-node';

/** What the client library has for it: every pod whole, in its cache. */
export async function startInformer(kubeconfig: string, onChange: () => void) {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const pods = config.makeApiClient(CoreV1Api);
  const informer = makeInformer<V1Pod>(config, '/api/v1/pods', () => pods.listPodForAllNamespaces());
  informer.on('update', onChange);
  await informer.start();
  return { held: () => informer.list().length, stop: () => informer.stop() };
}
