import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Benchmark } from './harness/benchmark.ts';
import { measure } from './harness/measuring.ts';
import { moveLine, outcomeLines, profileLines } from './harness/report.ts';
import { describeRun, keepResults, lastOutcomes, readResults } from './harness/results.ts';
import { compare, type Outcome } from './harness/statistics.ts';

/**
 * `npm run bench -- [NAME …] [--compare [FILE]] [--profile]`: all benchmarks or the named ones; what moved since the
 * last kept results, or those of the file; where each side's CPU goes. Ends with 1 where a goal is not met.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { compare: { type: 'boolean', default: false }, profile: { type: 'boolean', default: false } },
});
/** Of the fifteen minutes that a whole run may take; in what is left the benchmarks are prepared and warm up. */
const secondsOfRounds = 5 * 60;
const say = (...lines: string[]): void => void process.stdout.write(`${lines.join('\n')}\n`);

const wanted = positionals.filter((name) => !name.endsWith('.json'));
const earlierFile = positionals.find((name) => name.endsWith('.json'));
const folder = join(import.meta.dirname, 'benchmarks');
const known = (await readdir(folder)).map((file) => file.replace(/\.ts$/, ''));
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  say(`There is no benchmark ${unknown.join(', ')}; there are:`, ...known.map((name) => `  ${name}`));
  process.exit(2);
}
const earlier = earlierFile === undefined ? await lastOutcomes() : (await readResults(earlierFile)).outcomes;

// What was started ends, and its folders go, also where somebody has had enough.
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(new Error(signal)));

const outcomes: Outcome[] = [];
let failed = 0;
for (const name of wanted.length > 0 ? wanted : known) {
  if (stop.signal.aborted) break;
  const file = join(folder, `${name}.ts`);
  const { default: benchmark } = (await import(file)) as { default: Benchmark };
  const reason = benchmark.skipped?.() ?? null;
  if (reason !== null) {
    say(`${name}: skipped, ${reason}`);
    continue;
  }
  say(name);
  try {
    const seconds = secondsOfRounds / known.length;
    const { outcome, profiles } = await measure(file, benchmark, {
      seconds,
      isProfiled: values.profile,
      stop: stop.signal,
    });
    outcomes.push(outcome);
    say(...outcomeLines(benchmark, outcome), ...profileLines(profiles));
  } catch (error) {
    failed += 1;
    say(`  failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}
if (outcomes.length > 0) say(`kept in ${await keepResults(await describeRun(outcomes))}`);
if (values.compare) {
  const moves = compare(earlier, outcomes);
  say('compared with what was kept:', ...(moves.length > 0 ? moves.map(moveLine) : ['  nothing to compare with']));
}
const isAllMet = outcomes.every(({ judged }) => judged.every(({ isMet }) => isMet));
process.exitCode = failed > 0 || !isAllMet ? 1 : 0;
