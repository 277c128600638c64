import type { Transitions } from './transitions.ts';

export const rolloutStatuses = [
  'STARTED',
  'PROGRESSING',
  'VERIFYING',
  'COMPLETED',
  'FAILED',
  'TIMED_OUT',
  'SUPERSEDED',
] as const;
export type RolloutStatus = (typeof rolloutStatuses)[number];

const ends = ['COMPLETED', 'FAILED', 'TIMED_OUT', 'SUPERSEDED'] as const;

export const rolloutTransitions: Transitions<RolloutStatus> = {
  STARTED: ['PROGRESSING', 'VERIFYING', ...ends],
  PROGRESSING: ['VERIFYING', ...ends],
  // Once Kubernetes said done it stays done: a later scale-up does not reopen the rollout.
  VERIFYING: [...ends],
  COMPLETED: [],
  FAILED: [],
  TIMED_OUT: [],
  SUPERSEDED: [],
};

export const unfinishedStatuses = ['STARTED', 'PROGRESSING', 'VERIFYING'] as const satisfies RolloutStatus[];

export type Replicas = { desired: number; updated: number; ready: number; available: number; old: number };

/** Why a pod does not come up. `isDoomed`: it will not become ready by waiting. */
export type PodFailure = {
  pod: string;
  container: string | null;
  reason: string;
  message: string;
  exitCode: number | null;
  restarts: number;
  isDoomed: boolean;
};

/** A rollout at one moment, whole: what a subscriber gets and the record keeps. */
export type RolloutState = {
  status: RolloutStatus;
  message: string;
  replicas: Replicas;
  /** At most `podListLimit` names; the counts are whole. */
  newPods: string[];
  newPodCount: number;
  terminatedPods: string[];
  terminatedPodCount: number;
  failures: PodFailure[];
};

export const podListLimit = 100;

/** One numbered state of an operation. */
export type RolloutEvent = RolloutState & { operationId: string; sequence: number; at: Date };

/**
 * The port that carries events between replicas. Messages are hints: they may be lost, never wrong; whoever
 * listens fills gaps from the record.
 */
export interface RolloutEvents {
  /** Never throws; an event that could not be published is found by its number. */
  publish(event: RolloutEvent): Promise<void>;
  /** Resolves once the subscription stands (or is known to stand as soon as the carrier is back). The listener neither throws nor waits. */
  subscribe(operationId: string, listener: (event: RolloutEvent) => void): Promise<() => void>;
  /** Calls back when the carrier was away and is back: messages may be missing. Answers with what ends it. */
  onResume(listener: () => void): () => void;
}
