import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { openRedis, waitUntilReady } from '../../src/adapters/redis/connection.ts';
import type { RolloutEvent } from '../../src/domain/rollout.ts';
import { Chance, seed } from '../support/chance.ts';
import { compileCache } from '../support/compile-cache.ts';
import { openTestWorld, type Replica, type TestWorld } from '../support/desk.ts';
import { upTo, WrittenRollout } from '../support/live.ts';
import type { Address, Kept } from '../support/live-process.ts';
import { RoamingClient } from '../support/roaming-client.ts';
import { until } from '../support/wait.ts';

const rolloutCount = 8;
const clientsOfEach = 5;
const eventsOfEach = Number(process.env['TEST_EVENTS'] ?? 510);
/** Events that a client may lack when the next ones, as many again, are written: together fewer than make it a slow one. */
const mostBehind = 24;
const chance = new Chance(seed);

let world: TestWorld;
/** Serves no client: writes and publishes, as the replica does that follows the operation. */
let writer: Replica;
let replicas: { child: ChildProcess; address: Address }[] = [];

beforeAll(async () => {
  world = await openTestWorld();
  [writer, ...replicas] = await Promise.all([world.openReplica({ follows: false }), start(), start()]);
});
afterAll(async () => {
  for (const { child } of replicas) child.kill();
  await world.close();
});

async function start(): Promise<{ child: ChildProcess; address: Address }> {
  const env = {
    DATABASE_URL: world.database.serviceUrl,
    REDIS_URL: world.redisUrl,
    KUBECONFIG: world.cluster.settings.kubeconfig,
    ...compileCache,
  };
  const entry = fileURLToPath(new URL('../support/live-process.ts', import.meta.url));
  const child = fork(entry, { env, execArgv: [] });
  const failed = once(child, 'exit').then(() => Promise.reject(new Error('the process ended before it served')));
  const [address] = (await Promise.race([once(child, 'message'), failed])) as [Address];
  return { child, address };
}

async function keptBy({ child }: { child: ChildProcess }): Promise<Kept> {
  child.send('what do you keep?');
  const [kept] = (await once(child, 'message')) as [Kept];
  return kept;
}

/** Some never come, some come later, some twice, some too early. */
async function publish(events: RolloutEvent[], late: RolloutEvent[]): Promise<void> {
  const sent: RolloutEvent[] = [];
  for (const event of events) {
    const fate = chance.fraction();
    if (fate < 0.03) late.push(event);
    else if (fate < 0.06) sent.push(event, event);
    else if (fate < 0.09) sent.splice(chance.fraction() * sent.length, 0, event);
    else sent.push(event);
    if (fate > 0.98) sent.push(...late.splice(chance.fraction() * late.length, 1));
  }
  await Promise.all(sent.map((event) => writer.desk.rolloutEvents.publish(event)));
}

const messageOf = (operationId: string, sequence: number): string => `${sequence} of ${operationId}`;

async function write(rollout: WrittenRollout, clients: RoamingClient[]): Promise<void> {
  const { operationId } = rollout;
  const late: RolloutEvent[] = [];
  while (rollout.last < eventsOfEach - 1) {
    const next = upTo(Math.ceil(chance.fraction() * mostBehind)).map((count) =>
      messageOf(operationId, rollout.last + count),
    );
    await publish(await rollout.recordAll(next), late);
    await until(
      `all clients of ${operationId} are close to ${rollout.last}`,
      () => clients.every(({ last }) => last >= rollout.last - mostBehind),
      60,
    );
  }
  await publish([await rollout.record('COMPLETED', messageOf(operationId, rollout.last + 1))], late);
}

test(
  'clients that are cut off at random and go on at either of two processes get every event once and in order',
  { timeout: 120_000 },
  async () => {
    onTestFailed(() => void process.stderr.write(`to play it again: TEST_SEED=${seed}\n`));
    const follow = async (): Promise<[WrittenRollout, RoamingClient[]]> => {
      const rollout = await WrittenRollout.begin(world, { replica: writer });
      const addresses = replicas.map(({ address }) => address);
      const clients = upTo(clientsOfEach).map(
        () => new RoamingClient(rollout.operationId, addresses, () => chance.fraction()),
      );
      await Promise.all([write(rollout, clients), ...clients.map((client) => client.follow())]);
      return [rollout, clients];
    };
    const all = await Promise.all(upTo(rolloutCount).map(follow));

    for (const [{ operationId, events, last }, clients] of all) {
      const written = events.map(({ sequence, status, message }) => ({ sequence, status, message }));
      for (const client of clients) {
        expect(client.events.map(({ sequence }) => sequence)).toEqual(upTo(last));
        expect(client.events.slice(1)).toEqual(written);
        expect(written.at(-1)).toEqual({ sequence: last, status: 'COMPLETED', message: messageOf(operationId, last) });
      }
    }
    await until('nothing is kept in either process', async () =>
      (await Promise.all(replicas.map(keptBy))).every(({ topics, channels }) => topics === 0 && channels === 0),
    );
    const redis = openRedis(world.redisUrl, 'test', writer.desk.log);
    await waitUntilReady(redis);
    const channels = all.map(([{ operationId }]) => `APPLICATION:REDEPLOY:ROLLOUT:${operationId}`);
    expect(await redis.pubsub('NUMSUB', ...channels)).toEqual(channels.flatMap((channel) => [channel, 0]));
    redis.disconnect();
    for (const { child } of replicas) {
      const exited = once(child, 'exit');
      child.disconnect();
      expect(await exited).toEqual([0, null]);
    }
  },
);
