import { flushCompileCache } from 'node:module';
import { openReplica } from './desk.ts';
import { openLiveReplica } from './live.ts';

export type Address = { url: string; subscriptionsUrl: string };
/** What a replica keeps for its subscribers. */
export type Kept = { topics: number; channels: number };

/**
 * A replica in a process of its own: tells where it serves, answers every message with what it keeps, and stops when
 * its parent lets go of it. It never calls process.exit: it ends when nothing of it is left.
 */
const { DATABASE_URL = '', REDIS_URL: redisUrl = '', KUBECONFIG: kubeconfig = '' } = process.env;
const dependencies = { database: { serviceUrl: DATABASE_URL }, cluster: { settings: { kubeconfig } } };
const { live, channels, url, subscriptionsUrl, stop } = await openLiveReplica(
  { redisUrl, openReplica: (options) => openReplica({ ...dependencies, redisUrl, ...options }) },
  { lookMs: 100 },
);
process.on('message', () => process.send!({ topics: live.topicCount, channels: channels.channelCount } satisfies Kept));
process.once('disconnect', () => void stop());
process.send!({ url, subscriptionsUrl } satisfies Address);
flushCompileCache(); // otherwise done at an orderly exit, which may not come
