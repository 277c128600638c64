import type { RegistryChanges } from '../../domain/registry-changes.ts';
import type { RedisChannels } from './redis-channels.ts';

const channel = 'APPLICATION:REDEPLOY:REGISTRY';

/** Changed applications, by name, over one channel of Redis pub/sub. */
export class RedisRegistryChanges implements RegistryChanges {
  private readonly channels: RedisChannels;

  constructor(channels: RedisChannels) {
    this.channels = channels;
  }

  publish(applicationName: string): Promise<void> {
    return this.channels.publish(channel, applicationName);
  }

  subscribe(listener: (applicationName: string) => void): Promise<() => void> {
    return this.channels.subscribe(channel, listener);
  }

  onResume(listener: () => void): () => void {
    return this.channels.onResume(listener);
  }
}
