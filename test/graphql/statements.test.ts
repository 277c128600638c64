import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { redeploy } from '../../src/operations/redeploys.ts';
import { alice, authorizedTicket, deployApplication, openTestWorld, type TestWorld } from '../support/desk.ts';
import { type LiveReplica, openLiveReplica } from '../support/live.ts';
import { ask } from '../support/service.ts';

const most = 50;
let world: TestWorld;
/** Follows nothing and looks at nothing: each of its statements is a request's. */
let replica: LiveReplica;
beforeAll(async () => {
  world = await openTestWorld();
  replica = await openLiveReplica(world, { lookMs: 600_000 });
  const { desk } = replica.replica;
  const applications = [];
  for (let count = 0; count < 2; count += 1) applications.push(await deployApplication(world, desk, { replicas: 0 }));
  const ticket = await authorizedTicket(desk, ...applications.map(({ name }) => name));
  for (const { name } of applications) await redeploy(desk, alice, { applicationName: name });
  await world.sql(`update operation set rollout_status = 'COMPLETED', success = true`);
  await multiply(ticket.id);
});
afterAll(async () => {
  await replica.stop();
  await world.close();
});

/** More tickets like this one, with all that belongs to it, so that there are `most`. */
async function multiply(ticketId: number): Promise<void> {
  const copy = (table: string, from: string, changes: string) =>
    world.sql(
      `insert into ${table} select it.* from ${table} src ${from}
       cross join lateral jsonb_populate_record(src, jsonb_build_object(${changes})) it where src.${table === 'ticket' ? 'id' : 'ticket_id'} = ?`,
      [ticketId],
    );
  const next = (table: string) => `'id', nextval('${table}_id_seq')`;
  const toEach = `cross join (select id as copy from ticket where ticket_no like 'copy%') t`;
  const toEachEntry = `join (select id as entry, ticket_id as copy, application_name as name from ticket_entry
    where ticket_id in (select id from ticket where ticket_no like 'copy%')) e on e.name = src.application_name`;
  await copy(
    'ticket',
    `cross join generate_series(2, ${most}) i`,
    `${next('ticket')}, 'ticket_no', 'copy' || lpad(i::text, 4, '0')`,
  );
  for (const table of ['ticket_entry', 'approval', 'audit_record']) {
    await copy(table, toEach, `${next(table)}, 'ticket_id', copy`);
  }
  await copy('redeploy_grant', toEachEntry, `${next('redeploy_grant')}, 'ticket_id', copy, 'entry_id', entry`);
  await copy('operation', toEach, `'id', gen_random_uuid(), 'ticket_id', copy`);
  await world.sql(
    `insert into operation_event (operation_id, sequence, status, at, state)
     select o.id, 1, e.status, e.at, e.state from operation o cross join (select * from operation_event limit 1) e
     on conflict do nothing`,
  );
}

type Page = { edges: { node: Record<string, unknown> }[] };
const lists: { what: string; list: string; selection: string; statements: number }[] = [
  {
    what: 'tickets with entries, tokens, applications, targets, approvals and operations',
    list: 'tickets',
    selection: `entries { token { valid } application { name targets { deploymentName } } }
      approvals { approver } operations(first: 5) { edges { node { id rolloutStatus } } }`,
    statements: 6,
  },
  {
    what: 'tickets with their story, in records, lines and Markdown',
    list: 'tickets',
    selection: 'markdown timeline auditTrail(first: 100) { edges { node { message } } }',
    statements: 4,
  },
  {
    what: 'operations with their events and tickets, and what belongs to those',
    list: 'operations',
    selection: 'events(first: 5) { edges { node { sequence } } } ticket { ticketNo approvals { approver } }',
    statements: 4,
  },
  { what: 'tokens', list: 'tokens', selection: 'applicationName valid', statements: 2 },
];

test.for(lists)('a page of 1, 10 or 50 $what is $statements statements', async ({ list, selection, statements }) => {
  const query = `query ($first: Int) { ${list}(first: $first) { edges { node { ${selection} } } } }`;
  const logger = replica.replica.desk.orm.config.getLogger();
  for (const first of [1, 10, most]) {
    const spy = vi.spyOn(logger, 'logQuery');
    const { data, errors } = await ask(replica, 'carol', query, { first });
    const made = spy.mock.calls.map(([{ query: text }]) => text);
    spy.mockRestore();
    expect(errors).toEqual([]);
    const nodes = (data![list] as Page).edges.map(({ node }) => node);
    expect(nodes).toHaveLength(first);
    expect(JSON.stringify(nodes)).not.toMatch(/null|\[\]/);
    expect(made).toHaveLength(statements);
  }
});
