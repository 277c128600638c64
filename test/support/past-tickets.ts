import { randomUUID } from 'node:crypto';
import { type MikroORM, openDatabase } from '../../src/adapters/database/database.ts';
import { newTicketNo } from '../../src/operations/tickets.ts';
import { createTestDatabase } from './database.ts';

export type PastOperation = {
  status?: string;
  strategy?: string;
  namespace?: string;
  /** Null while it is not over. */
  tookSeconds?: number | null;
  rolledOutSeconds?: number | null;
  endedSecondsAgo?: number;
};

export type PastTicket = {
  application?: string;
  username?: string;
  tags?: Record<string, string>;
  namespaces?: string[];
  status?: string;
  /** Whether it got its token; null before that. */
  success?: boolean | null;
  /** Of its token, seconds from now: when it is over, and when it ended if it did. */
  expires?: number;
  ended?: number | null;
  operations?: PastOperation[];
};

type Sql = <Row extends object>(text: string, params?: unknown[]) => Promise<Row[]>;

/** A record without the services that wrote it: what happened is stored as a test wants it to have happened. */
export class PastTickets {
  readonly orm: MikroORM;
  readonly sql: Sql;
  private readonly drop: () => Promise<void>;

  private constructor(orm: MikroORM, drop: () => Promise<void>) {
    this.orm = orm;
    this.sql = (text, params = []) => orm.em.fork().execute(text, params);
    this.drop = drop;
  }

  static async open(): Promise<PastTickets> {
    const database = await createTestDatabase();
    return new PastTickets(openDatabase(database.ownerUrl, 5), database.drop);
  }

  async close(): Promise<void> {
    await this.orm.close(true);
    await this.drop();
  }

  clear(): Promise<unknown> {
    return this.sql('truncate ticket, ticket_entry, redeploy_grant, operation, outbox restart identity cascade');
  }

  /** One for web that alice got a token for, used with success and over; `changes` tell where it is otherwise. */
  async add(changes: PastTicket = {}, sql: Sql = this.sql): Promise<number> {
    const { application = 'web', username = 'alice', tags = {}, namespaces = ['production'] } = changes;
    const { status = 'COMPLETED', success = true, expires = -60, ended = expires, operations = [] } = changes;
    const [ticket] = await sql<{ id: number }>(
      `insert into ticket (ticket_no, category, reason, issuer, subject, username, status, approvals_required, created_at, decide_by)
       values (?, 'BUG_FIX', 'it answers 500', 'issuer', ?, ?, ?, 1, now(), now()) returning id`,
      [newTicketNo(), username, username, status],
    );
    const ticketId = ticket!.id;
    const businessTags = Object.entries(tags).map(([tagKey, tagValue]) => ({ tagKey, tagValue }));
    const [entry] = await sql<{ id: number }>(
      `insert into ticket_entry (ticket_id, position, application_name, business_tags, targets, success)
       values (?, 0, ?, ?::jsonb, ?::jsonb, ?) returning id`,
      [
        ticketId,
        application,
        JSON.stringify(businessTags),
        JSON.stringify(namespaces.map((namespace) => ({ namespace }))),
        success,
      ],
    );
    if (success === null) return ticketId;
    const [grant] = await sql<{ id: number }>(
      `insert into redeploy_grant (ticket_id, ticket_no, entry_id, application_name, issuer, subject, username, granted_at, expires, ended_at)
       values (?, '', ?, ?, 'issuer', ?, ?, now(), ${fromNow}, ${fromNow}) returning id`,
      [ticketId, entry!.id, application, username, username, expires, ended],
    );
    for (const operation of operations) {
      await this.addOperation(
        { ticketId, entryId: entry!.id, grantId: grant!.id, application, username, ...operation },
        sql,
      );
    }
    return ticketId;
  }

