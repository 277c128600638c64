import type { Target } from '../domain/cluster.ts';
import { RedeployError } from '../domain/errors.ts';
import { describeImages } from '../domain/images.ts';
import type { RedeployType } from '../domain/operation.ts';
import type { Actor } from '../domain/person.ts';
import type { RedeployWarning } from '../domain/redeploy-warnings.ts';
import type { Desk } from './dependencies.ts';
import { readRedeployInput } from './inputs.ts';
import { decideRedeploy } from './redeploy-decision.ts';
import { type FoundTarget, targetName } from './redeploy-targets.ts';
import type { RedeployInput } from './redeploys.ts';

/** What `redeploy` would do with the same input at this moment. */
export type Preflight = {
  /** Why it would be refused; null where it would be done. */
  refusal: RedeployError | null;
  type: RedeployType | null;
  target: Target | null;
  message: string;
  warnings: RedeployWarning[];
};

/** Changes nothing, and records nothing: looking is free. */
export async function preflight(desk: Desk, actor: Actor, input: RedeployInput): Promise<Preflight> {
  try {
    const request = readRedeployInput(input);
    const { found } = await decideRedeploy(desk, actor, request);
    const { target, change, warnings } = found;
    return { refusal: null, type: change.type, target, message: describe(found), warnings };
  } catch (error) {
    if (!(error instanceof RedeployError)) throw error;
    return { refusal: error, type: null, target: null, message: `refused: ${error.message}`, warnings: [] };
  }
}

/** One sentence on what would happen. */
function describe({ target, change, deployment, rolloutStrategy }: FoundTarget): string {
  const name = targetName(target);
  if (change.skipped !== null) return change.skipped;
  if (!deployment) return `creates ${name} from the approved manifest`;
  const { replicas, maxSurge, maxUnavailable } = deployment;
  const steps =
    rolloutStrategy === 'Recreate'
      ? `ends its ${replicas} pods, then starts new ones`
      : `replaces its ${replicas} pods step by step (maxSurge ${maxSurge}, maxUnavailable ${maxUnavailable})`;
  switch (change.type) {
    case 'IMAGE_UPDATE':
      return `gives ${name} the images ${describeImages(change.images ?? [])} and ${steps}`;
    case 'ROLLBACK':
      return `rolls ${name} back to revision ${change.rollbackTo} and ${steps}`;
    default:
      return `restarts ${name}: ${steps}`;
  }
}
