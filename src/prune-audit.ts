import { parseArgs } from 'node:util';
import { openDatabase } from './adapters/database/database.ts';
import { loadTrust } from './adapters/file/trust-files.ts';
import { pruneAudit } from './operations/audit-pruning.ts';
import { readSecret } from './settings/secret-files.ts';

const usage = `npm run prune-audit -- --before INSTANT --checkpoints FILE --reason TEXT [--public-key FILE]

Deletes the records from before an instant (ISO 8601) out of the database of DATABASE_MIGRATION_URL, its owner's. Only
what a checkpoint that was kept outside vouches for; export it first. The seals stay, and that it was pruned is recorded.

  --checkpoints FILE    checkpoints that were kept outside: AUDIT_CHECKPOINT_FILE, or a log; may be given again
  --public-key FILE     Ed25519 keys in PEM that must have signed them; may be given again
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      before: { type: 'string' },
      reason: { type: 'string' },
      checkpoints: { type: 'string', multiple: true, default: [] },
      'public-key': { type: 'string', multiple: true, default: [] },
    },
  });
  const url = readSecret(process.env, 'DATABASE_MIGRATION_URL');
  const before = new Date(values.before ?? '');
  const reason = values.reason?.trim() ?? '';
  if (url === undefined || Number.isNaN(before.getTime()) || reason === '' || values.checkpoints.length === 0) {
    process.stderr.write(usage);
    return 2;
  }
  const trust = await loadTrust(values.checkpoints, values['public-key']);
  // A large deletion is silent for long.
  const orm = openDatabase(url, 1, 0);
  try {
    const { records, throughRecord, throughSeal } = await pruneAudit(orm.em.fork(), { before, reason }, trust);
    process.stdout.write(`Deleted ${records} records, through ${throughRecord} of seal ${throughSeal}.\n`);
    return 0;
  } finally {
    await orm.close(true);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`Nothing was deleted: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