  /** As many as `count`, all over, each with its token and its operation, over a year until now. */
  async addMany(count: number): Promise<void> {
    const numbered = `generate_series(1, ${count}) i`;
    const person = `'user-' || i % 300`;
    const application = `'application-' || i % 500`;
    const at = `now() - (${count} - i) * (interval '365 days' / ${count})`;
    await this.sql(
      `insert into ticket (ticket_no, category, reason, issuer, subject, username, status, approvals_required, created_at, decide_by, ended_at)
       select 'm' || lpad(i::text, 7, '0'), 'BUG_FIX', 'it answers 500', 'issuer', ${person}, ${person}, 'COMPLETED', 1,
         ${at}, ${at}, ${at} from ${numbered}`,
    );
    await this.sql(
      `insert into ticket_entry (ticket_id, position, application_name, business_tags, targets, success)
       select i, 0, ${application}, '[{"tagKey": "env", "tagValue": "production"}]', '[{"namespace": "production"}]', true
       from ${numbered}`,
    );
    await this.sql(
      `insert into redeploy_grant (ticket_id, ticket_no, entry_id, application_name, issuer, subject, username, granted_at, expires, ended_at)
       select i, '', i, ${application}, 'issuer', ${person}, ${person}, ${at}, ${at}, ${at} from ${numbered}`,
    );
    await this.sql(
      `insert into operation (id, type, ticket_id, entry_id, grant_id, issuer, subject, username, application_name, cluster,
         cluster_uid, namespace, deployment_name, request_hash, previous_image, previous_replicas, rollout_strategy,
         operation_start_time, rollout_status, last_update_time, operation_end_time, success, landed_at, available_at,
         new_pods, terminated_pods, failures, old_pods, follower, followed_until)
       select gen_random_uuid(), 'RESTART', i, i, i, 'issuer', ${person}, ${person}, ${application}, 'main',
         gen_random_uuid(), 'production', ${application}, '', 'web:v1', 1, 'RollingUpdate',
         ${at} - interval '30 seconds', 'COMPLETED', ${at}, ${at}, true, ${at} - interval '30 seconds', ${at},
         '[]', '[]', '[]', '[]', 'replica', now() from ${numbered}`,
    );
    await this.sql('analyze ticket, ticket_entry, redeploy_grant, operation');
  }

  private async addOperation(
    operation: PastOperation & {
      ticketId: number;
      entryId: number;
      grantId: number;
      application: string;
      username: string;
    },
    sql: Sql,
  ): Promise<void> {
    const { ticketId, entryId, grantId, application, username, strategy = 'RollingUpdate' } = operation;
    const { status = 'COMPLETED', namespace = 'production', tookSeconds = 30, endedSecondsAgo = 60 } = operation;
    const { rolledOutSeconds = status === 'COMPLETED' ? tookSeconds : null } = operation;
    const startedAgo = endedSecondsAgo + (tookSeconds ?? 0);
    const isOver = tookSeconds !== null;
    await sql(
      `insert into operation (id, type, ticket_id, entry_id, grant_id, issuer, subject, username, application_name, cluster,
         cluster_uid, namespace, deployment_name, request_hash, previous_image, previous_replicas, rollout_strategy,
         operation_start_time, rollout_status, last_update_time, operation_end_time, success, landed_at, available_at,
         new_pods, terminated_pods, failures, old_pods, follower, followed_until)
       values (?, 'RESTART', ?, ?, ?, 'issuer', ?, ?, ?, 'main', ?, ?, ?, '', 'web:v1', 1, ?, ${fromNow}, ?, now(), ${fromNow}, ?,
         now(), now() + ? * interval '1 second', '[]', '[]', '[]', '[]', 'replica', now())`,
      [
        randomUUID(),
        ticketId,
        entryId,
        grantId,
        username,
        username,
        application,
        randomUUID(),
        namespace,
        application,
        strategy,
        -startedAgo,
        status,
        isOver ? -endedSecondsAgo : null,
        isOver ? status === 'COMPLETED' : null,
        rolledOutSeconds,
      ],
    );
  }
}

/** To the millisecond and as of the transaction's beginning, so that equal figures make equal times. */
const fromNow = `date_trunc('second', now()) + ?::float8 * interval '1 second'`;
