import type { Figures } from '../operations/record-figures.ts';
import { type RecordLabels, type Series, sumSeries } from '../operations/record-sums.ts';

/** Stands for everything that has no value of its own. */
const other = 'other';

/** So many people are told of for an application, on average. */
const peoplePerApplication = 10;

/**
 * Keeps the number of series bounded, and the same in every replica: the applications, the people, and the people at an
 * application, that came first in the record have values of their own, the later ones are `other` together. Without
 * the third, there could be as many series as applications times people. Nobody changes places, or counters would fall.
 */
export function boundLabels(figures: Figures, atMost: number): Figures {
  const { entries, rights, expiries, endings, successes } = figures;
  const all = [...entries, ...rights, ...expiries, ...endings];
  const applications = firstOf(all, ({ application }) => application, atMost);
  const people = firstOf(all, ({ username }) => username, atMost);
  const pairs = firstOf(all, pairOf, atMost * peoplePerApplication);
  const bound = (several: readonly Series[]): Series[] =>
    sumSeries(
      several.map(({ labels, ...counted }) => {
        const { application = '', username, namespace } = labels;
        const bounded = { ...labels };
        if (username !== undefined && !(people.has(username) && pairs.has(pairOf(labels)))) bounded.username = other;
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

const pairOf = ({ application, username }: RecordLabels): string => JSON.stringify([application, username]);

function firstOf(
  all: readonly Series[],
  valueOf: (labels: RecordLabels) => string | undefined,
  atMost: number,
): ReadonlySet<string> {
  const firsts = new Map<string, number>();
  for (const { labels, since } of all) {
    const value = valueOf(labels) ?? '';
    firsts.set(value, Math.min(since, firsts.get(value) ?? since));
  }
  const inOrder = [...firsts].sort(([one, first], [another, second]) => first - second || (one < another ? -1 : 1));
  return new Set(inOrder.slice(0, atMost).map(([value]) => value));
}
