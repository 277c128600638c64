import { readFileSync } from 'node:fs';

/** How somebody stands to the application and to the ticket that a request is about. */
export type Relation = { isOwner: boolean; isOwn: boolean };
export const relations: readonly Relation[] = [
  { isOwner: true, isOwn: true },
  { isOwner: true, isOwn: false },
  { isOwner: false, isOwn: true },
  { isOwner: false, isOwn: false },
];

/** One answer that docs/access.md promises: of what, to whom, in which relation. */
export type Cell = { subject: string; roles: string; relation: Relation; answer: string };

const terms: Record<string, (relation: Relation) => boolean> = {
  always: () => true,
  owner: ({ isOwner }) => isOwner,
  'no owner': ({ isOwner }) => !isOwner,
  'own ticket': ({ isOwn }) => isOwn,
  "another's ticket": ({ isOwn }) => !isOwn,
};

function holds(when: string, relation: Relation): boolean {
  return when.split(', ').every((term) => {
    const isSo = terms[term];
    if (!isSo) throw new Error(`docs/access.md: nobody knows what "${term}" means`);
    return isSo(relation);
  });
}

const file = new URL('../../docs/access.md', import.meta.url);
const split = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

/** Every cell of every table of docs/access.md, once for each relation that its row is about. */
export function readCells(): Cell[] {
  const cells: Cell[] = [];
  let columns: string[] = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (!line.startsWith('|') || line.startsWith('| ---')) continue;
    const [name = '', when = '', ...answers] = split(line);
    if (name === 'field') {
      columns = answers;
      continue;
    }
    const subject = name.replaceAll('`', '');
    for (const relation of relations.filter((one) => holds(when, one))) {
      for (const [place, answer] of answers.entries()) {
        cells.push({ subject, roles: columns[place] ?? '', relation, answer });
      }
    }
  }
  return cells;
}
