import { type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { Application, ApplicationTarget } from '../../domain/application.ts';
import { AuditRecord, RefusalTally } from '../../domain/audit-record.ts';
import { Grant } from '../../domain/grant.ts';
import { Operation, OperationEvent } from '../../domain/operation.ts';
import { Approval, Ticket, TicketEntry } from '../../domain/ticket.ts';

export const entities = [
  Application,
  ApplicationTarget,
  Approval,
  AuditRecord,
  Grant,
  Operation,
  OperationEvent,
  RefusalTally,
  Ticket,
  TicketEntry,
];

/** The one place that knows the driver. Connects lazily: a database that is away refuses requests, not the start. */
export function openDatabase(url: string, poolSize = 20): MikroORM {
  return new MikroORM({
    clientUrl: url,
    entities,
    pool: { min: 0, max: poolSize },
    // Every unit of work forks its own EntityManager; the global one would mix identities of requests.
    allowGlobalContext: false,
    ensureDatabase: false,
    forceUtcTimezone: true,
    driverOptions: { connectionTimeoutMillis: 5_000, application_name: 'cratos-redeploy' },
    onCreateConnection: async (connection) => letRollbackFail(connection as Connection),
  });
}

type Connection = { executeQuery: (query: { sql: string }, options?: object) => Promise<unknown> };

/**
 * Kysely gives a transaction's connection back to the pool only once COMMIT or ROLLBACK has succeeded: each one that
 * is lost half-way would be missing for ever, and after a restart of PostgreSQL the pool would be empty. The server
 * rolls back by itself what loses its connection, and the pool throws away what is broken.
 */
function letRollbackFail(connection: Connection): void {
  const execute = connection.executeQuery.bind(connection);
  connection.executeQuery = async (query, options) => {
    const result = execute(query, options);
    return query.sql === 'rollback' ? result.catch(() => ({ rows: [] })) : result;
  };
}

export type { EntityManager, MikroORM };
