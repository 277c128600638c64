import { uuidOf } from '../../src/graphql/ids.ts';
import { ask } from '../support/service.ts';
import type { Address } from '../support/live-process.ts';
import { type RolloutStatusEvent, type RolloutWatch, watchRollout } from '../support/rollout-watch.ts';
import { redeploy } from '../support/story.ts';
import { until } from '../support/wait.ts';
import type { FaultWorld, Prepared } from './fault-world.ts';
import { differences, type Finding, findingsIn, findingsInStream, operationOf, type OperationRow } from './findings.ts';

/** What the mutation was answered with; null where the connection was lost. */
type Answer = { id: string } | { code: unknown } | null;

/** For what takes ten seconds at most, on a machine that has much else to do. */
const patienceSeconds = 60;

/**
 * alice's redeploy at a replica that may fail her, seen as she sees it: she asks there, follows there, and goes on at
 * the survivor with the same requestId and behind the last event. Somebody else follows at the survivor all the time.
 */
export class InterruptedRedeploy {
  readonly answer: Promise<Answer>;
  readonly #world: FaultWorld;
  readonly #prepared: Prepared;
  readonly #first: Address;
  #ownWatch: RolloutWatch | undefined;
  #otherWatch: RolloutWatch | undefined;
  /** Of her own connection, once it was given up. */
  #seen: RolloutStatusEvent[] | undefined;

  constructor(world: FaultWorld, prepared: Prepared, first: Address) {
    this.#world = world;
    this.#prepared = prepared;
    this.#first = first;
    this.answer = this.#ask(first).catch(() => null);
  }

  /** Until the verdict, or as soon as `isOver`, or the request is refused. */
  async follow(isOver: () => boolean): Promise<void> {
    let isRefused = false;
    void this.answer.then((answer) => (isRefused = answer !== null && 'code' in answer));
    const isEnded = async () => isOver() || isRefused || (await this.#look())?.isEnded;
    await until('the operation ends', isEnded, patienceSeconds);
  }

  /** The connection to the first replica is of no use any more. */
  leave(): void {
    const events = this.#ownWatch?.events ?? [];
    this.#ownWatch?.terminate();
    this.#ownWatch?.unsubscribe();
    this.#ownWatch = undefined;
    this.#seen = [...events];
  }

  /** Asks again under the same requestId, and follows to the end of all that is told of it. */
  async finish(): Promise<OperationRow> {
    await until(
      'the repeated request is answered',
      async () => {
        const answer = await this.#ask(this.#world.survivor);
        if (answer && 'id' in answer) return true;
        if (answer?.code === 'UNAVAILABLE') return false;
        throw new Error(`the repeated request is refused: ${JSON.stringify(answer)}`);
      },
      patienceSeconds,
    );
    const row = await until(
      'the operation has ended and is announced',
      async () => {
        const found = await this.#look();
        return found?.isEnded && found.isAnnounced && found;
      },
      patienceSeconds,
    );
    for (const watch of [this.#ownWatch, this.#otherWatch]) {
      await until('the subscription ends', () => watch!.end(), patienceSeconds);
    }
    return row;
  }

  async findings(row: OperationRow): Promise<Finding[]> {
    const repeated = await this.#ask(this.#world.survivor);
    return [
      ...(await findingsIn(this.#world, this.#prepared, row)),
      ...differences('lost operation', { 'the repeated request': [repeated, { id: row.id }] }),
      ...findingsInStream('alice', [...(this.#seen ?? []), ...this.#ownWatch!.events], row),
      ...findingsInStream('somebody else', this.#otherWatch!.events, row),
    ];
  }

  /** Of the first answer, which may have come late or not at all. */
  async findingsInAnswer(row: OperationRow): Promise<Finding[]> {
    const answer = await this.answer;
    const isGood = answer === null || ('id' in answer ? answer.id === row.id : answer.code === 'UNAVAILABLE');
    return isGood ? [] : [{ kind: 'lost operation', what: `the first answer: ${JSON.stringify(answer)}` }];
  }

  async #look(): Promise<OperationRow | undefined> {
    const row = await operationOf(this.#world.services, this.#prepared);
    if (!row) return undefined;
    const { survivor, story } = this.#world;
    const at = this.#seen ? survivor : this.#first;
    const after = this.#seen?.at(-1)?.sequence ?? 0;
    this.#ownWatch ??= watchRollout(at, story.tokens.alice, { operationId: row.id, after });
    this.#otherWatch ??= watchRollout(survivor, story.tokens.frank, { operationId: row.id, after: 0 });
    return row;
  }

  async #ask(at: Address): Promise<Answer> {
    const { story } = this.#world;
    const { data, errors } = await ask(at, story.tokens.alice, redeploy, { input: this.#prepared.input });
    if (data) return { id: uuidOf((data['redeploy'] as { id: string }).id) };
    return { code: errors[0]?.extensions['code'] };
  }
}
