import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLError,
  mapSourceToResponseEvent,
  validateSubscriptionArgs,
  type ValidatedSubscriptionArgs,
  visit,
} from 'graphql';
import type { RolloutEvent } from '../domain/rollout.ts';
import type { Receiver } from './live-stream.ts';
import { RolloutStream } from './rollout-stream.ts';
import { eventsToResults } from './trusted-documents.ts';

/*
 * In an incident everybody watches the same rollout, and what an event tells depends on nobody who asks. So whoever
 * asks with the same document belongs to one audience, for which an event is executed and written as JSON once. Who
 * may listen at all is decided for each of them when they subscribe, and their streams stay their own.
 */

type Mask = (error: unknown) => GraphQLError;

/** Those who get the same results. */
class Audience {
  readonly key: string;
  size = 0;
  private readonly carryOut: ReturnType<typeof eventsToResults>;
  private readonly mask: Mask;
  private readonly results = new WeakMap<RolloutEvent, string>();

  constructor(key: string, args: ExecutionArgs, validated: ValidatedSubscriptionArgs, mask: Mask) {
    this.key = key;
    const contextValue = undefined; // nobody's in particular
    this.carryOut = eventsToResults({ ...args, contextValue }, { ...validated, contextValue });
    this.mask = mask;
  }

  resultOf(event: RolloutEvent): string {
    const known = this.results.get(event);
    if (known) return known;
    const result = this.carryOut(event);
    if (result instanceof Promise) throw new Error('a rollout event is at hand whole, nothing of it is waited for');
    const { errors, ...rest } = result;
    const json = JSON.stringify(errors ? { ...rest, errors: errors.map((error) => this.mask(error)) } : rest);
    this.results.set(event, json);
    return json;
  }
}

/** A client as it sees results. */
export type Recipient = {
  /** A promise of when it has left where it did not leave at once. */
  send(json: string): Promise<void> | null;
};

/** One client's results: as an iterable it yields nothing, but sends them by itself, and is done when they are. */
export class SharedResults implements AsyncIterableIterator<ExecutionResult>, Receiver<RolloutEvent> {
  private readonly events: RolloutStream;
  private readonly audience: Audience;
  private recipient: Recipient | null = null;

  constructor(events: RolloutStream, audience: Audience) {
    this.events = events;
    this.audience = audience;
  }

  /** To be called before anything is asked for. */
  sendTo(recipient: Recipient): void {
    this.recipient = recipient;
  }

  receive(event: RolloutEvent): Promise<void> | null {
    return this.recipient!.send(this.audience.resultOf(event));
  }

  async next(): Promise<IteratorResult<ExecutionResult>> {
    await this.events.handTo(this);
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<ExecutionResult>> {
    await this.events.return();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Subscribes as graphql does, but to results that are shared where they can be. */
export class Audiences {
  private readonly mask: Mask;
  private readonly audiences = new Map<string, Audience>();

  constructor(mask: Mask) {
    this.mask = mask;
  }

  async subscribe(args: ExecutionArgs): Promise<ExecutionResult | AsyncIterableIterator<ExecutionResult>> {
    const validated = validateSubscriptionArgs(args);
    if (!('schema' in validated)) return { errors: validated };
    const events = await createSourceEventStream(validated);
    if (!(Symbol.asyncIterator in events)) return events;
    if (!(events instanceof RolloutStream)) return mapSourceToResponseEvent(validated, events);
    return new SharedResults(events, this.join(args, validated, events));
  }

  /** How many there are. */
  get count(): number {
    return this.audiences.size;
  }

  private join(args: ExecutionArgs, validated: ValidatedSubscriptionArgs, events: RolloutStream): Audience {
    const key = keyOf(args, validated);
    const audience = this.audiences.get(key) ?? new Audience(key, args, validated, this.mask);
    this.audiences.set(key, audience);
    audience.size += 1;
    events.onReturn(() => {
      audience.size -= 1;
      if (audience.size === 0) this.audiences.delete(audience.key);
    });
    return audience;
  }
}

/**
 * All that the results depend on beside the event. No field of an event takes arguments, and those of the subscription
 * say which events come, not what they tell: of the variables only the directives' count.
 */
function keyOf({ document, operationName }: ExecutionArgs, { variableValues }: ValidatedSubscriptionArgs): string {
  const names = new Set<string>();
  visit(document, {
    Directive: (directive) => {
      visit(directive, { Variable: ({ name }) => void names.add(name.value) });
    },
  });
  const values = [...names].map((name) => [name, variableValues.coerced[name]]);
  return JSON.stringify([document.loc?.source.body, operationName, values]);
}
