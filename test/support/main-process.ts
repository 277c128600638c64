import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from './wait.ts';

/** The program, where it stands, and whom it runs as. */
export type Program = { file: string; args: string[]; cwd?: string; uid?: number; gid?: number };

const start: Program = { file: process.execPath, args: [join(import.meta.dirname, '../../src/main.ts')] };

/** `npm start`, or what else is started in its place, with all that it writes. */
export class MainProcess {
  readonly url: string;
  readonly subscriptionsUrl: string;
  /** Of standard output, as they came. */
  readonly lines: string[];
  readonly #process: ChildProcess;
  readonly #errors: string[];
  readonly #exited: Promise<unknown[]>;

  private constructor(
    address: string,
    process: ChildProcess,
    own: { lines: string[]; errors: string[]; exited: Promise<unknown[]> },
  ) {
    this.url = `http://${address}/graphql`;
    this.subscriptionsUrl = `ws://${address}/graphql`;
    this.lines = own.lines;
    this.#process = process;
    this.#errors = own.errors;
    this.#exited = own.exited;
  }

  static async start(env: Record<string, string>, { file, args, ...place }: Program = start): Promise<MainProcess> {
    const child = spawn(file, args, { ...place, env: { PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = once(child, 'exit');
    const lines: string[] = [];
    const errors: string[] = [];
    createInterface(child.stdout).on('line', (line) => lines.push(line));
    child.stderr.on('data', (data: Buffer) => errors.push(data.toString()));
    const serving = await until(
      'it serves',
      () => {
        if (child.exitCode !== null) throw new Error(`it did not start: ${errors.join('')}`);
        return lines.find((line) => line.includes('"msg":"serving"'));
      },
      45,
    ).catch((error: Error) => {
      child.kill('SIGKILL');
      throw new Error(`${error.message}\n${lines.join('\n')}`, { cause: error });
    });
    return new MainProcess((JSON.parse(serving) as { address: string }).address, child, { lines, errors, exited });
  }

  /** Nothing is meant to come this way. */
  get errors(): string {
    return this.#errors.join('');
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Asks it to stop, and answers with its exit code. */
  async stop(): Promise<number | null> {
    this.#process.kill('SIGTERM');
    await this.#exited;
    return this.#process.exitCode;
  }
}
