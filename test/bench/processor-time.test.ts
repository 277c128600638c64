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
  const spin = 'for ((i = 0; i < 300000; i += 1)); do :; done'; // work, not time: a busy machine gives it little
  const other = spawn('/bin/bash', ['-c', `(${spin}); echo gone; read -r _`]);
  const before = processorTime([other.pid!]);
  const own = processorTime([]);
  await once(other.stdout, 'data');
  const taken = processorTime([other.pid!]) - before - (processorTime([]) - own);
  other.stdin.end();
  await once(other, 'exit');
  expect(taken).toBeGreaterThan(10_000);
});
