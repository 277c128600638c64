import type { Operation } from '../domain/operation.ts';
import type { Span, Tracing } from '../domain/tracing.ts';

/** Follows an operation in the trace in which it was asked for, whichever process that was. */
export function beginSpan(tracing: Tracing, operation: Operation): Span {
  const { id, type, applicationName, cluster, namespace, deploymentName, traceparent = null } = operation;
  const attributes = {
    'cratos.operation.id': id,
    'cratos.operation.type': type,
    'cratos.application.name': applicationName,
    'k8s.cluster.name': cluster,
    'k8s.namespace.name': namespace,
    'k8s.deployment.name': deploymentName,
  };
  return tracing.begin('rollout', { parent: traceparent, attributes });
}

/** Its rollout status has changed. */
export function tellSpan(span: Span | undefined, { rolloutStatus }: Operation): void {
  span?.event(rolloutStatus);
  span?.set({ 'cratos.rollout.status': rolloutStatus });
  if (rolloutStatus === 'FAILED' || rolloutStatus === 'TIMED_OUT') span?.fail(rolloutStatus);
}
