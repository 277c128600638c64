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

export async function beginForeignRollout(service: Pick<Service, 'url'>, world: World): Promise<ForeignRollout> {
  const desk = new DeskClient(service, world);
  await desk.register('api-gateway', { namespace: 'staging', deploymentName: 'api-gateway-deployment' });
  await desk.authorize('api-gateway');
  await desk.redeploy('api-gateway', [{ container: 'api-gateway', image: 'api-gateway:unready' }]);
  const owner = openDatabase(world.ownerUrl, 1);
  try {
    const [row] = await owner.em.fork().execute<{ id: string; sequence: number }[]>(
      `update operation set follower = 'another replica', fence = fence + 1, followed_until = now() + interval '1 day'
       returning id, sequence`,
    );
    const { id: operationId, sequence } = row!;
    return { operationId, sequence, channel: `APPLICATION:REDEPLOY:ROLLOUT:${operationId}` };
  } finally {
    await owner.close(true);
  }
}
