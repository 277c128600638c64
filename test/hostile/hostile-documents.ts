import type { Chance } from '../support/chance.ts';
import { documents } from './hostile-inputs.ts';
import { nastyText, nastyTexts } from './nasty-values.ts';

type Spoil = (document: string, chance: Chance) => string;

const cut = (text: string, chance: Chance): [from: number, to: number] => {
  const from = chance.below(text.length + 1);
  return [from, Math.min(text.length, from + chance.below(40))];
};
const insert = (text: string, chance: Chance, more: string): string => {
  const at = chance.below(text.length + 1);
  return text.slice(0, at) + more + text.slice(at);
};
const many = (count: number, write: (place: number) => string): string =>
  Array.from({ length: count }, (_, place) => write(place)).join(' ');
/** Behind a place where a name ends. */
const afterName = (text: string, chance: Chance, more: string): string => {
  const ends = [...text.matchAll(/\w+/g)].map(({ index, 0: name }) => index + name.length);
  const at = chance.oneOf(ends.length > 0 ? ends : [0]);
  return text.slice(0, at) + more + text.slice(at);
};

const tokens = [
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  '!',
  '$',
  '@',
  '...',
  '"',
  '"""',
  '#',
  '\\',
  '=',
  '|',
  '&',
  ':',
  '\ufeff',
];

/** Each makes of one document another. */
const spoils: readonly Spoil[] = [
  (text, chance) => text.slice(0, chance.below(text.length)),
  (text, chance) => {
    const [from, to] = cut(text, chance);
    return text.slice(0, from) + text.slice(to);
  },
  (text, chance) => {
    const [from, to] = cut(text, chance);
    return insert(text, chance, text.slice(from, to));
  },
  (text, chance) => insert(text, chance, chance.oneOf(tokens)),
  (text, chance) => insert(text, chance, chance.oneOf(nastyTexts)),
  (text, chance) => text.replace(/\w+(?= [{(])/, () => chance.oneOf(nastyTexts)),
  (text, chance) => `${text}\n${chance.oneOf(documents).document}`,
  (text, chance) =>
    text.replaceAll('__typename', chance.oneOf(['__schema { types { name } }', '__type(name: "Query")'])),
  (text, chance) =>
    afterName(
      text,
      chance,
      many(1 + chance.below(60), () => '@include(if: true)'),
    ),
  (text, chance) =>
    afterName(text, chance, ` @${chance.oneOf(['skip', 'skip(if: 1)', 'deprecated', 'defer', 'stream', 'x'])} `),
  (text, chance) =>
    afterName(
      text,
      chance,
      `(${chance.oneOf(['first: -1', 'first: 1000', 'x: {a: [1, {b: $c}]}', 'id: "\\u{D800}"'])})`,
    ),
  (text, chance) => afterName(text, chance, `(input: ${JSON.stringify(nastyText(chance))})`),
  (text, chance) => text.replace('{', `{ ${many(chance.below(400), (place) => `a${place}: __typename`)} `),
  (text, chance) => text.replace('{', `{ ${many(chance.below(40), (place) => `r${place}: viewer { username }`)} `),
  (text, chance) => `${text} ${many(chance.below(60), (place) => `fragment F${place} on Query { ...F${place + 1} }`)}`,
  (text) => text.replace('{', '{ ...Loop ') + ' fragment Loop on Query { ...Pool } fragment Pool on Query { ...Loop }',
  (text, chance) =>
    text.replace(/\$\w+/, (name) => many(1 + chance.below(200), (place) => `${name}${place}: Int = 1, `) + name),
  (text) => text.replace(/\w+!/, '[[[[[[Nothing!]!]!]!]!]!]!'),
  (text, chance) =>
    `${text} type Extra { a: Int } ${chance.oneOf(['schema { query: Extra }', 'extend type Query { a: Int }'])}`,
  (text, chance) =>
    text.replaceAll(/\s+/g, chance.oneOf([',,,', '\r', '\u2028', '\t\ufeff', `#${chance.oneOf(nastyTexts)}\n`])),
  (text, chance) =>
    text.replace(/^(query|mutation|subscription)/, () =>
      chance.oneOf(['query', 'mutation', 'subscription', 'Query', '']),
    ),
];

const nested = (levels: number, open: string, close: string): string => open.repeat(levels) + close.repeat(levels);
const pages =
  '{ tickets(first: 100) { edges { node { operations(first: 100) { edges { node { events(first: 100) { edges { node { sequence } } } } } } } } } }';

/** Documents that are large or deep, each by another means. */
const giants: readonly ((chance: Chance) => string)[] = [
  (chance) => nested(chance.below(30_000), '{a', '}'),
  (chance) => `{ ticket(ticketNo: ${nested(chance.below(30_000), '[', ']')}) { ticketNo } }`,
  (chance) => `{ ticket(ticketNo: ${nested(chance.below(10_000), '{a:', '}')}) { ticketNo } }`,
  (chance) => `query ($x: ${nested(chance.below(30_000), '[', ']')}) { viewer { username } }`,
  (chance) => `{ ticket(ticketNo: "${'x'.repeat(chance.below(200_000))}") { ticketNo } }`,
  (chance) => `{ ticket(ticketNo: """${'\n x'.repeat(chance.below(20_000))}""") { ticketNo } }`,
  (chance) => `{ ${many(chance.below(900), (place) => `a${place}: viewer { username }`)} }`,
  (chance) =>
    `{ ${many(chance.below(20), (place) => `a${place}: tickets(first: 100) { edges { node { ticketNo } } }`)} }`,
  (chance) =>
    `{ viewer { ...F0 } } ${many(chance.below(100), (n) => `fragment F${n} on Viewer { ...F${n + 1} ...F${n + 1} }`)}`,
  (chance) => `{ viewer { username ${many(chance.below(300), () => '@skip(if: false) @include(if: true)')} } }`,
  (chance) => `{ viewer { ${nested(chance.below(300), '... on Viewer {', '}').replace('{}', '{ username }')} } }`,
  (chance) => `{ ${nested(chance.below(20), 'operations { edges { node { ticket { ', '} } } } ')} }`,
  () => pages,
  (chance) => `{${' '.repeat(chance.below(200_000))}viewer{username}}`,
  (chance) => `${'#'.repeat(chance.below(200_000))}\n{ viewer { username } }`,
  (chance) => many(chance.below(300), (place) => `query Q${place} { viewer { username } }`),
  (chance) => `subscription { ${many(chance.below(30), (place) => `a${place}: ticketChanged { ticketNo }`)} }`,
  (chance) => `query (${many(chance.below(400), (place) => `$v${place}: Int`)}) { viewer { username } }`,
  (chance) => `{ ${'x'.repeat(chance.below(100_000))} }`,
];

export const hostileDocument: Spoil = (document, chance) => {
  if (chance.is(0.08)) return chance.oneOf(giants)(chance);
  let spoilt = document;
  for (let times = 1 + chance.below(3); times > 0; times -= 1) spoilt = chance.oneOf(spoils)(spoilt, chance);
  return spoilt;
};
