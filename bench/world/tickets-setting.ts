import { openDatabase } from '../../src/adapters/database/database.ts';
import {
  RegisterApplicationDocument,
  TicketsDocument,
  type TicketsQuery,
} from '../../src/documents/generated/graphql.ts';
import type { Keep } from '../harness/benchmark.ts';
import { installPostgraphile, postgraphileTables } from '../references/postgraphile.ts';
import { startWorld, type World } from './dependencies.ts';
import { DeskClient } from './desk-client.ts';
import { quiet, startProduct } from './product.ts';

const storedTickets = 50_000;
const registeredApplications = 200;
const approvers = Array.from({ length: 20 }, (_, index) => `approver-${index}`);

export const pageSize = 50;

/** People who read, what was asked for in the last weeks, and the page of it that each server has to answer with. */
export type TicketsSetting = { world: World; readers: string[]; page: TicketsQuery };

export async function prepareTickets(keep: Keep): Promise<TicketsSetting> {
  await installPostgraphile();
  const people = approvers.map((username) => ({ username, roles: ['APPROVER'] }));
  const world = await startWorld(keep, { people });
  await withDesk(world, storeOneTicket);
  const owner = openDatabase(world.ownerUrl, 1, 600_000);
  try {
    for (const statement of [...copyingStatements, ...postgraphileTables]) await owner.em.fork().execute(statement);
  } finally {
    await owner.close(true);
  }
  const page = await withDesk(world, (desk) => desk.ask('carol', TicketsDocument, { first: pageSize }));
  return { world, page, readers: approvers.map((username) => world.tokens[username]!) };
}

async function withDesk<T>(world: World, work: (desk: DeskClient) => Promise<T>): Promise<T> {
  const service = await startProduct(quiet(world));
  try {
    return await work(new DeskClient(service, world));
  } finally {
    await service.stop();
  }
}

/** As people do it: with two entries, an approval and an operation. */
async function storeOneTicket(desk: DeskClient): Promise<void> {
  const deployments = { 'web-service': 'production', 'api-gateway': 'staging' };
  for (const [name, namespace] of Object.entries(deployments)) {
    const input = {
      name,
      businessTags: [
        { tagKey: 'env', tagValue: namespace },
        { tagKey: 'team', tagValue: 'backend' },
      ],
      owners: { users: ['alice'], groups: ['backend'] },
      targets: [{ namespace, deploymentName: `${name}-deployment` }],
    };
    await desk.ask('grace', RegisterApplicationDocument, { input });
  }
  await desk.authorize(...Object.keys(deployments));
  await desk.redeploy('web-service');
}

const perKind = registeredApplications / 2;

/** Copies of rows of a table, each with changes. */
const copy = (table: string, from: string, changes: string): string =>
  `insert into ${table} select it.* from ${from}, jsonb_populate_record(model, jsonb_build_object(${changes})) it`;

const first = '(select min(id) from ticket)';
/** Those of every ticket but the first. */
const ofOthers = (table: string): string =>
  `(select id as ticket_id, ticket_no, created_at, id - ${first} as number from ticket where id > ${first}) t
   join ${table} model on model.ticket_id = ${first}`;
/** For each of their entries. */
const ofEntries = (table: string): string =>
  `(select e.id as entry_id, e.application_name, t.* from ticket_entry e
      join (select id as ticket_id, ticket_no, created_at from ticket where id > ${first}) t using (ticket_id)) t
   join ${table} model on t.application_name like model.application_name || '-%' and model.ticket_id = ${first}`;
const at = (seconds: number): string => `t.created_at + interval '${seconds} seconds'`;
const applicationOf = (name: string, number: string): string => `${name} || '-' || (${number}) % ${perKind}`;

/** One ticket a minute, the newest of now: its tokens are live. */
const copyingStatements = [
  `update operation set rollout_status = 'COMPLETED', success = true, duration_seconds = 42, announced_at = now(),
     operation_end_time = now(), current_image = 'web-service:v2.0.1', current_replicas = 3,
     new_pods = '["web-service-deployment-6d4cf56db6-x7k0p", "web-service-deployment-6d4cf56db6-x7k1p"]'`,
  `update ticket set created_at = now() - interval '${storedTickets} minutes', status = 'AUTHORIZED'`,
  copy(
    'application',
    `application model, generate_series(0, ${perKind - 1}) number`,
    `'id', nextval('application_id_seq'), 'name', ${applicationOf('model.name', 'number')}`,
  ),
  copy(
    'ticket',
    `ticket model, generate_series(1, ${storedTickets - 1}) number`,
    `'id', nextval('ticket_id_seq'), 'ticket_no', 'n' || lpad(number::text, 7, '0'),
     'created_at', model.created_at + interval '1 minute' * number`,
  ),
  copy(
    'ticket_entry',
    ofOthers('ticket_entry'),
    `'id', nextval('ticket_entry_id_seq'), 'ticket_id', t.ticket_id, 'executed_at', ${at(20)}, 'completed_at', ${at(20)},
     'application_name', ${applicationOf('model.application_name', 't.number')}`,
  ),
  copy('approval', ofOthers('approval'), `'id', nextval('approval_id_seq'), 'ticket_id', t.ticket_id, 'at', ${at(20)}`),
  copy(
    'redeploy_grant',
    ofEntries('redeploy_grant'),
    `'id', nextval('redeploy_grant_id_seq'), 'ticket_id', t.ticket_id, 'ticket_no', t.ticket_no, 'entry_id', t.entry_id,
     'application_name', t.application_name, 'granted_at', ${at(20)}, 'expires', ${at(7_220)}`,
  ),
  copy(
    'operation',
    `${ofEntries('operation')} join redeploy_grant g on g.entry_id = t.entry_id`,
    `'id', uuidv7(t.created_at - now()), 'ticket_id', t.ticket_id, 'entry_id', t.entry_id, 'grant_id', g.id,
     'application_name', t.application_name, 'operation_start_time', ${at(30)}, 'operation_end_time', ${at(72)},
     'last_update_time', ${at(72)}`,
  ),
  // What is over long ago stands there as over.
  `update redeploy_grant set ended_at = expires where expires < now()`,
  `update ticket set status = 'COMPLETED', result = 'SUCCEEDED', ended_at = created_at + interval '2 hours'
     where created_at < now() - interval '3 hours'`,
  'vacuum analyze',
];
