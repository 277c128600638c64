/** A pod as clusters hold it, of about 7.7 KB, 3.1 KB of them managedFields. */
export function podOf(number: number, resourceVersion: number): object {
  const name = `web-service-7d4b9c6f5d-${number.toString(36).padStart(5, '0')}`;
  const app = {
    'app.kubernetes.io/name': 'web-service',
    'app.kubernetes.io/part-of': 'shop',
    'pod-template-hash': '7d4b9c6f5d',
  };
  const containers = ['web', 'proxy'].map(containerOf);
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      name,
      generateName: 'web-service-7d4b9c6f5d-',
      namespace: 'production',
      uid: uidOf(number),
      resourceVersion: String(resourceVersion),
      creationTimestamp: '2026-03-14T03:12:07Z',
      labels: app,
      annotations: {
        'prometheus.io/scrape': 'true',
        'prometheus.io/port': '9090',
        'checksum/config': '9f86d081884c7d659a2feaa0c55ad015',
      },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: 'web-service-7d4b9c6f5d',
          uid: replicaSetUid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
      managedFields: [
        managed('kube-controller-manager', 'f:spec', Object.keys(containers[0]!), app),
        managed('kubelet', 'f:status', Object.keys(statusOf('web')), app),
      ],
    },
    spec: {
      volumes: [
        { name: 'config', configMap: { name: 'web-service-config', defaultMode: 420 } },
        {
          name: 'kube-api-access',
          projected: {
            sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: 'token' } }],
            defaultMode: 420,
          },
        },
      ],
      containers,
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      serviceAccountName: 'web-service',
      nodeName: `node-${number % 50}.example.internal`,
      securityContext: {
        runAsUser: 1000,
        runAsNonRoot: true,
        fsGroup: 1000,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      schedulerName: 'default-scheduler',
      tolerations: ['not-ready', 'unreachable'].map((taint) => ({
        key: `node.kubernetes.io/${taint}`,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: 300,
      })),
      priority: 0,
      enableServiceLinks: true,
    },
    status: {
      phase: 'Running',
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
        type,
        status: 'True',
        lastProbeTime: null,
        lastTransitionTime: '2026-03-14T03:12:11Z',
      })),
      hostIP: '10.0.12.7',
      podIP: `10.1.${number >> 8}.${number & 255}`,
      startTime: '2026-03-14T03:12:07Z',
      containerStatuses: containers.map(({ name: container }) => statusOf(container)),
      qosClass: 'Burstable',
    },
  };
}

export const replicaSetUid = '5b3f1f0a-6c0e-4d4c-9a53-2f0f3f6c7a10';
export const deploymentUid = '0d0e7a3c-1f1b-4c5e-8f7a-6f9a2b1c3d4e';
const uidOf = (number: number): string => `7a1e4c2b-93d5-4f60-8b7c-${number.toString(16).padStart(12, '0')}`;

function containerOf(name: string) {
  const probe = {
    httpGet: { path: '/healthz', port: 8080, scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  };
  return {
    name,
    image: `images.example.com/shop/${name}:v2.1.0`,
    ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
    env: ['DATABASE_HOST', 'CACHE_HOST'].map((variable) => ({
      name: variable,
      value: `${variable.toLowerCase()}.production.svc.cluster.local`,
    })),
    resources: { limits: { cpu: '1', memory: '512Mi' }, requests: { cpu: '250m', memory: '256Mi' } },
    volumeMounts: [{ name: 'config', readOnly: true, mountPath: '/etc/web-service' }],
    livenessProbe: probe,
    readinessProbe: probe,
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
  };
}

const statusOf = (name: string) => ({
  name,
  state: { running: { startedAt: '2026-03-14T03:12:10Z' } },
  lastState: {},
  ready: true,
  restartCount: 0,
  image: `images.example.com/shop/${name}:v2.1.0`,
  imageID: `images.example.com/shop/${name}@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`,
  containerID: 'containerd://60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752',
  started: true,
});

function managed(manager: string, part: string, fields: readonly string[], labels: object): object {
  const leaves = Object.fromEntries(fields.map((field) => [`f:${field}`, { '.': {}, 'f:value': {}, 'f:type': {} }]));
  return {
    manager,
    operation: 'Update',
    apiVersion: 'v1',
    time: '2026-03-14T03:12:11Z',
    fieldsType: 'FieldsV1',
    fieldsV1: {
      'f:metadata': { 'f:labels': Object.fromEntries(Object.keys(labels).map((label) => [`f:${label}`, {}])) },
      [part]: {
        'k:{"name":"web"}': leaves,
        'k:{"name":"proxy"}': leaves,
        'f:conditions': Object.fromEntries(
          ['Initialized', 'Ready', 'ContainersReady'].map((type) => [
            `k:{"type":"${type}"}`,
            { '.': {}, 'f:lastTransitionTime': {}, 'f:status': {}, 'f:type': {} },
          ]),
        ),
      },
    },
  };
}
