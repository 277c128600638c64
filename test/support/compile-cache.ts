import { join } from 'node:path';

/** Where main.ts keeps what it has compiled: for other programs that tests start, so that none compiles it again. */
export const compileCache = { NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/node') };
