import type { Actor } from '../domain/person.ts';
import type { RedeployError } from '../domain/errors.ts';
import type { Desk } from '../operations/dependencies.ts';
import { findOperation, type OperationRow } from '../operations/reads.ts';
import { perform, refuse } from '../operations/refusals.ts';
import type { Live } from './live.ts';
import { uuidOf } from './ids.ts';
import { createLoaders, type Loaders } from './loaders.ts';

/** What a resolver works with: who asks, the desk, and batched reads for this request. */
export type Context = {
  actor: Actor;
  desk: Desk;
  live: Live;
  /** Made when first asked for: most subscriptions need none, and there are thousands. */
  loaders: () => Loaders;
  /** Forgets what was read: a subscription's context outlives many events. */
  renewLoaders: () => void;
  /** By the operation's global id, or by its UUID as it stands on the Kubernetes object. Throws NOT_FOUND. */
  findOperation: (id: string) => Promise<OperationRow>;
  /** Runs a command; its refusals stand in the record. */
  perform: <Input, Result>(
    request: (desk: Desk, actor: Actor, input: Input) => Promise<Result>,
    input: Input,
  ) => Promise<Result>;
  /** Refuses a command; that stands in the record too. */
  refuse: (request: string, refusal: RedeployError) => Promise<never>;
};

/** Yoga copies it: nothing of it may be replaced later. */
export function createContext(desk: Desk, live: Live, actor: Actor): Context {
  let loaders: Loaders | null = null;
  return {
    actor,
    desk,
    live,
    loaders: () => (loaders ??= createLoaders(desk, actor)),
    renewLoaders: () => void (loaders = null),
    findOperation: (id) => findOperation(desk, actor, uuidOf(id)),
    perform: (request, input) => perform(desk, actor, request, input),
    refuse: (request, refusal) => refuse(desk, actor, request, refusal),
  };
}
