import { expect, test } from 'vitest';
import { auditKinds } from '../../src/domain/audit-facts.ts';
import { auditOutcomes, outcomeOf, recordsWithOutcome } from '../../src/domain/audit-outcomes.ts';
import { ticketResults } from '../../src/domain/ticket-status.ts';

const records = auditKinds.flatMap((kind) =>
  [...ticketResults, undefined].map((result) => ({ kind, data: result === undefined ? {} : { result } })),
);

test.for([
  ['REDEPLOY_SUCCESS', {}, 'SUCCEEDED'],
  ['REDEPLOY_FAILED', {}, 'FAILED'],
  ['TICKET_APPROVE', {}, 'APPROVED'],
  ['TICKET_REJECT', {}, 'REFUSED'],
  ['REQUEST_REFUSE', { result: 'SUCCEEDED' }, 'REFUSED'],
  ['TICKET_COMPLETE', { result: 'SUCCEEDED' }, 'SUCCEEDED'],
  ['TICKET_COMPLETE', { result: 'FAILED' }, 'FAILED'],
  ['TICKET_COMPLETE', { result: 'MIXED' }, 'FAILED'],
  ['TICKET_COMPLETE', { result: 'UNUSED' }, null],
  ['TICKET_COMPLETE', {}, null],
  ['TICKET_CREATE', {}, null],
  ['TICKET_EXPIRE', {}, null],
] as const)('the outcome of %s %o is %s', ([kind, data, outcome]) => {
  expect(outcomeOf({ kind, data })).toBe(outcome);
});

test.for([...auditOutcomes.map((one) => [one]), [...auditOutcomes], []])(
  'asked for %s, just the records with such an outcome are named, each once',
  (outcomes) => {
    const named = recordsWithOutcome(outcomes);
    for (const record of records) {
      const outcome = outcomeOf(record);
      const times = named.filter(
        ({ kind, result }) => kind === record.kind && (result === null || result === record.data.result),
      );
      expect(times).toHaveLength(outcome !== null && outcomes.includes(outcome) ? 1 : 0);
    }
  },
);
