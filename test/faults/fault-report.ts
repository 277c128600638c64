import { dependencies, moments } from '../support/counting-proxy.ts';
import { seed } from '../support/chance.ts';
import type { Fault } from './fault-plan.ts';
import type { FaultRun } from './fault-run.ts';
import type { FindingKind } from './findings.ts';
import type { Outcome } from './process-faults.ts';

const findingKinds: FindingKind[] = ['doubled restart', 'lost operation', 'lost record', 'lost event', 'late change'];

export type Struck = Outcome & { fault: Fault };

/** What is wrong, in a form in which it can be played again. */
export const faultsFound = (struck: readonly Struck[]): string[] =>
  struck.flatMap((one) => one.findings.map(({ kind, what }) => `${kind}: ${what} (TEST_FAULT="${nameOf(one)}")`));

/** By the request itself: its number depends on what else the process does at that time. */
function nameOf({ fault: { kind, type, dependency, number, moment }, request, requests }: Struck): string {
  const alike = requests[dependency].filter((one) => one === request);
  if (alike.length === 0) return `${kind} ${type} ${dependency} ${number} ${moment}`;
  return `${kind} ${type} ${dependency} ${alike.length} ${moment} ${request}`;
}

/** One line on what was done and found. */
export function summaryOf(struck: readonly Struck[]): string {
  const hit = struck.filter(({ request }) => request !== null);
  const killed = hit.filter(({ fault }) => fault.kind === 'kill');
  const of = (kind: FindingKind) => struck.filter(({ findings }) => findings.some((one) => one.kind === kind)).length;
  return [
    `seed ${seed}: ${killed.length} kills (${tally(killed, ({ fault }) => fault.dependency)}; ${tally(killed, ({ fault }) => fault.moment)})`,
    `${hit.length - killed.length} stops`,
    `${struck.length} operations (${tally(struck, ({ fault }) => fault.type)})`,
    `${hit.filter(({ wasStored }) => !wasStored).length} not stored yet and asked for again`,
    `${struck.filter(({ takeOvers }) => takeOvers > 0).length} taken over`,
    ...findingKinds.map((kind) => `${kind}s ${of(kind)}`),
  ].join(', ');
}

/** What an undisturbed redeploy asks and nobody was killed at. */
export function missedRequests({ struck, undisturbed }: FaultRun): string[] {
  const seen = new Set(struck.map(({ fault, request }) => `${fault.dependency} ${fault.moment}: ${request}`));
  const all = dependencies.flatMap((dependency) =>
    undisturbed[dependency].flatMap((request) => moments.map((moment) => `${dependency} ${moment}: ${request}`)),
  );
  return [...new Set(all)].filter((request) => !seen.has(request));
}

function tally<T>(all: readonly T[], by: (one: T) => string): string {
  const groups = Object.entries(Object.groupBy(all, by));
  return groups.map(([name, group]) => `${name} ${group!.length}`).join(', ');
}
