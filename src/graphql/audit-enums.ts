import type { AuditKind, AuditLevel } from '../domain/audit-facts.ts';
import type { AuditOutcome } from '../domain/audit-outcomes.ts';
import { auditKindTexts } from './audit-kinds.ts';
import { builder } from './builder.ts';

export const AuditLevelEnum = builder.enumType('AuditLevel', {
  description: 'What a record is about.',
  values: {
    TICKET: { description: 'A ticket as a whole.' },
    ENTRY: { description: 'One entry of a ticket.' },
    TOKEN: { description: 'A redeploy token.' },
    OPERATION: { description: 'A redeployment.' },
    KUBERNETES: { description: 'A Kubernetes object, from what the watch saw.' },
    SERVICE: { description: 'The service itself: its registry, requests that it refused, and the record.' },
  } satisfies Record<AuditLevel, { description: string }>,
});

export const AuditKindEnum = builder.enumType('AuditKind', {
  description: 'What happened.',
  values: Object.fromEntries(
    Object.entries(auditKindTexts).map(([kind, { description }]) => [kind, { description }]),
  ) as Record<AuditKind, { description: string }>,
});

export const AuditOutcomeEnum = builder.enumType('AuditOutcome', {
  description: 'What came of something.',
  values: {
    SUCCEEDED: { description: 'It was achieved: a token was issued, a redeploy or the whole ticket succeeded.' },
    FAILED: { description: 'It was tried and not achieved, or of a ticket not all of it.' },
    APPROVED: { description: 'A person said yes.' },
    REFUSED: { description: 'A person or the service said no.' },
  } satisfies Record<AuditOutcome, { description: string }>,
});
