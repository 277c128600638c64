import type { Chance } from '../support/chance.ts';

/** What a log line would look like that somebody else wrote. */
export const forgedLine = '\r\n{"level":60,"msg":"forged"}\r\n';

/** A JSON number that JSON.parse takes for Infinity: written in its place once the rest is JSON. */
const beyondNumbers = '@@1e999@@';
export const toJson = (value: unknown): string =>
  (JSON.stringify(value) ?? 'undefined').replaceAll(`"${beyondNumbers}"`, '1e999');

export const nastyTexts: readonly string[] = [
  '',
  ' ',
  '\t\n',
  '\u0000',
  'web\u0000service',
  '\u0007\b\u007f',
  '\u001b[31mred\u001b[0m\u001b]0;title\u0007',
  '\u009b31mred',
  forgedLine,
  'a\r\nSet-Cookie: a=b\r\n\r\n',
  '\ud800',
  'a\udc00b',
  '\u202egnissim\u202c',
  '\u2028\u2029\ufeff\u200b',
  '💥👩‍👩‍👧‍👦',
  'ﷺ'.repeat(40),
  'İstanbul ſ ﬁ ０',
  'x'.repeat(64),
  'x'.repeat(254),
  'x'.repeat(2_001),
  "'; drop table users; --",
  "' or '1'='1",
  '" or pg_sleep(9) --',
  '$1 ?1 ?? :name %s %n',
  '${7*7}{{7*7}}#{7*7}',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '../../../etc/passwd',
  '..%2f..%2f',
  '%2e%2e%2f%00',
  '%',
  'kube-system/../../api/v1/secrets',
  'production?x=1#y',
  'a;b&c=d',
  'APPLICATION:REDEPLOY:TOKEN:USERNAME:alice',
  'a:b:{c}:d',
  '{web}*?[a-z]',
  'x\r\nDEL x\r\n',
  '*1\r\n$7\r\nFLUSHDB\r\n',
  '<script>alert(1)</script>',
  'null',
  'true',
  '1e999',
  'NaN',
  '-0',
  '0x10',
  'VGlja2V0OjE=',
  Buffer.from('RedeployOperation:__proto__').toString('base64'),
  Buffer.from('Ticket:\u0000').toString('base64'),
  '00000000-0000-0000-0000-000000000000',
  '2026-13-45T99:99:99Z',
  '+275760-09-13T00:00:00.001Z',
  '999999999',
  '99999999999999999999',
  'file:///etc/passwd',
  'http://169.254.169.254/latest/meta-data',
  'web:v2@sha256:x',
  '-rm -rf',
];

export function nastyText(chance: Chance): string {
  const text = chance.oneOf(nastyTexts);
  const fate = chance.fraction();
  if (fate < 0.04) return 'x'.repeat(10_000 + chance.below(90_000));
  if (fate < 0.2) return text + chance.oneOf(nastyTexts);
  if (fate < 0.25) return text.repeat(1 + chance.below(50));
  return text;
}

const nested = (levels: number, wrap: (inner: unknown) => unknown): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = wrap(value);
  return value;
};

const objects: readonly ((chance: Chance) => unknown)[] = [
  () => ({}),
  () => [],
  () => [[]],
  () => [null],
  (chance) => Array.from({ length: chance.below(2_000) }, () => chance.oneOf(nastyTexts.slice(0, 10))),
  (chance) => nested(chance.below(2_000), (inner) => [inner]),
  (chance) => nested(chance.below(500), (inner) => ({ a: inner })),
  () => JSON.parse('{"__proto__":{"isAdmin":true,"roles":["ADMIN"]}}') as unknown,
  () => ({ constructor: { prototype: { isAdmin: true } } }),
  () => ({ toString: 1, valueOf: null, toJSON: 'x' }),
  () => ({ length: 2 ** 32, 0: 'a' }),
  () => ({ $gt: '', $ne: null }),
  (chance) => ({ [chance.oneOf(nastyTexts)]: chance.oneOf(nastyTexts) }),
  (chance) => Object.fromEntries(Array.from({ length: chance.below(500) }, (_, place) => [`key${place}`, place])),
];
const numbers = [0, -0, -1, 1.5, 2 ** 31, -(2 ** 31) - 1, 2 ** 53 + 2, 1e308, 5e-324, beyondNumbers];

/** Anything that JSON can hold. */
export function nastyValue(chance: Chance): unknown {
  const fate = chance.fraction();
  if (fate < 0.6) return nastyText(chance);
  if (fate < 0.72) return chance.oneOf(numbers);
  if (fate < 0.8) return chance.oneOf([null, true, false]);
  return chance.oneOf(objects)(chance);
}
