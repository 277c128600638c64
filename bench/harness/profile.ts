import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Profiler, Session } from 'node:inspector';

const longest = 10;
/** Waiting, and asking for the profile itself. */
const isWork = (name: string): boolean => name !== '(idle)' && !name.startsWith('post node:inspector');

/** Where the time goes from now on; `stop` answers with the functions that took most of it themselves. */
export async function startProfile(): Promise<{ stop: () => Promise<string[]> }> {
  const session = new Session();
  session.connect();
  const ask = <Result>(method: string, params: object = {}): Promise<Result> =>
    new Promise((resolve, reject) => {
      session.post(method, params, (error: Error | null, result?: object) => {
        if (error) reject(error);
        else resolve(result as Result);
      });
    });
  await ask('Profiler.enable');
  await ask('Profiler.setSamplingInterval', { interval: 200 });
  await ask('Profiler.start');
  return {
    stop: async () => {
      const { profile } = await ask<{ profile: Profiler.Profile }>('Profiler.stop');
      session.disconnect();
      return topOf(profile);
    },
  };
}

function topOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): string[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  samples.forEach((id, at) => {
    const name = names.get(id)!;
    if (isWork(name)) times.set(name, (times.get(name) ?? 0) + (timeDeltas[at] ?? 0));
  });
  const whole = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, longest)
    .map(([name, time]) => `${((100 * time) / whole).toFixed(1).padStart(5)} %  ${name}`);
}

function nameOf({ functionName, url, lineNumber }: Profiler.Profile['nodes'][number]['callFrame']): string {
  const file = url.startsWith('file:') ? relative(process.cwd(), fileURLToPath(url)) : url;
  const name = functionName || '(anonymous)';
  return file === '' ? name : `${name} ${file}:${lineNumber + 1}`;
}
