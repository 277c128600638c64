import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deploymentUid, podOf, replicaSetUid } from './pods.ts';

const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web-service', uid: deploymentUid, controller: true };
const metadata = { namespace: 'production', resourceVersion: '1' };
const lists: Record<string, object[]> = {
  deployments: [{ metadata: { ...metadata, name: 'web-service', uid: deploymentUid } }],
  replicasets: [
    { metadata: { ...metadata, name: 'web-service-7d4b9c6f5d', uid: replicaSetUid, ownerReferences: [owner] } },
  ],
};

export type PodStream = { url: string; count: number; kubeconfigs: Record<string, string> };

/**
 * As much of an API server as a watch needs: lists, and watches that bring nothing until `POST /SIDE/change` has every
 * pod change once. Each side has the API under a path of its own. It runs in the harness's process, so that what it
 * costs counts for nobody.
 */
export async function startPodStream(
  count: number,
  sides: readonly string[],
): Promise<PodStream & { stop: () => Promise<void> }> {
  const numbers = Array.from({ length: count }, (_, number) => number);
  const pods = numbers.map((number) => podOf(number, 1));
  let version = 1;
  const changes = () =>
    numbers
      .map((number) => `${JSON.stringify({ type: 'MODIFIED', object: podOf(number, (version += 1)) })}\n`)
      .join('');
  const watches = new Map<string, ServerResponse>();
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://127.0.0.1');
    const [, side = ''] = pathname.split('/');
    const resource = pathname.split('/').at(-1)!;
    if (resource === 'change') {
      watches.get(side)!.write(changes());
      response.end();
    } else if (searchParams.has('watch')) {
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
      if (resource === 'pods') watches.set(side, response);
    } else {
      const items = resource === 'pods' ? pods : (lists[resource] ?? []);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items }));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const folder = await mkdtemp(join(tmpdir(), 'cratos-bench-'));
  const kubeconfigs: Record<string, string> = {};
  for (const side of sides) {
    kubeconfigs[side] = join(folder, side);
    await writeFile(kubeconfigs[side], JSON.stringify(kubeconfigOf(`${url}/${side}`)));
  }
  const stop = async () => {
    server.close().closeAllConnections();
    await rm(folder, { recursive: true });
  };
  return { url, count, kubeconfigs, stop };
}

const kubeconfigOf = (server: string): object => ({
  clusters: [{ name: 'stream', cluster: { server, 'insecure-skip-tls-verify': true } }],
  users: [{ name: 'stream', user: { token: 'of-no-use' } }],
  contexts: [{ name: 'stream', context: { cluster: 'stream', user: 'stream' } }],
  'current-context': 'stream',
});
