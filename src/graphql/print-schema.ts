import { readFile, writeFile } from 'node:fs/promises';
import { printSchema } from 'graphql';
import { schema } from './schema.ts';

/** Writes schema.graphql at the top level; with --check leaves it alone and fails where it has drifted. */
const file = new URL('../../schema.graphql', import.meta.url);
const printed = `${printSchema(schema)}\n`;

if (!process.argv.includes('--check')) await writeFile(file, printed);
else if ((await readFile(file, 'utf8').catch(() => '')) !== printed) {
  process.stderr.write('schema.graphql has drifted from the code: run `node src/graphql/print-schema.ts`\n');
  process.exitCode = 1;
}
