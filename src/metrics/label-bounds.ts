import type { Figures } from '../operations/record-figures.ts';
import { type Series, sumSeries } from '../operations/record-sums.ts';

/** Stands for everything that has no value of its own. */
const other = 'other';

/**
 * Keeps the number of label values bounded, and the same in every replica: the applications, and the people, that came
 * first in the record have values of their own, the later ones are `other` together. Nobody changes places, or counters
 * would fall.
 */
export function boundLabels(figures: Figures, atMost: number): Figures {
  const { entries, rights, expiries, endings, successes } = figures;
  const all = [...entries, ...rights, ...expiries, ...endings];
  const applications = firstOf(all, 'application', atMost);
  const people = firstOf(all, 'username', atMost);
  const bound = (several: readonly Series[]): Series[] =>
    sumSeries(
      several.map(({ labels, ...counted }) => {
        const { application = '', username, namespace } = labels;
        const bounded = { ...labels };
        if (username !== undefined && !people.has(username)) bounded.username = other;
        if (!applications.has(application)) {
          bounded.application = other;
          if (namespace !== undefined) bounded.namespace = other;
        }
        return { ...counted, labels: bounded };
      }),
    );
  return {
    ...figures,
    entries: bound(entries),
    rights: bound(rights),
    expiries: bound(expiries),
    endings: bound(endings),
    successes: bound(successes),
  };
}

function firstOf(all: readonly Series[], label: 'application' | 'username', atMost: number): ReadonlySet<string> {
  const firsts = new Map<string, number>();
  for (const { labels, since } of all) {
    const value = labels[label] ?? '';
    firsts.set(value, Math.min(since, firsts.get(value) ?? since));
  }
  const inOrder = [...firsts].sort(([one, first], [another, second]) => first - second || (one < another ? -1 : 1));
  return new Set(inOrder.slice(0, atMost).map(([value]) => value));
}
