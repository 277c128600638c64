import type { Fault } from './secret-files.ts';

/** Nobody else's variables begin so. */
const ownPrefixes = /^(AUDIT|BREAK_GLASS|DOCUMENT|METRICS|OIDC|REDEPLOYS|ROLLOUT|SHUTDOWN|SUBSCRIPTIONS|WEBHOOK)_/;

/** What Kubernetes puts into every container for each Service of its namespace, whatever that is called. */
const serviceLinks = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/;

const units = /_(SECONDS|MINUTES|HOURS|MS|DAYS|PER_MINUTE|PER_HOUR)$/;

/**
 * Names in the environment that are ours by their prefix, or are nearly one of ours that is not set: whoever wrote them
 * believes something to hold that does not. What else the environment has is none of our business.
 */
export function unknownSettings(
  given: readonly string[],
  known: readonly string[],
  secrets: readonly string[],
): Fault[] {
  const files = secrets.map((name) => `${name}_FILE`);
  const ours = new Set([...known, ...files]);
  const unset = known.filter((name) => !given.includes(name) && !given.includes(`${name}_FILE`));
  return given.flatMap((name) => {
    if (ours.has(name) || serviceLinks.test(name)) return [];
    if (name.endsWith('_FILE') && known.includes(name.slice(0, -'_FILE'.length))) {
      return [{ name, message: 'is no setting: only secrets are read from files' }];
    }
    const near = nearest(name, unset);
    if (near === null && !ownPrefixes.test(name)) return [];
    const meant = near ?? nearest(name, [...ours], 0.5);
    return [{ name, message: meant === null ? 'is no setting' : `is no setting; did you mean ${meant}?` }];
  });
}

/** The one that differs least; a small part of its length at most, or by its unit alone. */
function nearest(name: string, among: readonly string[], share = 0.2): string | null {
  const upper = name.toUpperCase();
  if (upper.length < 6) return null;
  const stem = upper.replace(units, '');
  const sameStem = among.find((one) => units.test(one) && one.replace(units, '') === stem && stem.includes('_'));
  if (sameStem) return sameStem;
  const [best] = among
    .map((one) => ({ one, edits: edits(upper, one) }))
    .filter(({ one, edits: count }) => count <= Math.floor(one.length * share))
    .toSorted((a, b) => a.edits - b.edits);
  return best?.one ?? null;
}

/** Letters to put in, leave out or change (Levenshtein). */
function edits(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 0; i < one.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < other.length; j += 1) {
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (one[i] === other[j] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1)!;
}
