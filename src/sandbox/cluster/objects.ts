/** The Kubernetes objects that the simulated cluster keeps, as they stand on the wire. */

export type OwnerReference = {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
};

export type Metadata = {
  name: string;
  generateName?: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
};

export type Container = { name: string; image: string; imagePullPolicy?: string; [field: string]: unknown };
export type PodSpec = {
  containers: Container[];
  initContainers?: Container[];
  nodeName?: string;
  [field: string]: unknown;
};
export type PodTemplate = {
  metadata: { creationTimestamp?: null; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: PodSpec;
};
export type LabelSelector = {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
};
export type Condition = {
  type: string;
  status: string;
  lastUpdateTime?: string;
  lastProbeTime?: null;
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
};

export type DeploymentSpec = {
  replicas: number;
  selector: LabelSelector;
  template: PodTemplate;
  strategy: {
    type: string;
    rollingUpdate?: { maxSurge: number | string; maxUnavailable: number | string };
  };
  minReadySeconds?: number;
  revisionHistoryLimit?: number;
  progressDeadlineSeconds?: number;
  paused?: boolean;
};
/** Zero counts are absent, as Kubernetes leaves them out. */
export type DeploymentStatus = {
  observedGeneration?: number;
  replicas?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  unavailableReplicas?: number;
  collisionCount?: number;
  conditions?: Condition[];
};
export type ReplicaSetSpec = {
  replicas: number;
  minReadySeconds?: number;
  selector: LabelSelector;
  template: PodTemplate;
};
export type ReplicaSetStatus = {
  replicas: number;
  fullyLabeledReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  observedGeneration?: number;
  conditions?: Condition[];
};
export type ContainerState = {
  waiting?: { reason: string; message?: string };
  running?: { startedAt: string };
  terminated?: { exitCode: number; reason: string; startedAt: string; finishedAt: string; containerID?: string };
};
export type ContainerStatus = {
  name: string;
  image: string;
  imageID: string;
  ready: boolean;
  started: boolean;
  restartCount: number;
  state: ContainerState;
  lastState: ContainerState;
  containerID?: string;
};
export type PodStatus = {
  phase: string;
  reason?: string;
  message?: string;
  qosClass?: string;
  podIP?: string;
  hostIP?: string;
  startTime?: string;
  conditions?: Condition[];
  initContainerStatuses?: ContainerStatus[];
  containerStatuses?: ContainerStatus[];
};
/** Resource names and their amounts, such as `pods: "4"`. */
export type Amounts = Record<string, string>;

type ObjectOf<Kind extends string> = { apiVersion: string; kind: Kind; metadata: Metadata };
export type Namespace = ObjectOf<'Namespace'> & { spec: { finalizers?: string[] }; status: { phase: string } };
export type Deployment = ObjectOf<'Deployment'> & { spec: DeploymentSpec; status: DeploymentStatus };
export type ReplicaSet = ObjectOf<'ReplicaSet'> & { spec: ReplicaSetSpec; status: ReplicaSetStatus };
export type Pod = ObjectOf<'Pod'> & { spec: PodSpec; status: PodStatus };
export type ClusterEvent = ObjectOf<'Event'> & {
  type?: string;
  reason?: string;
  message?: string;
  count?: number;
  involvedObject: Record<string, string>;
  firstTimestamp: string | null;
  lastTimestamp: string | null;
  [field: string]: unknown;
};

export type ResourceQuota = ObjectOf<'ResourceQuota'> & {
  spec: { hard?: Amounts };
  status: { hard?: Amounts; used?: Amounts };
};

export type Objects = {
  namespaces: Namespace;
  deployments: Deployment;
  replicasets: ReplicaSet;
  pods: Pod;
  events: ClusterEvent;
  resourcequotas: ResourceQuota;
};
export type ResourceName = keyof Objects;
export type KubernetesObject = Objects[ResourceName];

export type Subresource = 'status' | 'scale' | 'binding' | 'log';
export type Resource = {
  name: ResourceName;
  group: '' | 'apps';
  kind: string;
  singularName: string;
  shortNames: readonly string[];
  namespaced: boolean;
  subresources: readonly Subresource[];
};

export const resources: { readonly [Name in ResourceName]: Resource } = {
  namespaces: {
    name: 'namespaces',
    group: '',
    kind: 'Namespace',
    singularName: 'namespace',
    shortNames: ['ns'],
    namespaced: false,
    subresources: ['status'],
  },
  deployments: {
    name: 'deployments',
    group: 'apps',
    kind: 'Deployment',
    singularName: 'deployment',
    shortNames: ['deploy'],
    namespaced: true,
    subresources: ['status', 'scale'],
  },
  replicasets: {
    name: 'replicasets',
    group: 'apps',
    kind: 'ReplicaSet',
    singularName: 'replicaset',
    shortNames: ['rs'],
    namespaced: true,
    subresources: ['status', 'scale'],
  },
  pods: {
    name: 'pods',
    group: '',
    kind: 'Pod',
    singularName: 'pod',
    shortNames: ['po'],
    namespaced: true,
    subresources: ['status', 'binding', 'log'],
  },
  events: {
    name: 'events',
    group: '',
    kind: 'Event',
    singularName: 'event',
    shortNames: ['ev'],
    namespaced: true,
    subresources: [],
  },
  resourcequotas: {
    name: 'resourcequotas',
    group: '',
    kind: 'ResourceQuota',
    singularName: 'resourcequota',
    shortNames: ['quota'],
    namespaced: true,
    subresources: ['status'],
  },
};

export const isResourceName = (name: string): name is ResourceName => Object.hasOwn(resources, name);

export const apiVersionOf = (resource: Resource): string => (resource.group === '' ? 'v1' : `${resource.group}/v1`);

/** An instant as Kubernetes writes it: whole seconds. */
export const instant = (milliseconds: number = Date.now()): string =>
  new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');

export const controllerOf = (object: KubernetesObject): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find(({ controller }) => controller === true);
