import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Outcome } from './statistics.ts';

/** One run, as it is kept. */
export type Results = {
  date: string;
  versions: Record<string, string>;
  machine: { processor: string; cores: number; memoryGiB: number; platform: string };
  outcomes: Outcome[];
};

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'bench/results');

export async function describeRun(outcomes: Outcome[]): Promise<Results> {
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const { node, v8 } = process.versions;
  return {
    date: new Date().toISOString(),
    versions: { node, v8, ...dependencies },
    machine: {
      processor: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      platform: `${process.platform} ${process.arch}`,
    },
    outcomes,
  };
}

/** Answers where it is kept, as seen from the project's folder. */
export async function keepResults(results: Results): Promise<string> {
  const name = `${results.date.replaceAll(/[:.]/g, '-')}.json`;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), `${JSON.stringify(results, null, 1)}\n`);
  return `bench/results/${name}`;
}

export const readResults = async (file: string): Promise<Results> =>
  JSON.parse(await readFile(file, 'utf8')) as Results;

/** Of each benchmark what was kept last. */
export async function lastOutcomes(): Promise<Outcome[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json')).toSorted();
  const all = await Promise.all(names.map((name) => readResults(join(folder, name))));
  return [...new Map(all.flatMap(({ outcomes }) => outcomes).map((outcome) => [outcome.name, outcome])).values()];
}
