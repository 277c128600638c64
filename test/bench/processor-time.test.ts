import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { processorTime } from '../../bench/harness/processor-time.ts';

const spinFor = (milliseconds: number): void => {
  const end = process.cpuUsage().user + milliseconds * 1000;
  while (process.cpuUsage().user < end);
};

test('what this process works counts', () => {
  const before = processorTime([]);
  spinFor(30);
  expect(processorTime([]) - before).toBeGreaterThanOrEqual(29_000);
});

test.runIf(process.platform === 'linux')('so does what another one and its children do, living or gone', async () => {
  const spin = 'end=$((SECONDS+1)); while [ $SECONDS -lt $end ]; do :; done';
  const other = spawn('/bin/bash', ['-c', `(${spin}); echo gone; read -r _`]);
  const before = processorTime([other.pid!]);
  const own = processorTime([]);
  await once(other.stdout, 'data');
  const taken = processorTime([other.pid!]) - before - (processorTime([]) - own);
  other.stdin.end();
  await once(other, 'exit');
  expect(taken).toBeGreaterThan(10_000);
});
