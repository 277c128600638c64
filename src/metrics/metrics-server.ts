import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { Registry } from '@prometheus-io/client';
import type { Metrics, MetricsSettings } from './metrics.ts';

export type MetricsServer = { url: string; close: () => Promise<void> };

/**
 * GET /metrics, without a sign-in, which Prometheus has none for: on a port of its own, so that whoever opens the API to
 * the world does not open this with it.
 */
export async function serveMetrics(metrics: Metrics, at: MetricsSettings, log: Logger): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    void answer(metrics, request, response).catch((error: unknown) => {
      log.error({ err: error }, 'metrics not served');
      response.writeHead(500).end();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${at.host.includes(':') ? `[${at.host}]` : at.host}:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  metrics: Metrics,
  { method = '', url }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (url?.split('?')[0] !== '/metrics') response.writeHead(404).end();
  else if (!['GET', 'HEAD'].includes(method)) response.writeHead(405, { allow: 'GET, HEAD' }).end();
  else {
    const text = await metrics.exposition();
    response.writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE }).end(text);
  }
}
