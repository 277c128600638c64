import { Redis } from 'ioredis';
import { isFinal } from '../../src/domain/transitions.ts';
import { type RolloutEvent, rolloutTransitions } from '../../src/domain/rollout.ts';
import type { AskerOrder, RolledOut } from './asker.ts';
import { type Asked, askAll } from './asking.ts';

/** Carries out one order after the other. */
const patienceMs = 100_000;

/** Redeploys, and waits until each rollout is COMPLETED: replicas tell each other of it through Redis. */
async function rollOut(asked: Asked, redisUrl: string): Promise<RolledOut> {
  const redis = new Redis(redisUrl);
  const allEnded = Promise.withResolvers<void>();
  const timer = setTimeout(() => allEnded.reject(new Error(`${ended.size} have ended`)), patienceMs);
  const ended = new Set<string>();
  let answered = 0;
  let most = 0;
  await redis.psubscribe('APPLICATION:REDEPLOY:ROLLOUT:*');
  redis.on('pmessage', (_pattern: string, _channel: string, message: string) => {
    const { operationId, status, message: told } = JSON.parse(message) as RolloutEvent;
    if (!isFinal(rolloutTransitions, status)) return;
    if (status !== 'COMPLETED') allEnded.reject(new Error(told));
    ended.add(operationId);
    if (ended.size === asked.requests.length) allEnded.resolve();
  });
  try {
    await askAll(asked, () => {
      answered += 1;
      most = Math.max(most, answered - ended.size);
    });
    await allEnded.promise;
    return { most };
  } finally {
    clearTimeout(timer);
    redis.disconnect();
  }
}

async function carryOut(order: AskerOrder): Promise<RolledOut | null> {
  if ('rollOut' in order) return rollOut(order.rollOut, order.redisUrl);
  await askAll(order.ask);
  return null;
}

process.on('message', (order: AskerOrder) => {
  carryOut(order).then(
    (done) => process.send!({ done }),
    (error: unknown) => process.send!({ failed: String(error) }),
  );
});
process.once('disconnect', () => process.exit());
