import type { DeploymentSnapshot } from './cluster.ts';
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
  /** Null where Kubernetes could not create one. */
  pod: string | null;
  container: string | null;
  reason: string;
  message: string;
  exitCode: number | null;
  restarts: number;
  isDoomed: boolean;
  /** RFC 3339: since when it is seen. Absent in records from before it was kept. */
  since?: string;
  /** The last lines of the crashed container's log, where the API gives them. */
  log?: string | null;
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

/** The state of an operation that is stored and not sent yet. */
export function firstState(
  deployment: DeploymentSnapshot | null,
  oldPods: readonly string[],
  message: string,
): RolloutState {
  return {
    status: 'STARTED',
    message,
    replicas: {
      desired: deployment?.replicas ?? 0,
      updated: 0,
      ready: 0,
      available: deployment?.status.availableReplicas ?? 0,
      old: oldPods.length,
    },
    newPods: [],
    newPodCount: 0,
    terminatedPods: [],
    terminatedPodCount: 0,
    failures: [],
  };
}
