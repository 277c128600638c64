import type { Benchmark, Goal } from './benchmark.ts';
import type { Judged, Move, Outcome, Spread } from './statistics.ts';
import type { Profiles } from './measuring.ts';

export function outcomeLines({ figures }: Benchmark, { medians, judged, rounds }: Outcome): string[] {
  const count = Math.max(...Object.values(rounds).map(({ length }) => length));
  const measured = Object.entries(figures).flatMap(([figure, unit]) => [
    `  ${figure}, ${unit}; ${count} rounds`,
    ...Object.entries(medians)
      .filter(([, ofSide]) => figure in ofSide)
      .map(([side, ofSide]) => `    ${side.padEnd(14)}${spread(ofSide[figure]!)}`),
  ]);
  return [...measured, ...judged.map(verdict)];
}

export const verdict = ({ goal, value, isMet }: Judged): string =>
  `  ${isMet ? 'met    ' : 'NOT MET'}  ${nameOf(goal)} ${spread(value)}, ${limitOf(goal)}`;

export const moveLine = ({ name, goal, before, now, moved }: Move): string =>
  `  ${(moved ?? 'as before').padEnd(9)}  ${name}: ${nameOf(goal)} ${spread(before)} → ${spread(now)}`;

export const profileLines = (profiles: Profiles): string[] =>
  Object.entries(profiles).flatMap(([side, lines]) => [
    `  ${side}: CPU by function`,
    ...lines.map((line) => `  ${line}`),
  ]);

const nameOf = ({ figure, of, against }: Goal): string =>
  against === undefined ? `${figure} of ${of}` : `${figure} of ${of} ÷ ${against}`;

const limitOf = (goal: Goal): string =>
  'atMost' in goal ? `at most ${short(goal.atMost)}` : `at least ${short(goal.atLeast)}`;

const spread = ({ median, lower, upper }: Spread): string => `${short(median)} (${short(lower)}–${short(upper)})`;

const short = (value: number): string =>
  value.toLocaleString('en', Math.abs(value) >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 });
