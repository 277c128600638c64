/** Beyond the years 1 to 9999 JavaScript writes what PostgreSQL does not read. */
const earliest = new Date('0001-01-01T00:00:00.000Z');
const latest = new Date('9999-12-31T23:59:59.999Z');

export const isStorable = (at: Date): boolean => at >= earliest && at <= latest;

/** An instant in ISO 8601; null for what is none. */
export function parseInstant(text: string): Date | null {
  const at = new Date(text);
  return isStorable(at) ? at : null;
}
