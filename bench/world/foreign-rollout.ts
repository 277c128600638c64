import { openDatabase } from '../../src/adapters/database/database.ts';
import type { Service } from '../../src/service.ts';
import { DeskClient } from './desk-client.ts';
import type { World } from './dependencies.ts';

/** A rollout that goes on and that another replica seems to follow: its events are published by the benchmark. */
export type ForeignRollout = {
  operationId: string;
  channel: string;
  /** The number of its last event. */
  sequence: number;
};

/** Applications that the simulated cluster runs, by namespace: each has room for one rollout. */
const namespaces = { 'api-gateway': 'staging', 'data-processor': 'production' };
export type Application = keyof typeof namespaces;

export async function beginForeignRollout(
  service: Pick<Service, 'url'>,
  world: World,
  application: Application,
): Promise<ForeignRollout> {
  const desk = new DeskClient(service, world);
  await desk.register(application, { namespace: namespaces[application], deploymentName: `${application}-deployment` });
  await desk.authorize(application);
  await desk.redeploy(application, [{ container: application, image: `${application}:unready` }]);
  const owner = openDatabase(world.ownerUrl, 1);
  try {
    const [row] = await owner.em.fork().execute<{ id: string; sequence: number }[]>(
      `update operation set follower = 'another replica', fence = fence + 1, followed_until = now() + interval '1 day'
       where application_name = ? returning id, sequence`,
      [application],
    );
    const { id: operationId, sequence } = row!;
    return { operationId, sequence, channel: `APPLICATION:REDEPLOY:ROLLOUT:${operationId}` };
  } finally {
    await owner.close(true);
  }
}
