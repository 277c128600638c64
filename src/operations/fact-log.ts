import type { Level, Logger } from 'pino';
import type { AuditKind } from '../domain/audit-facts.ts';
import type { AuditContent } from '../domain/audit-record.ts';

/** What somebody should look at; everything else is info. */
const levels: { [Kind in AuditKind]?: Level } = {
  TICKET_FAIL: 'error',
  TICKET_BREAK_GLASS: 'warn',
  ENTRY_FAILED: 'error',
  TOKEN_STRAY: 'warn',
  REDEPLOY_FAILED: 'error',
  REQUEST_REFUSE: 'warn',
};

/** One line for each fact of the record; what it is not about has no key in it. */
export function logFact(log: Logger, fact: AuditContent): void {
  const { kind, at, ticketNo, operationId, username, applicationName, cluster, namespace, message } = fact;
  // Whoever superseded a redeploy wanted that.
  const level = fact.data['status'] === 'SUPERSEDED' ? 'info' : (levels[kind] ?? 'info');
  log[level](
    {
      event: kind,
      ticketNo: ticketNo ?? undefined,
      operationId: operationId ?? undefined,
      user: username ?? undefined,
      application: applicationName ?? undefined,
      cluster: cluster ?? undefined,
      namespace: namespace ?? undefined,
      at,
    },
    message,
  );
}
