import { describe, expect, test } from 'vitest';
import { rolloutStatuses, rolloutTransitions, unfinishedStatuses } from '../../src/domain/rollout.ts';
import { ticketStatuses, ticketTransitions } from '../../src/domain/ticket-status.ts';
import { followTransition, isFinal, type Transitions } from '../../src/domain/transitions.ts';

/** Every step there is, allowed and forbidden; a column is the status before. */
const ticketSteps = `
  PENDING_APPROVAL -> APPROVED REJECTED CANCELLED EXPIRED
  APPROVED         -> AUTHORIZED FAILED
  AUTHORIZED       -> REDEPLOYING COMPLETED
  REDEPLOYING      -> AUTHORIZED COMPLETED
  COMPLETED        ->
  REJECTED         ->
  CANCELLED        ->
  EXPIRED          ->
  FAILED           ->
`;
const rolloutSteps = `
  STARTED     -> PROGRESSING VERIFYING COMPLETED FAILED TIMED_OUT SUPERSEDED
  PROGRESSING -> VERIFYING COMPLETED FAILED TIMED_OUT SUPERSEDED
  VERIFYING   -> COMPLETED FAILED TIMED_OUT SUPERSEDED
  COMPLETED   ->
  FAILED      ->
  TIMED_OUT   ->
  SUPERSEDED  ->
`;

function describeSteps<Status extends string>(
  what: string,
  steps: string,
  statuses: readonly Status[],
  table: Transitions<Status>,
): void {
  const allowed = new Map(
    steps
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s*->\s*/))
      .map(([from = '', to = '']) => [from, to.split(' ').filter(Boolean)]),
  );
  const pairs = statuses.flatMap((from) => statuses.map((to) => ({ from, to })));
  const isAllowed = ({ from, to }: { from: Status; to: Status }) => allowed.get(from)!.includes(to);

  describe(`every step of ${what}`, () => {
    test('names every status once', () => {
      expect([...allowed.keys()].sort()).toEqual([...statuses].sort());
      expect(Object.keys(table).sort()).toEqual([...statuses].sort());
    });
    test.for(pairs.filter(isAllowed))('may go from $from to $to', ({ from, to }) => {
      expect(followTransition<Status>(table, from, to)).toBe(to);
    });
    test.for(pairs.filter((pair) => !isAllowed(pair)))('may not go from $from to $to', ({ from, to }) => {
      expect(() => followTransition<Status>(table, from, to)).toThrow(`${from} cannot be followed by ${to}`);
    });
  });
}

describeSteps('a ticket', ticketSteps, ticketStatuses, ticketTransitions);
describeSteps('a rollout', rolloutSteps, rolloutStatuses, rolloutTransitions);

test('a status that leads nowhere is final, and the unfinished ones are all the others', () => {
  const isEnd = (status: (typeof rolloutStatuses)[number]) => isFinal(rolloutTransitions, status);
  expect(rolloutStatuses.filter(isEnd)).toEqual(['COMPLETED', 'FAILED', 'TIMED_OUT', 'SUPERSEDED']);
  expect(rolloutStatuses.filter((status) => !isEnd(status))).toEqual(unfinishedStatuses);
});
