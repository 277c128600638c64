import { Randomness } from '../../src/sandbox/cluster/randomness.ts';

/** Of everything that a test draws; TEST_SEED draws the same again. */
export const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 2 ** 32);

export class Chance {
  readonly #randomness: Randomness;

  constructor(from: number) {
    this.#randomness = new Randomness(from);
  }

  /** From 0 up to 1, which is never drawn. */
  fraction(): number {
    return Number.parseInt(this.#randomness.hex(8), 16) / 2 ** 32;
  }

  below(end: number): number {
    return Math.floor(this.fraction() * end);
  }

  is(probability: number): boolean {
    return this.fraction() < probability;
  }

  oneOf<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}
