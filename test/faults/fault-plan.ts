import { type RedeployType, redeployTypes } from '../../src/domain/operation.ts';
import { Chance, seed } from '../support/chance.ts';
import { dependencies, type Dependency, type Moment, moments } from '../support/counting-proxy.ts';

/** SIGKILL or SIGSTOP. */
export type FaultKind = 'kill' | 'stop';

/** At which request, counted from the mutation's first one, or of those that read alike. */
export type FaultPoint = { dependency: Dependency; number: number; moment: Moment; request?: string };

export type Fault = FaultPoint & { kind: FaultKind; type: RedeployType };

/** How many requests a redeploy makes up to its verdict. */
export type Ranges = Record<RedeployType, Record<Dependency, number>>;

/** Where nothing was measured: less than any redeploy makes. */
const leastRange: Record<Dependency, number> = { postgres: 60, redis: 5, kubernetes: 8 };
export const leastRanges = Object.fromEntries(redeployTypes.map((type) => [type, leastRange])) as Ranges;

const chance = new Chance(seed);

/** Every request of this type, each both before it is carried out and after. */
export const everyFault = (kind: FaultKind, type: RedeployType, ranges: Ranges): Fault[] =>
  dependencies.flatMap((dependency) =>
    Array.from({ length: ranges[type][dependency] }, (_, index) => index + 1).flatMap((number) =>
      moments.map((moment) => ({ kind, type, dependency, number, moment })),
    ),
  );

/** Drawn over the whole range; no dependency is left out for having fewer requests. */
export function drawFaults(kind: FaultKind, type: RedeployType, ranges: Ranges, count: number): Fault[] {
  const first = chance.below(dependencies.length);
  return Array.from({ length: count }, (_, index) => {
    const dependency = dependencies[(first + index) % dependencies.length]!;
    const number = 1 + chance.below(ranges[type][dependency]);
    return { kind, type, dependency, number, moment: chance.oneOf(moments) };
  });
}

/** What TEST_FAULT names: one fault to be played again. */
export function givenFault(): Fault | null {
  const [kind, type, dependency, number, moment, ...request] = process.env['TEST_FAULT']?.split(' ') ?? [];
  return kind
    ? ({ kind, type, dependency, number: Number(number), moment, request: request.join(' ') || undefined } as Fault)
    : null;
}
