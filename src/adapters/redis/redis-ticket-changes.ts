import { z } from 'zod';
import type { TicketChange, TicketChanges } from '../../domain/ticket-changes.ts';
import type { RedisChannels } from './redis-channels.ts';

const channel = 'APPLICATION:REDEPLOY:TICKETS';
const ticketChange: z.ZodType<TicketChange> = z.object({ ticketId: z.int32(), version: z.int32() });

/** Changes of all tickets over one channel of Redis pub/sub. */
export class RedisTicketChanges implements TicketChanges {
  private readonly channels: RedisChannels;

  constructor(channels: RedisChannels) {
    this.channels = channels;
  }

  publish(change: TicketChange): Promise<void> {
    return this.channels.publish(channel, JSON.stringify(change));
  }

  subscribe(listener: (change: TicketChange) => void): Promise<() => void> {
    return this.channels.subscribe(channel, (message) => listener(ticketChange.parse(JSON.parse(message))));
  }

  onResume(listener: () => void): () => void {
    return this.channels.onResume(listener);
  }
}
