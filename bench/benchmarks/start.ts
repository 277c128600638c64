import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Benchmark, Side } from '../harness/benchmark.ts';
import { startWorld, type World } from '../world/dependencies.ts';

const root = join(import.meta.dirname, '../..');

/** From the command until it says that it serves. */
const starting =
  (program: string): Side<World> =>
  async ({ env }) => ({
    round: async () => {
      const began = performance.now();
      const child = spawn(process.execPath, [join(root, program)], {
        cwd: root,
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(child, 'close');
      const lines: string[] = [];
      const serving = Promise.withResolvers<number>();
      createInterface(child.stdout).on('line', (line) => {
        lines.push(line);
        if (line.includes('"msg":"serving"')) serving.resolve(performance.now());
      });
      void exited.then(() => serving.reject(new Error(`${program} did not start: ${lines.join('\n')}`)));
      const time = (await serving.promise) - began;
      child.kill('SIGTERM');
      await exited;
      return { units: 1, time };
    },
    close: async () => undefined,
  });

const benchmark: Benchmark<World> = {
  name: 'start',
  figures: { time: 'ms until it serves' },
  goals: [{ figure: 'time', of: 'product', against: 'imports', atMost: 1.5 }],
  prepare: (keep) => startWorld(keep, { env: { SHUTDOWN_DELAY_SECONDS: '0' } }),
  sides: { product: starting('src/main.ts'), imports: starting('bench/references/import-dependencies.ts') },
};

export default benchmark;
