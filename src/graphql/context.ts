import type { Actor } from '../domain/person.ts';
import type { Desk } from '../operations/dependencies.ts';
import { findOperation, type OperationRow } from '../operations/reads.ts';
import { perform } from '../operations/refusals.ts';
import type { LiveRollouts } from './live-rollouts.ts';
import { uuidOf } from './ids.ts';
import { createLoaders, type Loaders } from './loaders.ts';

/** What a resolver works with: who asks, the desk, and batched reads for this request. */
export type Context = {
  actor: Actor;
  desk: Desk;
  live: LiveRollouts;
  loaders: Loaders;
  /** By the operation's global id, or by its UUID as it stands on the Kubernetes object. Throws NOT_FOUND. */
  findOperation: (id: string) => Promise<OperationRow>;
  /** Runs a command; its refusals stand in the record. */
  perform: <Input, Result>(
    request: (desk: Desk, actor: Actor, input: Input) => Promise<Result>,
    input: Input,
  ) => Promise<Result>;
};

export const createContext = (desk: Desk, live: LiveRollouts, actor: Actor): Context => ({
  actor,
  desk,
  live,
  loaders: createLoaders(desk, actor),
  findOperation: (id) => findOperation(desk, actor, uuidOf(id)),
  perform: (request, input) => perform(desk, actor, request, input),
});
