import { type RolloutEvent, type RolloutEvents, rolloutStatuses } from '../../domain/rollout.ts';
import type { RedisChannels } from './redis-channels.ts';

const channelOf = (operationId: string): string => `APPLICATION:REDEPLOY:ROLLOUT:${operationId}`;

/** Events over Redis pub/sub: one channel per operation. */
export class RedisRolloutEvents implements RolloutEvents {
  private readonly channels: RedisChannels;

  constructor(channels: RedisChannels) {
    this.channels = channels;
  }

  /** Heard here at once: what Redis brings of it a little later has a number that is known by then. */
  publish(event: RolloutEvent): Promise<void> {
    const [channel, message] = [channelOf(event.operationId), JSON.stringify(event)];
    const published = this.channels.publish(channel, message);
    this.channels.deliver(channel, message);
    return published;
  }

  subscribe(operationId: string, listener: (event: RolloutEvent) => void): Promise<() => void> {
    return this.channels.subscribe(channelOf(operationId), (message) => listener(readEvent(operationId, message)));
  }

  onResume(listener: () => void): () => void {
    return this.channels.onResume(listener);
  }
}

function readEvent(operationId: string, message: string): RolloutEvent {
  const event = JSON.parse(message) as RolloutEvent;
  const at = new Date(event.at);
  const isOne =
    event.operationId === operationId &&
    Number.isSafeInteger(event.sequence) &&
    rolloutStatuses.includes(event.status) &&
    !Number.isNaN(at.getTime());
  if (!isOne) throw new Error('not an event of this operation');
  return { ...event, at };
}
