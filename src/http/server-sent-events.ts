import type { ExecutionResult } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { RedeployError } from '../domain/errors.ts';
import type { SignIn } from '../domain/sign-in.ts';
import type { OpenConnections, Release } from './open-connections.ts';
import { onSignInExpiry } from './sign-in-expiry.ts';

type Results = AsyncIterator<ExecutionResult>;

/**
 * The subscriptions that go out over HTTP, as server-sent events. A stream has no close code: where it ends before
 * its time, a last result says why, so that nobody takes it for the end of what was subscribed to.
 */
export class EventStreams {
  private readonly open = new Set<EventStream>();
  private readonly connections: OpenConnections;
  private readonly toResult: (error: unknown) => ExecutionResult;

  constructor(connections: OpenConnections, toResult: (error: unknown) => ExecutionResult) {
    this.connections = connections;
    this.toResult = toResult;
  }

  /** To be told of each request's sign-in before it is carried out. */
  plugin(signIns: WeakMap<Request, SignIn>): Plugin {
    const streams = new WeakMap<Request, EventStream>();
    return {
      onExecutionResult: (execution) => {
        const { request, result } = execution;
        if (!result || !(Symbol.asyncIterator in result)) return;
        const results = result[Symbol.asyncIterator]() as Results;
        try {
          const stream = this.follow(results, request.signal, signIns.get(request)!);
          streams.set(request, stream);
          execution.setResult(stream);
        } catch (error) {
          void results.return?.();
          execution.setResult(this.toResult(error));
        }
      },
      onResponse: ({ request, response }) => {
        // To a client that takes no streams it is never sent, and nobody else would end it.
        if (!isStream(response)) void streams.get(request)?.return();
      },
    };
  }

  endAll(): void {
    const why = new RedeployError('UNAVAILABLE', 'the service is going away', { advice: 'Subscribe again.' });
    for (const stream of this.open) stream.endWith(this.toResult(why));
  }

  private follow(results: Results, connection: AbortSignal, { actor, expiresAt }: SignIn): EventStream {
    const release: Release = this.connections.openSubscription(actor, 0);
    const cut = (): void => void stream.return();
    const stream = new EventStream(results, () => {
      clearTimeout(expiry);
      connection.removeEventListener('abort', cut);
      this.open.delete(stream);
      release();
    });
    const expiry = onSignInExpiry(expiresAt, () => {
      const why = new RedeployError('UNAUTHENTICATED', 'the sign-in token has expired', { advice: 'Sign in again.' });
      stream.endWith(this.toResult(why));
    });
    this.open.add(stream);
    // A connection that is cut while the subscription is being opened has nobody else to end it.
    connection.addEventListener('abort', cut);
    if (connection.aborted) cut();
    return stream;
  }
}

const isStream = ({ headers }: Response): boolean =>
  headers.get('content-type')?.startsWith('text/event-stream') ?? false;

/** Results that can be ended from outside while somebody waits for the next one. */
class EventStream implements AsyncIterableIterator<ExecutionResult> {
  private readonly results: Results;
  private readonly leave: () => void;
  private last: ExecutionResult | null = null;
  private isDone = false;
  /** Ends the wait for the next result. */
  private wake: () => void = () => undefined;

  constructor(results: Results, leave: () => void) {
    this.results = results;
    this.leave = leave;
  }

  async next(): Promise<IteratorResult<ExecutionResult>> {
    if (!this.isDone) {
      const ended = Promise.withResolvers<null>();
      this.wake = () => ended.resolve(null);
      const result = await Promise.race([this.results.next(), ended.promise]).catch(async (error: unknown) => {
        await this.return();
        throw error;
      });
      if (result && !this.isDone) {
        if (result.done) await this.return();
        return result;
      }
    }
    const value = this.last;
    this.last = null;
    return value ? { done: false, value } : { done: true, value: undefined };
  }

  endWith(last: ExecutionResult): void {
    if (this.isDone) return;
    this.last = last;
    void this.return();
  }

  async return(): Promise<IteratorResult<ExecutionResult>> {
    if (!this.isDone) {
      this.isDone = true;
      this.leave();
      this.wake();
      await this.results.return?.();
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
