import { type AuditKind, auditKinds } from './audit-facts.ts';
import type { TicketResult } from './ticket-status.ts';

/** What came of it. Most records are steps, or ends that are neither good nor bad: they have none. */
export const auditOutcomes = ['SUCCEEDED', 'FAILED', 'APPROVED', 'REFUSED'] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];

/** Kinds that are an outcome by themselves. */
const outcomeOfKind: Partial<Record<AuditKind, AuditOutcome>> = {
  ENTRY_SUCCESS: 'SUCCEEDED',
  REDEPLOY_SUCCESS: 'SUCCEEDED',
  REDEPLOY_LATE_SUCCESS: 'SUCCEEDED',
  ENTRY_FAILED: 'FAILED',
  REDEPLOY_FAILED: 'FAILED',
  TICKET_FAIL: 'FAILED',
  TICKET_APPROVE: 'APPROVED',
  TICKET_REJECT: 'REFUSED',
  TOKEN_STRAY: 'REFUSED',
  REQUEST_REFUSE: 'REFUSED',
};

/** Of TICKET_COMPLETE, by its result. */
const outcomeOfResult: Record<TicketResult, AuditOutcome | null> = {
  SUCCEEDED: 'SUCCEEDED',
  FAILED: 'FAILED',
  MIXED: 'FAILED',
  UNUSED: null,
};

export function outcomeOf({ kind, data }: { kind: AuditKind; data: Record<string, unknown> }): AuditOutcome | null {
  if (kind === 'TICKET_COMPLETE') return outcomeOfResult[data['result'] as TicketResult] ?? null;
  return outcomeOfKind[kind] ?? null;
}

/** The records that `outcomeOf` gives one of these: all of some kinds, and of TICKET_COMPLETE those with some result. */
export function recordsWithOutcome(
  outcomes: readonly AuditOutcome[],
): { kind: AuditKind; result: TicketResult | null }[] {
  const isMeant = (outcome: AuditOutcome | null | undefined) => outcome != null && outcomes.includes(outcome);
  const results = Object.keys(outcomeOfResult) as TicketResult[];
  return [
    ...auditKinds.filter((kind) => isMeant(outcomeOfKind[kind])).map((kind) => ({ kind, result: null })),
    ...results
      .filter((result) => isMeant(outcomeOfResult[result]))
      .map((result) => ({ kind: 'TICKET_COMPLETE' as const, result })),
  ];
}
