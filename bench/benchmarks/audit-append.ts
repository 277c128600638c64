import { registerHooks } from 'node:module';
import type { Benchmark } from '../harness/benchmark.ts';
import { type ApprovalsSetting, prepareApprovals } from '../world/approvals-setting.ts';

const records = new URL('../../src/operations/audit.ts', import.meta.url).href;
const plainRecords = new URL('../references/plain-audit.ts', import.meta.url).href;

/**
 * What the record's chains and seals cost the transactions that they ride on. The reference is the same transaction of
 * the same code but for one module: it inserts the same rows, without sequence and hashes, and nobody seals them.
 */
const benchmark: Benchmark<ApprovalsSetting> = {
  name: 'audit-append',
  figures: {
    throughput: 'approvals a second, each one transaction with its record, by 8 writers, synchronous commits',
    cpu: 'µs of CPU of Node and PostgreSQL per approval, its share of the sealing included',
  },
  goals: [{ figure: 'throughput', of: 'product', against: 'plain', atLeast: 0.85 }],
  prepare: prepareApprovals,
  sides: {
    product: async (setting) => {
      const { openApprovals } = await import('../world/approvals.ts');
      return openApprovals(setting, setting.productUrls, { seals: true });
    },
    plain: async (setting) => {
      registerHooks({
        resolve: (specifier, context, next) => {
          const found = next(specifier, context);
          return found.url === records ? { ...found, url: plainRecords } : found;
        },
      });
      const { openApprovals } = await import('../world/approvals.ts');
      return openApprovals(setting, setting.plainUrls, { seals: false });
    },
  },
};

export default benchmark;
