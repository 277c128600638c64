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

/**
 * A Deployment as a live read brings it: the snapshot, and what only a decision before the act asks for. The
 * template is as it came over the wire, so that nothing of it is lost where it is sent back.
 */
export type DeploymentReading = DeploymentSnapshot & {
  template: PodTemplate;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  /** Field managers that wrote a part of spec, by name. */
  managers: readonly string[];
  progressDeadlineSeconds: number;
  revisionHistoryLimit: number;
  /** As Kubernetes has them, such as "25%" or "1"; null with the strategy Recreate. */
  maxSurge: string | null;
  maxUnavailable: string | null;
};

/** A pod template of the Kubernetes API (v1.PodTemplateSpec), as far as it is looked into here. */
export type PodTemplate = {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: { containers: { name: string; image?: string; readinessProbe?: object; livenessProbe?: object }[] };
};

/** A ReplicaSet as a live read brings it. */
export type ReplicaSetReading = ReplicaSetSnapshot & {
  template: PodTemplate;
  changeCause: string | null;
  createdAt: Date;
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
  /** state.running is set. */
  running: boolean;
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
  /** status.reason and status.message, such as "Evicted" and why; empty for most. */
  reason: string;
  message: string;
  /** Condition Ready is True. */
  ready: boolean;
  /** metadata.deletionTimestamp is set. */
  terminating: boolean;
  /** The message of PodScheduled=False, where the pod cannot be scheduled. */
  unschedulable: string | null;
  containers: ContainerSnapshot[];
};

/** What Kubernetes warned of about one pod (an Event of type Warning), the newest of each reason. */
export type PodWarning = { podUid: string; container: string | null; reason: string; message: string; at: string };

/** The reasons of such Events that tell why a pod does not come up; others are not kept. */
export const warningReasons = ['Unhealthy', 'FailedMount', 'FailedAttachVolume', 'FailedCreatePodSandBox'] as const;

/** Everything about one Deployment at one moment. Never changed once handed out. */
export type RolloutSnapshot = {
  deployment: DeploymentSnapshot | null;
  replicaSets: readonly ReplicaSetSnapshot[];
  pods: readonly PodSnapshot[];
  /** Of these pods. Empty also where the service may not read Events. */
  warnings: readonly PodWarning[];
};

export type DeploymentPatch = {
  type: 'application/strategic-merge-patch+json' | 'application/json-patch+json';
  body: object;
};

/** A Deployment that something happened to, or `all` after a re-list: whatever was missed meanwhile is in the view now. */
export type ClusterChange = { namespace: string; deploymentName: string } | 'all';

/** An Event about a Deployment. */
export type KubernetesEvent = {
  name: string;
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  at: Date;
  deploymentName: string;
  deploymentUid: string;
};

/** A verb on a resource, as RBAC names them. */
export type Access = { verb: string; group: string; resource: string };

export interface Cluster {
  /** The kubeconfig context's name. */
  readonly name: string;
  /** The uid of the kube-system namespace. Asked once and then remembered. Throws ClusterAway. */
  identity(): Promise<string>;
  /** A live read; null where there is none. Throws ClusterAway or ClusterRefused. */
  readDeployment(namespace: string, name: string): Promise<DeploymentReading | null>;
  /** A live read of the ReplicaSets that this Deployment owns. Throws ClusterAway or ClusterRefused. */
  readReplicaSets(namespace: string, deploymentUid: string): Promise<ReplicaSetReading[]>;
  /**
   * The last lines of a container's log, of its run before this one where `previous` is set; null where there are
   * none to be had (the pod is gone, the API server has no way to its node, the service may not). Throws ClusterAway.
   */
  readLog(namespace: string, pod: string, container: string, previous: boolean): Promise<string | null>;
  /** Answers with the patched object. Throws PatchConflict, ClusterRefused or ClusterAway (then it may or may not have landed). */
  patchDeployment(namespace: string, name: string, patch: DeploymentPatch): Promise<DeploymentSnapshot>;
  /** Answers with the created object. Throws ClusterRefused (AlreadyExists among its reasons) or ClusterAway. */
  createDeployment(namespace: string, deployment: object): Promise<DeploymentSnapshot>;
  /** Writes an Event; one that exists already under its name is left as it is. Throws ClusterAway or ClusterRefused. */
  createEvent(namespace: string, event: KubernetesEvent): Promise<void>;
  /** Whether the service itself may do this (SelfSubjectAccessReview). Throws ClusterAway or ClusterRefused. */
  isAllowed(namespace: string, access: Access): Promise<boolean>;
  /** What the watches know now, without a request. Throws ClusterAway until the first list of each kind has come. */
  snapshot(namespace: string, name: string): RolloutSnapshot;
  /** Why the watches bring nothing at present, and for how long; null while they stand. The snapshot grows old meanwhile. */
  outage(namespace: string): { milliseconds: number; message: string } | null;
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
export const revisionAnnotation = 'deployment.kubernetes.io/revision';
