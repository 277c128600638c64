import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CoreV1Api, setHeaderOptions } from '@kubernetes/client-node';

/** Answers the API server with every container's log, in the place of the kubelet that the control plane has not. */
export async function serveLogs(core: CoreV1Api, log: string): Promise<() => Promise<void>> {
  const server = createServer(certificate(), ({ url = '' }, response) => {
    response.writeHead(url.startsWith('/containerLogs/') ? 200 : 404).end(log);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { items } = await core.listNode();
  const say = async (status: object) => {
    const type = setHeaderOptions('Content-Type', 'application/merge-patch+json');
    for (const { metadata } of items) await core.patchNodeStatus({ name: metadata!.name!, body: { status } }, type);
  };
  await say({
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  });
  return async () => {
    await say({ addresses: [], daemonEndpoints: null });
    server.closeAllConnections();
    server.close();
  };
}

function certificate(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'test-kubelet-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const asked = ['-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '1', '-subj', '/CN=node'];
  execFileSync('openssl', ['req', '-x509', ...asked], { stdio: 'ignore' });
  const both = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return both;
}
