import { createServer } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { postgraphile } from 'postgraphile';
import { makePgService } from 'postgraphile/adaptors/pg';
import { grafserv } from 'postgraphile/grafserv/node';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';

/** PostGraphile over the service's tables, with its usual preset, its persistent prepared statements and a sign-in. */
export async function startPostgraphile({ connectionString, issuer, audience }) {
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
  const tables = makePgService({ connectionString, schemas: ['public'] });
  const instance = postgraphile({
    extends: [PostGraphileAmberPreset],
    // Ordering by columns without an index, as entries are within their ticket.
    disablePlugins: ['PgIndexBehaviorsPlugin'],
    pgServices: [tables],
    schema: { defaultBehavior: '+list' },
    grafserv: { graphqlPath: '/graphql', graphiql: false, watch: false },
    grafast: {
      explain: false,
      context: async ({ node }) => {
        const [, token = ''] = /^Bearer (.+)$/.exec(node?.req.headers.authorization ?? '') ?? [];
        const { payload } = await jwtVerify(token, keys, { issuer, audience });
        return { roles: payload.roles };
      },
    },
  });
  const server = createServer();
  await instance.createServ(grafserv).addTo(server);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/graphql`,
    stop: async () => {
      await new Promise((resolve) => server.close(resolve));
      await instance.release();
      await tables.release?.();
    },
  };
}
