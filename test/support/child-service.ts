import { flushCompileCache } from 'node:module';

/** service-process.ts for a parent that kills it. Where the parent is killed first, it ends as well. */
process.once('disconnect', () => process.exit());
/** Every message is answered with the most memory that it ever took, in KiB. */
process.on('message', () => process.send!(process.resourceUsage().maxRSS));
await import('./service-process.ts');
flushCompileCache(); // otherwise done at an orderly exit, which does not come
