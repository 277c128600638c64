import { execFile } from 'node:child_process';

/** What one command of kubectl said, and after how long. */
export type Said = { code: number; lines: string[]; error: string; seconds: number };

const program = process.env['KUBECTL'] ?? 'kubectl';

export function kubectl(namespace: string, ...args: string[]): Promise<Said> {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    execFile(program, ['--namespace', namespace, ...args], (failure, stdout, stderr) => {
      if (failure && typeof failure.code !== 'number') return reject(failure);
      const seconds = (performance.now() - begun) / 1000;
      const lines = stdout.split('\n').filter((line) => line !== '');
      resolve({ code: Number(failure?.code ?? 0), lines, error: stderr.trim(), seconds });
    });
  });
}

/** Throws an error that says what the parity suite needs and has not. */
export async function requireKubectl(): Promise<void> {
  if (process.env['TEST_CLUSTER'] !== 'kubeconfig' || !process.env['KUBECONFIG']) {
    throw new Error('the parity suite needs a real control plane: KUBECONFIG=… npm run test:parity');
  }
  await kubectl('default', 'version', '--client').catch((cause: unknown) => {
    throw new Error('the parity suite needs kubectl: on PATH, or its path in KUBECTL', { cause });
  });
}

/** One after the other without repetitions: kubectl repeats its line with each event. */
export const distinct = (lines: readonly string[]): string[] =>
  lines.filter((line, index) => line !== lines[index - 1]);

/** Side by side, in order; and what kubectl said that is not among ours at that place. */
export function compareLines(theirs: readonly string[], ours: readonly string[]): { shown: string; missing: string[] } {
  const left = [...theirs];
  const missing: string[] = [];
  const shown: string[] = [];
  for (const line of ours) {
    const place = left.indexOf(line);
    for (const passed of left.splice(0, Math.max(place, 0))) {
      missing.push(passed);
      shown.push(`  kubectl       ${passed}`);
    }
    if (place >= 0) left.shift();
    shown.push(`  ${place >= 0 ? 'kubectl' : '       '} ours  ${line}`);
  }
  return { shown: shown.join('\n'), missing: [...missing, ...left] };
}
