import { parseArgs } from 'node:util';
import { openDatabase } from './adapters/database/database.ts';
import { verifyExport } from './adapters/file/record-export.ts';
import { loadTrust } from './adapters/file/trust-files.ts';
import type { Trust, Verification } from './domain/audit-verification.ts';
import { verifyStored } from './operations/audit-verification.ts';
import { readSecret } from './settings/secret-files.ts';

const usage = `npm run verify-audit -- [options]

Verifies the record that DATABASE_URL holds, or an export of it. Ends with 0 where it is as it was written, with 1 where
something is wrong, with 2 where it could not be verified.

  --export FILE         an export in NDJSON instead of the database
  --partial             it is not an export of everything: seals tell nothing of it
  --checkpoints FILE    checkpoints that were kept outside: AUDIT_CHECKPOINT_FILE, or a log; may be given again
  --public-key FILE     Ed25519 keys in PEM whose signatures are taken; may be given again
`;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function verifyDatabase(url: string, trust: Trust): Promise<Verification> {
  // Some statements read the whole record.
  const orm = openDatabase(url, 1, 0);
  try {
    return await verifyStored(orm.em.fork(), {}, trust);
  } finally {
    await orm.close(true);
  }
}

function tell({ records, unsealed, seals, newest, prunedThrough, faults, faultCount }: Verification): void {
  say(`${records} records and ${seals} seals were read.`);
  if (newest) {
    const signed = newest.signature === null ? 'not signed' : `signed with key ${newest.keyId}`;
    say(`Sealed through record ${newest.lastId}, at ${newest.at} (seal ${newest.sequence}, ${signed}).`);
  }
  if (unsealed > 0) say(`${unsealed} records are in no seal: only their tickets' own chains vouch for them.`);
  if (Number.isFinite(prunedThrough) && prunedThrough > 0) say(`The records through ${prunedThrough} were pruned.`);
  for (const { kind, message } of faults) say(`${kind}: ${message}`);
  say(faultCount === 0 ? 'Valid.' : `Not valid: ${faultCount} faults.`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      export: { type: 'string' },
      partial: { type: 'boolean', default: false },
      checkpoints: { type: 'string', multiple: true, default: [] },
      'public-key': { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  const url = readSecret(process.env, 'DATABASE_URL');
  if (values.help || (values.export === undefined && url === undefined)) {
    say(usage);
    return values.help ? 0 : 2;
  }
  const trust = await loadTrust(values.checkpoints, values['public-key']);
  const verification =
    values.export === undefined
      ? await verifyDatabase(url!, trust)
      : await verifyExport(values.export, trust, {
          sealFiles: values.checkpoints,
          isPartial: values.partial,
        });
  tell(verification);
  return verification.faultCount === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`The record could not be verified: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
