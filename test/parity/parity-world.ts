import { RedeployError } from '../../src/domain/errors.ts';
import type { Operation } from '../../src/domain/operation.ts';
import { findOperation, type OperationRow } from '../../src/operations/reads.ts';
import { type RedeployInput, redeploy } from '../../src/operations/redeploys.ts';
import {
  alice,
  authorizedTicket,
  deployApplication,
  frank,
  openTestWorld,
  type Replica,
  type TestWorld,
  untilRolledOut,
} from '../support/desk.ts';
import { kubectl, requireKubectl, type Said } from '../support/kubectl.ts';
import { until } from '../support/wait.ts';

export type Placed = { name: string; namespace: string };

/** kubectl and our desk before one real control plane. */
export class ParityWorld {
  readonly world: TestWorld;
  readonly replica: Replica;

  private constructor(world: TestWorld, replica: Replica) {
    this.world = world;
    this.replica = replica;
  }

  static async open(): Promise<ParityWorld> {
    await requireKubectl();
    const world = await openTestWorld();
    return new ParityWorld(world, await world.openReplica());
  }

  close(): Promise<void> {
    return this.world.close();
  }

  /** An application that alice holds the token of, after a rollout of each image in turn. */
  async placed(wish: { images?: [string, ...string[]]; replicas?: number } = {}): Promise<Placed> {
    const { images: [image, ...later] = ['web:v1'], replicas = 2 } = wish;
    const placed = await deployApplication(this.world, this.replica.desk, { image, replicas });
    await authorizedTicket(this.replica.desk, placed.name);
    for (const next of later) {
      await kubectl(placed.namespace, 'set', 'image', `deployment/${placed.name}`, `app=${next}`);
      await untilRolledOut(this.world, placed.namespace, placed.name);
    }
    return placed;
  }

  /** One for kubectl and one for us, alike but for their names. */
  twins(wish: Parameters<ParityWorld['placed']>[0] = {}): Promise<[Placed, Placed]> {
    return Promise.all([this.placed(wish), this.placed(wish)]);
  }

  /** A command of `kubectl rollout`. */
  rollout(command: string, { name, namespace }: Placed, ...args: string[]): Promise<Said> {
    return kubectl(namespace, 'rollout', command, `deployment/${name}`, ...args);
  }

  start({ name }: Placed, more: Partial<RedeployInput> = {}): Promise<Operation> {
    return redeploy(this.replica.desk, alice, { applicationName: name, ...more });
  }

  ended({ id }: Operation): Promise<OperationRow> {
    const look = async () => {
      const operation = await findOperation(this.replica.desk, frank, id);
      return operation.success !== null && operation;
    };
    return until('the operation ends', look, 100);
  }

  /** How it ended, or the refusal's words. */
  async outcome(placed: Placed, more: Partial<RedeployInput> = {}): Promise<string> {
    try {
      const operation = await this.start(placed, more);
      const { rolloutStatus } = await this.ended(operation);
      const messages = await this.messages(operation);
      return `${rolloutStatus}: ${messages.at(-1)}`;
    } catch (error) {
      if (error instanceof RedeployError) return `${error.code}: ${error.message}`;
      throw error;
    }
  }

  async messages({ id }: Operation): Promise<string[]> {
    const rows = await this.world.sql<{ message: string }>(
      `select state ->> 'message' as message from operation_event where operation_id = ? order by sequence`,
      [id],
    );
    return rows.map(({ message }) => message);
  }

  async deployment({ name, namespace }: Placed) {
    const { metadata, spec } = await this.world.cluster.api.apps.readNamespacedDeployment({ namespace, name });
    const { template, ...rest } = spec!;
    return { annotations: metadata?.annotations ?? {}, template, rest };
  }
}

/** Without the application's own name, so that twins can be compared. */
export const unnamed = (text: string, { name }: Placed): string => text.replaceAll(name, 'X');
