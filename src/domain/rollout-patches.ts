import { type DeploymentPatch, operationAnnotation, restartedAtAnnotation } from './cluster.ts';

/** What each patch is conditional on: the object as it was read. Anything else is answered with a conflict. */
type Precondition = { uid: string; resourceVersion: string };

/**
 * kubectl rollout restart's change and nothing else, plus the operation's id: in the Deployment's annotations, and
 * in the template's so that a second restart within the same second is still a change.
 */
export function restartPatch(precondition: Precondition, operationId: string, restartedAt: string): DeploymentPatch {
  return {
    type: 'application/strategic-merge-patch+json',
    body: {
      metadata: { ...precondition, annotations: { [operationAnnotation]: operationId } },
      spec: {
        template: {
          metadata: { annotations: { [restartedAtAnnotation]: restartedAt, [operationAnnotation]: operationId } },
        },
      },
    },
  };
}

const withdrawnAnnotation = 'redeploy.cratos.dev/withdrawn';

/**
 * Changes the object without touching its template, so that a patch of this operation that is still on its way
 * carries a stale resourceVersion and is refused.
 */
export function withdrawalPatch(precondition: Precondition, operationId: string): DeploymentPatch {
  return {
    type: 'application/strategic-merge-patch+json',
    body: { metadata: { ...precondition, annotations: { [withdrawnAnnotation]: operationId } } },
  };
}
