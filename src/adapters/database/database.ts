import type { Socket } from 'node:net';
import { type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { Application, ApplicationTarget } from '../../domain/application.ts';
import { AuditRecord, RefusalTally } from '../../domain/audit-record.ts';
import { AuditSeal } from '../../domain/audit-seal.ts';
import { Grant } from '../../domain/grant.ts';
import { OutboxMessage } from '../../domain/notifications.ts';
import { Operation, OperationEvent } from '../../domain/operation.ts';
import { Approval, Ticket, TicketEntry } from '../../domain/ticket.ts';
import type { Tracing } from '../../domain/tracing.ts';
import { type NamingClient, nameStatements, prepareStatements } from './prepared-statements.ts';
import { spanStatements } from './statement-spans.ts';
import { joinMessages, type QueryingClient, type SendingConnection, sendInOnePiece } from './transaction-messages.ts';

export const entities = [
  Application,
  ApplicationTarget,
  Approval,
  AuditRecord,
  AuditSeal,
  Grant,
  Operation,
  OperationEvent,
  OutboxMessage,
  RefusalTally,
  Ticket,
  TicketEntry,
];

/**
 * The one place that knows the driver. Connects lazily: a database that is away refuses requests, not the start.
 * A statement that hears nothing for `silenceMs` has lost its connection; longer than one waits for a row's lock.
 */
export function openDatabase(url: string, poolSize = 20, silenceMs = 15_000, tracing: Tracing | null = null): MikroORM {
  const opened: { pool?: Pool } = {};
  const statementNames = new Map<string, string>();
  const orm = new MikroORM({
    clientUrl: url,
    entities,
    pool: { min: 0, max: poolSize },
    // Every unit of work forks its own EntityManager; the global one would mix identities of requests.
    allowGlobalContext: false,
    ensureDatabase: false,
    forceUtcTimezone: true,
    driverOptions: {
      connectionTimeoutMillis: 5_000,
      application_name: 'cratos-redeploy',
      pipeline: true,
      onPoolCreated: (pool: Pool) => {
        opened.pool = pool;
        pool.on('connect', (client) => {
          breakSilent(client, silenceMs);
          nameStatements(client, statementNames);
          sendInOnePiece(client);
        });
      },
    },
    onCreateConnection: async (connection) => {
      joinMessages(connection as SendingConnection);
      if (tracing) spanStatements(connection as SendingConnection, tracing, tables());
    },
  });
  const tables = () => new Set(Array.from(orm.getMetadata().getAll().values(), ({ tableName }) => tableName));
  prepareStatements(orm);
  pools.set(orm, opened);
  return orm;
}

const pools = new WeakMap<MikroORM, { pool?: Pool }>();

/** Connections that work and that wait for work, and statements that wait for a connection. */
export function poolCounts(orm: MikroORM): { busy: number; idle: number; waiting: number } {
  const { totalCount = 0, idleCount = 0, waitingCount = 0 } = pools.get(orm)?.pool ?? {};
  return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
}

/** As the driver has it. */
type Pool = {
  on: (event: 'connect', listener: (client: Client) => void) => void;
  totalCount: number;
  idleCount: number;
  waitingCount: number;
};
type Client = NamingClient & QueryingClient & { connection: { stream: Socket } };

/**
 * A half-open connection would keep its request waiting until TCP gives up, after a quarter of an hour. The driver's
 * own `query_timeout` refuses the request but puts the dead connection back into the pool.
 */
function breakSilent({ connection: { stream } }: Client, milliseconds: number): void {
  stream.setTimeout(milliseconds, () => {
    stream.destroy(Object.assign(new Error(`PostgreSQL was silent for ${milliseconds} ms`), { code: 'ETIMEDOUT' }));
  });
}

export type { EntityManager, MikroORM };
