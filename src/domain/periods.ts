export const periodLengths = ['DAY', 'WEEK', 'MONTH'] as const;
export type PeriodLength = (typeof periodLengths)[number];

/** From one instant on, and before another. */
export type Period = { from: Date; to: Date };

const dayMilliseconds = 86_400_000;

/** The calendar's days, weeks or months in UTC that a time touches, the first and the last cut to it; without a length the time itself. */
export function periodsOf({ from, to }: Period, length: PeriodLength | null): Period[] {
  const periods: Period[] = [];
  for (let start = from; start < to;) {
    const next = length === null ? to : nextAfter(start, length);
    const end = next < to ? next : to;
    periods.push({ from: start, to: end });
    start = end;
  }
  return periods;
}

/** Weeks begin on Monday, as ISO 8601 has it. */
function nextAfter(at: Date, length: PeriodLength): Date {
  if (length === 'MONTH') return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1));
  const midnight = Math.floor(at.getTime() / dayMilliseconds) * dayMilliseconds;
  const days = length === 'DAY' ? 1 : 7 - ((at.getUTCDay() + 6) % 7);
  return new Date(midnight + days * dayMilliseconds);
}
