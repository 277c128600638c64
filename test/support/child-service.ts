import { flushCompileCache } from 'node:module';

/** service-process.ts for a parent that kills it. Where the parent is killed first, it ends as well. */
process.once('disconnect', () => process.exit());
await import('./service-process.ts');
flushCompileCache(); // otherwise done at an orderly exit, which does not come
