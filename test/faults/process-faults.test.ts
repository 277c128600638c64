import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RedeployType, redeployTypes } from '../../src/domain/operation.ts';
import { drawFaults, everyFault, type Fault, type FaultKind, givenFault, leastRanges } from './fault-plan.ts';
import { faultsFound, missedRequests, summaryOf } from './fault-report.ts';
import { FaultRun } from './fault-run.ts';

/** `npm run test:faults` plays more than two hundred, `npm test` a few; TEST_FAULT names one to be played again. */
const isFull = process.env['TEST_FAULTS'] === 'all';
const given = givenFault();
const timeout = isFull ? 40 * 60_000 : 180_000;

let run: FaultRun;
let ranges = leastRanges;

beforeAll(async () => {
  run = isFull ? await FaultRun.open(5, 1) : await FaultRun.open(1, 5, { isHasty: true });
  if (isFull) ranges = await run.measure();
}, timeout);

afterAll(async () => {
  process.stdout.write(`\n${summaryOf(run.struck)}\n`);
  if (isFull) for (const request of missedRequests(run)) process.stdout.write(`not struck ${request}\n`);
  await run.close();
});

test.concurrent(
  'a process that is killed at any request leaves one restart, a complete record, and no subscriber who misses anything',
  async () => {
    const struck = await run.strike(planned('kill', killsOf));
    expect(faultsFound(struck)).toEqual([]);
  },
  timeout,
);

test.concurrent(
  'a process that is stopped at any request changes nothing when it wakes up late, and goes on serving',
  async () => {
    const struck = await run.strike(planned('stop', stopsOf));
    expect(faultsFound(struck)).toEqual([]);
  },
  timeout,
);

function planned(kind: FaultKind, draw: (type: RedeployType) => Fault[]): Fault[] {
  if (given) return given.kind === kind ? [given] : [];
  return redeployTypes.flatMap((type) => draw(type));
}

function killsOf(type: RedeployType): Fault[] {
  if (!isFull) return drawFaults('kill', type, ranges, 1);
  return type === 'RESTART' ? everyFault('kill', type, ranges) : drawFaults('kill', type, ranges, 24);
}

function stopsOf(type: RedeployType): Fault[] {
  if (!isFull) return drawFaults('stop', type, ranges, type === 'RESTART' ? 1 : 0);
  return drawFaults('stop', type, ranges, 5);
}
