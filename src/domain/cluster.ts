/**
 * The port to Kubernetes: live reads and patches of one Deployment, and a view of everything about it that the
 * watches keep. Objects are trimmed to what a rollout's verdict needs.
 */

/** Where an application runs. The cluster is the name of a kubeconfig context; its uid that of its kube-system namespace. */
export type Target = { cluster: string; clusterUid: string; namespace: string; deploymentName: string };

export type DeploymentCondition = {
  type: string;
  status: string;
  reason: string;
  message: string;
  /** As Kubernetes wrote it; compared for equality only, never with another machine's clock. */
  lastUpdateTime: string;
};

export type DeploymentSnapshot = {
  uid: string;
  resourceVersion: string;
  generation: number;
  paused: boolean;
  /** spec.replicas; Kubernetes' default of 1 where it is not set. */
  replicas: number;
  strategy: string;
  containers: { name: string; image: string }[];
  /** The annotation deployment.kubernetes.io/revision; 0 until the controller has set it. */
  revision: number;
  /** Our annotation on the Deployment itself and in its pod template: the operation that changed it last. */
  operationId: string | null;
  templateOperationId: string | null;
  status: {
    observedGeneration: number;
    replicas: number;
    updatedReplicas: number;
    readyReplicas: number;
    availableReplicas: number;
  };
  conditions: DeploymentCondition[];
};

export type ReplicaSetSnapshot = {
  uid: string;
  name: string;
  /** uid of the Deployment that owns it. */
  deploymentUid: string;
  revision: number;
  /** status.replicas */
  replicas: number;
  operationId: string | null;
  templateOperationId: string | null;
};

export type ContainerSnapshot = {
  name: string;
  init: boolean;
  ready: boolean;
  restartCount: number;
  waiting: { reason: string; message: string } | null;
  /** state.terminated, else lastState.terminated. */
  terminated: { reason: string; message: string; exitCode: number; finishedAt: string } | null;
};

export type PodSnapshot = {
  uid: string;
  name: string;
  /** uid of the ReplicaSet that owns it. */
  replicaSetUid: string;
  phase: string;
  /** Condition Ready is True. */
  ready: boolean;
  /** metadata.deletionTimestamp is set. */
  terminating: boolean;
  /** The message of PodScheduled=False, where the pod cannot be scheduled. */
  unschedulable: string | null;
  containers: ContainerSnapshot[];
};

/** Everything about one Deployment at one moment. Never changed once handed out. */
export type RolloutSnapshot = {
  deployment: DeploymentSnapshot | null;
  replicaSets: readonly ReplicaSetSnapshot[];
  pods: readonly PodSnapshot[];
};

export type DeploymentPatch = {
  type: 'application/strategic-merge-patch+json' | 'application/json-patch+json';
  body: object;
};

/** A Deployment that something happened to, or `all` after a re-list: whatever was missed meanwhile is in the view now. */
export type ClusterChange = { namespace: string; deploymentName: string } | 'all';

export interface Cluster {
  /** The kubeconfig context's name. */
  readonly name: string;
  /** The uid of the kube-system namespace. Asked once and then remembered. Throws ClusterAway. */
  identity(): Promise<string>;
  /** A live read; null where there is none. Throws ClusterAway or ClusterRefused. */
  readDeployment(namespace: string, name: string): Promise<DeploymentSnapshot | null>;
  /** A live read of the ReplicaSets that this Deployment owns. Throws ClusterAway or ClusterRefused. */
  readReplicaSets(namespace: string, deploymentUid: string): Promise<ReplicaSetSnapshot[]>;
  /** Answers with the patched object. Throws PatchConflict, ClusterRefused or ClusterAway (then it may or may not have landed). */
  patchDeployment(namespace: string, name: string, patch: DeploymentPatch): Promise<DeploymentSnapshot>;
  /** What the watches know now, without a request. Throws ClusterAway until the first list of each kind has come. */
  snapshot(namespace: string, name: string): RolloutSnapshot;
  /** Calls back after each change that the watches see; answers with what ends it. The listener only takes note: it neither throws nor waits. */
  onChange(listener: (change: ClusterChange) => void): () => void;
}

export interface Clusters {
  readonly names: readonly string[];
  get(name: string): Cluster | undefined;
}

/** The API server could not be reached, did not answer in time, or was overloaded (5xx, 429). Whether a write landed is unknown. */
export class ClusterAway extends Error {
  override readonly name = 'ClusterAway';
}

/** The object changed since its resourceVersion was read (409). Nothing was written. */
export class PatchConflict extends Error {
  override readonly name = 'PatchConflict';
}

/** Kubernetes said no; the message is its own. Nothing was written. */
export class ClusterRefused extends Error {
  override readonly name = 'ClusterRefused';
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** Stands in the Deployment's annotations always, and in the pod template's except after a rollback. */
export const operationAnnotation = 'redeploy.cratos.dev/operation';
export const restartedAtAnnotation = 'kubectl.kubernetes.io/restartedAt';
