import { createServer, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent } from 'undici';

type Pool = {
  query: (statement: { name: string; text: string; values: unknown[] }) => Promise<unknown>;
  end: () => Promise<void>;
};
// The driver is MikroORM's own dependency, without types: resolved from there.
const fromMikroOrm = createRequire(createRequire(import.meta.url).resolve('@mikro-orm/postgresql'));
const { Pool } = fromMikroOrm('pg') as { Pool: new (options: { connectionString: string }) => Pool };

/** The least that a redeploy can be: one commit before the PATCH, so that it is known of, and one after it. */
export async function startBareRedeploy(databaseUrl: string, kubeconfig: string) {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const agent = new Agent();
  const pool = new Pool({ connectionString: databaseUrl });
  await pool.query({
    name: 'table',
    text: 'create table if not exists bare_redeploy (id uuid primary key, name text, at timestamptz, status text)',
    values: [],
  });
  const redeploy = async (name: string): Promise<string> => {
    const id = crypto.randomUUID();
    const at = new Date().toISOString();
    const insert = 'insert into bare_redeploy (id, name, at, status) values ($1, $2, $3, $4)';
    await pool.query({ name: 'insert', text: insert, values: [id, name, at, 'STARTED'] });
    const annotations = { 'kubectl.kubernetes.io/restartedAt': at };
    const { body, statusCode } = await agent.request({
      origin: config.getCurrentCluster()!.server,
      path: `/apis/apps/v1/namespaces/default/deployments/${name}`,
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${config.getCurrentUser()!.token}`,
        'content-type': 'application/strategic-merge-patch+json',
      },
      body: JSON.stringify({ spec: { template: { metadata: { annotations } } } }),
    });
    await body.json();
    if (statusCode !== 200) throw new Error(`PATCH answers ${statusCode}`);
    const update = 'update bare_redeploy set status = $2 where id = $1';
    await pool.query({ name: 'update', text: update, values: [id, 'PROGRESSING'] });
    return id;
  };
  const server = createServer((request, response) => {
    answer(request, redeploy).then(
      (id) => response.writeHead(200, { 'content-type': 'application/json' }).end(`{"data":{"redeploy":"${id}"}}`),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await pool.end();
      await agent.close();
    },
  };
}

async function answer(request: IncomingMessage, redeploy: (name: string) => Promise<string>): Promise<string> {
  const parts = await Array.fromAsync(request as AsyncIterable<Buffer>);
  const { variables } = JSON.parse(Buffer.concat(parts).toString()) as {
    variables: { input: { applicationName: string } };
  };
  return redeploy(variables.input.applicationName);
}
