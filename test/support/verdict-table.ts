import { expect, test } from 'vitest';
import type { RolloutStatus } from '../../src/domain/rollout.ts';
import { progressing, type Scene, verdictOn } from './rollout-snapshots.ts';

/** What is seen, and what the verdict must say of it. */
type Row = [rule: string, scene: Scene, status: RolloutStatus, message: string];

export function holds(rows: Row[]): void {
  test.for(rows)('%s', ([, scene, status, message]) => {
    const verdict = verdictOn(scene);
    expect({ status: verdict.status, message: verdict.message }).toEqual({ status, message });
  });
}

/** kubectl's own words for a Deployment named web. */
export const unobserved = 'Waiting for deployment spec update to be observed...';
export const overdue = 'deployment "web" exceeded its progress deadline';
export const waiting = (what: string) => `Waiting for deployment "web" rollout to finish: ${what}...`;
export const done = 'deployment "web" successfully rolled out';

export const unverified = (what: string) => `Waiting for deployment "web" to be verified: ${what}...`;

export const deadlinePassed = progressing('ProgressDeadlineExceeded');
/** Two of three are updated, of which one is available; two old ones are left. */
export const midway = { replicas: 4, updatedReplicas: 2, availableReplicas: 3 };
