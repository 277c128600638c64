import type { Benchmark, Figures, Goal } from './benchmark.ts';

/** The median, and between which values the middle half lies. */
export type Spread = { median: number; lower: number; upper: number };

/** What each side measured, round by round. */
export type Rounds = Record<string, Figures[]>;

export type Judged = { goal: Goal; value: Spread; isMet: boolean };

export type Outcome = {
  name: string;
  /** By side and figure. */
  medians: Record<string, Record<string, Spread>>;
  judged: Judged[];
  rounds: Rounds;
};

export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error('nothing was measured');
  const sorted = values.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), lower: quantile(sorted, 0.25), upper: quantile(sorted, 0.75) };
}

/** Between two values it lies on the line that joins them. */
function quantile(sorted: readonly number[], part: number): number {
  const place = (sorted.length - 1) * part;
  const below = sorted[Math.floor(place)]!;
  return below + (sorted[Math.ceil(place)]! - below) * (place % 1);
}

/** Ratios are taken round by round, of rounds that were run one after the other: what slows the machine slows both. */
export function judge(
  { name, figures, goals }: Pick<Benchmark, 'name' | 'figures' | 'goals'>,
  rounds: Rounds,
): Outcome {
  const medians = Object.fromEntries(
    Object.entries(rounds).map(([side, measured]) => [
      side,
      Object.fromEntries(
        Object.keys(figures)
          .filter((figure) => measured.some((round) => figure in round))
          .map((figure) => [figure, spreadOf(valuesOf(measured, figure))]),
      ),
    ]),
  );
  const judged = goals.map((goal) => {
    const { of, against, figure } = goal;
    const values = valuesOf(rounds[of] ?? [], figure);
    const references = against === undefined ? null : valuesOf(rounds[against] ?? [], figure);
    const value = spreadOf(values.map((one, round) => (references ? one / references[round]! : one)));
    return { goal, value, isMet: 'atMost' in goal ? value.median <= goal.atMost : value.median >= goal.atLeast };
  });
  return { name, medians, judged, rounds };
}

function valuesOf(measured: readonly Figures[], figure: string): number[] {
  return measured.map((round) => {
    const value = round[figure];
    if (value === undefined || !Number.isFinite(value)) throw new Error(`${figure} was not measured`);
    return value;
  });
}

/** The same goal then and now. */
export type Move = { name: string; goal: Goal; before: Spread; now: Spread; moved: 'better' | 'worse' | null };

/** What has a single round, or hardly differs from round to round, tells nothing of the noise between two runs. */
const leastMove = 0.1;

/** What moved: by a tenth at least, and where the middle halves of the rounds then and now have nothing in common. */
export function compare(earlier: readonly Outcome[], now: readonly Outcome[]): Move[] {
  return now.flatMap(({ name, judged }) =>
    judged.flatMap(({ goal, value }) => {
      const before = earlier.find((outcome) => outcome.name === name)?.judged.find((one) => isSameGoal(one.goal, goal));
      return before ? [{ name, goal, before: before.value, now: value, moved: moveOf(goal, before.value, value) }] : [];
    }),
  );
}

/** However it is limited: limits may change. */
const isSameGoal = (a: Goal, b: Goal): boolean =>
  a.figure === b.figure && a.of === b.of && a.against === b.against && 'atMost' in a === 'atMost' in b;

function moveOf(goal: Goal, before: Spread, now: Spread): Move['moved'] {
  if (now.lower <= before.upper && before.lower <= now.upper) return null;
  if (Math.abs(now.median - before.median) < leastMove * Math.abs(before.median)) return null;
  return now.median < before.median === 'atMost' in goal ? 'better' : 'worse';
}
