import { expect, test } from 'vitest';
import { instantText } from '../../src/domain/instants.ts';
import { Chance, seed } from '../support/chance.ts';

const ends = ['0001-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z', '2024-02-29T23:59:59.999Z'];
const edges = [0, -1, 1, 999, 1_000, 59_999, 60_000, 3_599_999, 3_600_000, 86_399_999, 86_400_000, -86_400_001];
const times = [...edges, ...ends.map((text) => Date.parse(text)), 8.64e15, -8.64e15];

test('an instant is written as Date itself writes it, whatever was written before', () => {
  const chance = new Chance(seed);
  const drawn = Array.from({ length: 1_000 }, () => Math.floor(chance.fraction() * 4e12 - 1e12));
  for (const time of [...times, ...times.toReversed(), ...drawn]) {
    const at = new Date(time);
    expect(instantText(at)).toBe(at.toISOString());
  }
});

test('what is no instant is not written', () => {
  expect(() => instantText(new Date(NaN))).toThrow(RangeError);
});
