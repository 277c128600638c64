import { Redis } from 'ioredis';
import { isFinal } from '../../src/domain/transitions.ts';
import { type RolloutEvent, rolloutTransitions } from '../../src/domain/rollout.ts';
import type { Answered, AskerOrder, RolledOut } from './asker.ts';
import { type Asked, askAll } from './asking.ts';

/** Carries out one order after the other. */
const patienceMs = 250_000;

let untilRolledOut: () => Promise<RolledOut>;

async function redeploy(asked: Asked, redisUrl: string | null): Promise<Answered> {
  const latencies: number[] = [];
  const onAnswer = redisUrl === null ? () => undefined : await watchRollouts(asked.requests.length, redisUrl);
  await askAll(asked, (milliseconds) => {
    latencies.push(milliseconds);
    onAnswer();
  });
  return { latencies };
}

/** Replicas tell each other through Redis of each rollout that has ended. Answers with what counts those that began. */
async function watchRollouts(count: number, redisUrl: string): Promise<() => void> {
  const redis = new Redis(redisUrl);
  const allEnded = Promise.withResolvers<void>();
  const ended = new Set<string>();
  let begun = 0;
  let most = 0;
  await redis.psubscribe('APPLICATION:REDEPLOY:ROLLOUT:*');
  redis.on('pmessage', (_pattern: string, _channel: string, message: string) => {
    const { operationId, status, message: told } = JSON.parse(message) as RolloutEvent;
    if (!isFinal(rolloutTransitions, status)) return;
    if (status !== 'COMPLETED') allEnded.reject(new Error(told));
    ended.add(operationId);
    if (ended.size === count) allEnded.resolve();
  });
  allEnded.promise.catch(() => undefined); // whoever waits for it is told
  untilRolledOut = async () => {
    const timer = setTimeout(() => allEnded.reject(new Error(`${ended.size} have ended`)), patienceMs);
    await allEnded.promise.finally(() => {
      clearTimeout(timer);
      redis.disconnect();
    });
    return { most };
  };
  return () => {
    begun += 1;
    most = Math.max(most, begun - ended.size);
  };
}

async function carryOut(order: AskerOrder): Promise<Answered | RolledOut> {
  if ('redeploy' in order) return redeploy(order.redeploy, order.redisUrl);
  return untilRolledOut();
}

process.on('message', (order: AskerOrder) => {
  carryOut(order).then(
    (done) => process.send!({ done }),
    (error: unknown) => process.send!({ failed: String(error) }),
  );
});
process.once('disconnect', () => process.exit());
