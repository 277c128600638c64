import pino from 'pino';
import { KubernetesClusters } from '../../src/adapters/kubernetes/kubernetes-clusters.ts';
import type { KubernetesTiming } from '../../src/adapters/kubernetes/kubernetes-cluster.ts';
import { ClusterAway, PatchConflict, operationAnnotation, restartedAtAnnotation } from '../../src/domain/cluster.ts';
import type { Cluster, DeploymentPatch, DeploymentSnapshot, RolloutSnapshot } from '../../src/domain/cluster.ts';
import { openTestCluster } from './cluster.ts';
import type { TestCluster } from './cluster.ts';
import { until } from './wait.ts';

/** The cluster under test with our watches on it, and one namespace at a time to play in. */
export class FollowedCluster {
  readonly test: TestCluster;
  readonly cluster: Cluster;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  namespace = '';

  private constructor(testCluster: TestCluster, timing: Partial<KubernetesTiming>) {
    this.test = testCluster;
    const clusters = KubernetesClusters.load(testCluster.settings, pino({ level: 'silent' }), timing);
    this.cluster = clusters.get(testCluster.contextName)!;
    this.#running = clusters.run(this.#stop.signal);
  }

  static async open(timing: Partial<KubernetesTiming> = {}, mustBeSimulated = false): Promise<FollowedCluster> {
    return new FollowedCluster(await openTestCluster({ mustBeSimulated }), timing);
  }

  async enterNamespace(): Promise<void> {
    this.namespace = await this.test.createNamespace();
  }

  /** Ends the watches first and looks that they leave no socket. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await until('no socket is left', () => this.test.relay.open === 0);
    await this.test.close();
  }

  async deployed(name: string, image = 'web:v1', replicas = 2): Promise<RolloutSnapshot> {
    await this.test.createDeployment(this.namespace, { name, image, replicas });
    return until(`${name} is up`, () => this.settled(name));
  }

  seen(name: string): RolloutSnapshot | undefined {
    try {
      return this.cluster.snapshot(this.namespace, name);
    } catch {
      return undefined;
    }
  }

  /** The snapshot, once all pods are ready ones of the Deployment's newest ReplicaSet. */
  settled(name: string): RolloutSnapshot | false {
    const snapshot = this.seen(name);
    if (!snapshot?.deployment) return false;
    const { deployment, replicaSets, pods } = snapshot;
    const { status, generation, replicas } = deployment;
    const current = replicaSets.find(({ revision }) => revision === deployment.revision);
    return (
      status.observedGeneration === generation &&
      status.updatedReplicas === replicas &&
      status.availableReplicas === replicas &&
      status.replicas === replicas &&
      pods.length === replicas &&
      pods.every((pod) => pod.ready && !pod.terminating && pod.replicaSetUid === current?.uid) &&
      snapshot
    );
  }

  /** As `settled`, once the operation has reached the view. */
  done(name: string, operationId: string): Promise<RolloutSnapshot> {
    return until(`${operationId} is done`, () => {
      const snapshot = this.settled(name);
      return snapshot && snapshot.deployment?.templateOperationId === operationId && snapshot;
    });
  }

  async live(name: string): Promise<DeploymentSnapshot> {
    return (await this.cluster.readDeployment(this.namespace, name))!;
  }

  /** The freshest resourceVersion may be outrun by the controller's next write of the status. */
  patch(name: string, patch: (resourceVersion: string) => DeploymentPatch): Promise<DeploymentSnapshot> {
    return until(`${name} is patched`, async () => {
      const { resourceVersion } = await this.live(name);
      return this.cluster.patchDeployment(this.namespace, name, patch(resourceVersion)).catch((error: unknown) => {
        if (error instanceof PatchConflict) return undefined;
        throw error;
      });
    });
  }

  restart(name: string, operationId: string): Promise<DeploymentSnapshot> {
    return this.patch(name, (resourceVersion) => restartPatch(operationId, resourceVersion));
  }

  /** A live read and the view at one moment at which both know the same version. */
  agreed(name: string): Promise<{ read: DeploymentSnapshot; view: RolloutSnapshot }> {
    return until('the view is as fresh as a live read', async () => {
      // A socket that waits for its next request may be the victim of the test's own fault.
      const read = await this.live(name).catch((error: unknown) => {
        if (error instanceof ClusterAway) return undefined;
        throw error;
      });
      const view = this.seen(name);
      return read && view?.deployment?.resourceVersion === read.resourceVersion && { read, view };
    });
  }
}

export function restartPatch(operationId: string, resourceVersion?: string): DeploymentPatch {
  const annotations = { [restartedAtAnnotation]: '2026-11-23T03:00:00Z', [operationAnnotation]: operationId };
  return {
    type: 'application/strategic-merge-patch+json',
    body: {
      metadata: { resourceVersion, annotations: { [operationAnnotation]: operationId } },
      spec: { template: { metadata: { annotations } } },
    },
  };
}

export function specPatch(spec: object, resourceVersion?: string): DeploymentPatch {
  return { type: 'application/strategic-merge-patch+json', body: { metadata: { resourceVersion }, spec } };
}
