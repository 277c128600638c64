import { randomUUID } from 'node:crypto';
import { setHeaderOptions, type V1Deployment } from '@kubernetes/client-node';
import { operationAnnotation } from '../../src/domain/cluster.ts';
import type { RedeployType } from '../../src/domain/operation.ts';
import type { Service } from '../../src/service.ts';
import { ChildReplica } from '../support/child-replica.ts';
import { untilRolledOut } from '../support/desk.ts';
import { openTestServices, type TestServices } from '../support/service.ts';
import { type Placed, registerApplication, Story } from '../support/story.ts';

/** What stands in the cluster: what a restart changes, and what it must not change twice. */
export type Standing = {
  generation: number;
  revision: number;
  replicaSets: string[];
  restartedAt: string | undefined;
  operationId: string | undefined;
};

/** A redeploy that alice may ask for; nobody has yet. */
export type Prepared = Placed & {
  type: RedeployType;
  ticketNo: string;
  input: { applicationName: string; requestId: string } & Record<string, unknown>;
  before: Standing;
};

/** A database and a cluster, with a replica that stays beside those that are to fail. */
export class FaultWorld {
  readonly services: TestServices;
  readonly survivor: Service;
  readonly story: Story;
  readonly #isHasty: boolean;

  private constructor(services: TestServices, survivor: Service, story: Story, isHasty: boolean) {
    this.services = services;
    this.survivor = survivor;
    this.story = story;
    this.#isHasty = isHasty;
  }

  static async open({ isHasty = false } = {}): Promise<FaultWorld> {
    const services = await openTestServices({ readyMilliseconds: 100 });
    const survivor = await services.start();
    return new FaultWorld(services, survivor, await Story.open(services, survivor), isHasty);
  }

  startChild(): Promise<ChildReplica> {
    return ChildReplica.start(this.services);
  }

  /** In haste a lease that nobody renews any more is over at once; how long it takes is held by leases.test.ts. */
  async abandoned({ input }: Prepared): Promise<void> {
    if (!this.#isHasty) return;
    const text = 'update operation set followed_until = clock_timestamp() where request_id = ? and success is null';
    await this.services.sql(text, [input.requestId]);
  }

  async close(): Promise<void> {
    await this.services.close();
  }

  async prepare(type: RedeployType): Promise<Prepared> {
    const placed = type === 'CREATE' ? await this.#registered() : await this.story.place({ image: 'web:v1' });
    if (type === 'ROLLBACK') await this.#setImage(placed, 'web:v2');
    const { applicationName } = placed;
    const ticketNo = await this.story.authorized(applicationName);
    const input = { applicationName, requestId: randomUUID(), ...inputs[type] };
    return { ...placed, type, ticketNo, input, before: await this.standing(placed) };
  }

  async standing({ namespace, deploymentName }: Placed): Promise<Standing> {
    const { apps } = this.services.cluster.api;
    const { items: deployments } = await apps.listNamespacedDeployment({ namespace });
    const { items: replicaSets } = await apps.listNamespacedReplicaSet({ namespace });
    const deployment = deployments.find(({ metadata }) => metadata?.name === deploymentName);
    const { generation = 0, annotations = {} } = deployment?.metadata ?? {};
    return {
      generation,
      revision: Number(annotations['deployment.kubernetes.io/revision'] ?? 0),
      replicaSets: replicaSets.map(({ metadata }) => metadata!.name!).toSorted(),
      restartedAt: deployment?.spec?.template.metadata?.annotations?.['kubectl.kubernetes.io/restartedAt'],
      operationId: annotations[operationAnnotation],
    };
  }

  async #registered(): Promise<Placed> {
    const name = `app-${randomUUID().slice(0, 8)}`;
    const namespace = await this.services.cluster.createNamespace();
    const targets = [{ namespace, deploymentName: name }];
    const input = { name, owners: { users: ['alice'] }, targets, manifest: manifest(name) };
    await this.story.get('grace', registerApplication, { input });
    return { applicationName: name, namespace, deploymentName: name };
  }

  async #setImage({ namespace, deploymentName: name }: Placed, image: string): Promise<void> {
    await this.services.cluster.api.apps.patchNamespacedDeployment(
      { namespace, name, body: { spec: { template: { spec: { containers: [{ name: 'app', image }] } } } } },
      setHeaderOptions('Content-Type', 'application/strategic-merge-patch+json'),
    );
    await untilRolledOut(this.services, namespace, name);
  }
}

const inputs: Record<RedeployType, Record<string, unknown>> = {
  RESTART: {},
  IMAGE_UPDATE: { images: [{ container: 'app', image: 'web:v2' }] },
  ROLLBACK: { rollbackTo: { revision: 1 } },
  CREATE: {},
};

const manifest = (app: string): V1Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  spec: {
    replicas: 2,
    selector: { matchLabels: { app } },
    template: { metadata: { labels: { app } }, spec: { containers: [{ name: 'app', image: 'web:v1' }] } },
  },
});
