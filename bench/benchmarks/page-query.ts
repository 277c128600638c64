import { TicketsDocument } from '../../src/documents/generated/graphql.ts';
import type { Benchmark } from '../harness/benchmark.ts';
import { startHandWritten } from '../references/hand-written.ts';
import { postgraphileDocument, startPostgraphile } from '../references/postgraphile.ts';
import { openPageServer } from '../world/page-server.ts';
import { startProduct } from '../world/product.ts';
import { persistedQuery } from '../world/trusted-document.ts';
import { prepareTickets, type TicketsSetting } from '../world/tickets-setting.ts';

const tablesOf = ({ world: { env } }: TicketsSetting) => ({
  connectionString: env['DATABASE_URL']!,
  issuer: env['OIDC_ISSUER']!,
  audience: 'cratos-redeploy',
});

const query = TicketsDocument.toString();
const extensions = persistedQuery(TicketsDocument);

const benchmark: Benchmark<TicketsSetting> = {
  name: 'page-query',
  figures: {
    cpu: 'µs of CPU of Node and PostgreSQL per page of 50 tickets',
    node: "µs of it that are Node's",
  },
  goals: [
    { figure: 'cpu', of: 'product', against: 'PostGraphile', atMost: 0.9 },
    { figure: 'cpu', of: 'product', against: 'by hand', atMost: 1.3 },
    { figure: 'cpu', of: 'any document', against: 'PostGraphile', atMost: 1.6 },
  ],
  prepare: prepareTickets,
  // What Node compiles while it runs is only mostly there after some hundred pages, on every side.
  warmUps: 16,
  sides: {
    // Of the documents that the service knows; its clients name it.
    product: async (setting) => openPageServer(setting, { extensions }, await startProduct(setting.world)),
    'any document': async (setting) => openPageServer(setting, { query }, await startProduct(setting.world)),
    PostGraphile: async (setting) =>
      openPageServer(setting, { query: postgraphileDocument }, await startPostgraphile(tablesOf(setting))),
    'by hand': async (setting) => openPageServer(setting, { query: '' }, await startHandWritten(tablesOf(setting))),
  },
};

export default benchmark;
