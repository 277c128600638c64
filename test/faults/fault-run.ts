import { type RedeployType, redeployTypes } from '../../src/domain/operation.ts';
import { dependencies, type Dependency } from '../support/counting-proxy.ts';
import type { Fault, Ranges } from './fault-plan.ts';
import { faultsFound, type Struck } from './fault-report.ts';
import { FaultWorld } from './fault-world.ts';
import { killAt, stopAt } from './process-faults.ts';

/** Plays faults, as many at a time as there are lanes. Lanes that share a world may take over from each other. */
export class FaultRun {
  readonly struck: Struck[] = [];
  /** What was asked by redeploys that nothing happened to. */
  readonly undisturbed: Record<Dependency, string[]> = { postgres: [], redis: [], kubernetes: [] };
  readonly #worlds: readonly FaultWorld[];
  readonly #free: FaultWorld[];
  readonly #waiting: ((world: FaultWorld) => void)[] = [];

  private constructor(worlds: readonly FaultWorld[], lanesOfEach: number) {
    this.#worlds = worlds;
    this.#free = Array.from({ length: lanesOfEach }, () => worlds).flat();
  }

  static async open(worlds: number, lanesOfEach: number, options: { isHasty?: boolean } = {}): Promise<FaultRun> {
    return new FaultRun(await Promise.all(Array.from({ length: worlds }, () => FaultWorld.open(options))), lanesOfEach);
  }

  /** How many requests a redeploy of each type makes. */
  async measure(): Promise<Ranges> {
    const measured = redeployTypes.map(async (type) => [type, await this.#measure(type)] as const);
    return Object.fromEntries(await Promise.all(measured)) as Ranges;
  }

  async strike(faults: readonly Fault[]): Promise<Struck[]> {
    return (await Promise.all(faults.map((fault) => this.#strike(fault)))).flat();
  }

  async close(): Promise<void> {
    for (const world of this.#worlds) await world.close();
  }

  async #measure(type: RedeployType): Promise<Record<Dependency, number>> {
    const { requests, findings } = await this.#inLane((world) => killAt(world, type, null));
    if (findings.length > 0) throw new Error(`undisturbed it goes wrong: ${JSON.stringify(findings)}`);
    for (const dependency of dependencies) this.undisturbed[dependency].push(...requests[dependency]);
    const [postgres, redis, kubernetes] = dependencies.map((dependency) => requests[dependency].length);
    return { postgres: postgres!, redis: redis!, kubernetes: kubernetes! };
  }

  /** Where the verdict comes before the request, again a little earlier. */
  async #strike(fault: Fault): Promise<Struck[]> {
    const struck = await this.#inLane((world) => play(world, fault));
    this.struck.push(struck);
    for (const found of faultsFound([struck])) process.stderr.write(`${found}\n`);
    if (struck.request !== null || fault.number === 1) return [struck];
    return [struck, ...(await this.#strike({ ...fault, number: Math.floor(fault.number * 0.9) }))];
  }

  async #inLane<T>(work: (world: FaultWorld) => Promise<T>): Promise<T> {
    const world = this.#free.pop() ?? (await new Promise<FaultWorld>((resolve) => this.#waiting.push(resolve)));
    try {
      return await work(world);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(world);
      else this.#free.push(world);
    }
  }
}

/** What does not come to its end is lost. */
async function play(world: FaultWorld, fault: Fault): Promise<Struck> {
  try {
    return { fault, ...(await (fault.kind === 'kill' ? killAt : stopAt)(world, fault.type, fault)) };
  } catch (error) {
    const findings = [{ kind: 'lost operation' as const, what: String(error) }];
    const requests = { postgres: [], redis: [], kubernetes: [] };
    return { fault, request: 'unknown', wasStored: false, takeOvers: 0, findings, requests };
  }
}
