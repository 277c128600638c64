import type {
  V1ContainerState,
  V1ContainerStatus,
  V1Deployment,
  V1ObjectMeta,
  V1OwnerReference,
  V1Pod,
  V1ReplicaSet,
} from '@kubernetes/client-node';
import { operationAnnotation } from '../../domain/cluster.ts';
import type { ContainerSnapshot, DeploymentSnapshot, PodSnapshot, ReplicaSetSnapshot } from '../../domain/cluster.ts';

const revisionAnnotation = 'deployment.kubernetes.io/revision';

/** A ReplicaSet with the name of the Deployment that owns it, for telling whom a change concerns. */
export type OwnedReplicaSet = { namespace: string; deploymentName: string; snapshot: ReplicaSetSnapshot };
export type NamedDeployment = { namespace: string; deploymentName: string; snapshot: DeploymentSnapshot };

/** Holds for objects of the typed client (instants are Dates) and of the wire (instants are strings) alike. */
export function trimDeployment(object: V1Deployment): NamedDeployment {
  const { metadata, spec, status } = object;
  const template = spec?.template;
  return {
    namespace: metadata?.namespace ?? '',
    deploymentName: metadata?.name ?? '',
    snapshot: {
      uid: uidOf(metadata),
      resourceVersion: metadata?.resourceVersion ?? '',
      generation: metadata?.generation ?? 0,
      paused: spec?.paused ?? false,
      replicas: spec?.replicas ?? 1,
      strategy: spec?.strategy?.type ?? 'RollingUpdate',
      containers: (template?.spec?.containers ?? []).map(({ name, image }) => ({ name, image: image ?? '' })),
      revision: revisionOf(metadata),
      operationId: metadata?.annotations?.[operationAnnotation] ?? null,
      templateOperationId: template?.metadata?.annotations?.[operationAnnotation] ?? null,
      status: {
        observedGeneration: status?.observedGeneration ?? 0,
        replicas: status?.replicas ?? 0,
        updatedReplicas: status?.updatedReplicas ?? 0,
        readyReplicas: status?.readyReplicas ?? 0,
        availableReplicas: status?.availableReplicas ?? 0,
      },
      conditions: (status?.conditions ?? []).map((condition) => ({
        type: condition.type,
        status: condition.status,
        reason: condition.reason ?? '',
        message: textOf(condition.message),
        lastUpdateTime: instant(condition.lastUpdateTime),
      })),
    },
  };
}

/** Null for a ReplicaSet that no Deployment owns. */
export function trimReplicaSet(object: V1ReplicaSet): OwnedReplicaSet | null {
  const { metadata, spec, status } = object;
  const owner = controllerOf(metadata, 'Deployment');
  if (!owner) return null;
  return {
    namespace: metadata?.namespace ?? '',
    deploymentName: owner.name,
    snapshot: {
      uid: uidOf(metadata),
      name: metadata?.name ?? '',
      deploymentUid: owner.uid,
      revision: revisionOf(metadata),
      replicas: status?.replicas ?? 0,
      operationId: metadata?.annotations?.[operationAnnotation] ?? null,
      templateOperationId: spec?.template?.metadata?.annotations?.[operationAnnotation] ?? null,
    },
  };
}

/** Null for a pod that no ReplicaSet owns. */
export function trimPod(object: V1Pod): PodSnapshot | null {
  const { metadata, status } = object;
  const owner = controllerOf(metadata, 'ReplicaSet');
  if (!owner) return null;
  const conditions = status?.conditions ?? [];
  const unscheduled = conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  return {
    uid: uidOf(metadata),
    name: metadata?.name ?? '',
    replicaSetUid: owner.uid,
    phase: status?.phase ?? '',
    reason: status?.reason ?? '',
    message: textOf(status?.message),
    ready: conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
    terminating: metadata?.deletionTimestamp !== undefined,
    unschedulable: unscheduled ? textOf(unscheduled.message ?? unscheduled.reason) : null,
    containers: [
      ...(status?.initContainerStatuses ?? []).map((container) => trimContainer(container, true)),
      ...(status?.containerStatuses ?? []).map((container) => trimContainer(container, false)),
    ],
  };
}

function trimContainer(container: V1ContainerStatus, init: boolean): ContainerSnapshot {
  const { state, lastState } = container;
  return {
    name: container.name,
    init,
    ready: container.ready,
    running: state?.running !== undefined,
    restartCount: container.restartCount,
    waiting: state?.waiting ? { reason: state.waiting.reason ?? '', message: textOf(state.waiting.message) } : null,
    terminated: trimTerminated(state?.terminated ?? lastState?.terminated),
  };
}

function trimTerminated(terminated: V1ContainerState['terminated']): ContainerSnapshot['terminated'] {
  if (!terminated) return null;
  return {
    reason: terminated.reason ?? '',
    message: textOf(terminated.message),
    exitCode: terminated.exitCode,
    finishedAt: instant(terminated.finishedAt),
  };
}

/** What a container or a webhook wrote may hold anything; PostgreSQL stores no NUL. */
export const textOf = (text: string | undefined): string => (text ?? '').replaceAll('\0', '');

function controllerOf(metadata: V1ObjectMeta | undefined, kind: string): V1OwnerReference | undefined {
  return metadata?.ownerReferences?.find(
    (owner) => owner.controller === true && owner.kind === kind && owner.apiVersion.startsWith('apps/'),
  );
}

function uidOf(metadata: V1ObjectMeta | undefined): string {
  if (!metadata?.uid) throw new Error('an object came without a uid');
  return metadata.uid;
}

function revisionOf(metadata: V1ObjectMeta | undefined): number {
  const revision = Number(metadata?.annotations?.[revisionAnnotation] ?? 0);
  return Number.isSafeInteger(revision) ? revision : 0;
}

/** Kubernetes' instants have whole seconds; a Date brings milliseconds back in. */
export function instant(value: Date | string | undefined): string {
  if (value === undefined) return '';
  return (typeof value === 'string' ? value : value.toISOString()).replace(/\.\d+Z$/, 'Z');
}
