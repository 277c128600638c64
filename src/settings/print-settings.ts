import { readFile, writeFile } from 'node:fs/promises';
import { printSettings } from './settings-table.ts';

/** Writes docs/settings.md; with --check leaves it alone and fails where it has drifted. */
const file = new URL('../../docs/settings.md', import.meta.url);
const printed = printSettings();

if (!process.argv.includes('--check')) await writeFile(file, printed);
else if ((await readFile(file, 'utf8').catch(() => '')) !== printed) {
  process.stderr.write('docs/settings.md has drifted from the code: run `npm run settings`\n');
  process.exitCode = 1;
}
