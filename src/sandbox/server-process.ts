import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type User = { uid: number; gid: number };

export type ServerProcess = {
  pid: number;
  /** Resolves once `answers` does; rejects with the end of the log when the process ends before. */
  ready(answers: () => Promise<boolean>, milliseconds?: number): Promise<void>;
  stop(): Promise<void>;
};

/** Starts a server that ends by SIGINT, apart from the terminal's Ctrl-C, so that its caller decides when it stops. */
export async function startServer(options: {
  command: string;
  args: string[];
  log: string;
  cwd: string;
  env?: NodeJS.ProcessEnv;
  user?: User | undefined;
}): Promise<ServerProcess> {
  const { command, args, cwd, env, user } = options;
  const log = openSync(options.log, 'a', 0o600);
  const logStart = statSync(options.log).size;
  const child = spawn(command, args, { cwd, env, ...user, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  await once(child, 'spawn');
  const pid = child.pid as number;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const leash = holdLeash(pid);
  void ended.then(() => leash.kill('SIGKILL'));
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  let stopping: Promise<void> | undefined;

  const stop = async () => {
    for (const [signal, milliseconds] of ESCALATION) {
      if (!isRunning()) break;
      child.kill(signal);
      await Promise.race([ended, sleep(milliseconds, undefined, { ref: false })]);
    }
    await ended;
  };

  return {
    pid,
    async ready(answers, milliseconds = 60_000) {
      const deadline = Date.now() + milliseconds;
      try {
        while (isRunning() && Date.now() < deadline) {
          if (await answers()) return;
          await Promise.race([ended, sleep(15)]);
        }
      } catch (error) {
        await stop();
        throw error;
      }
      const why = isRunning() ? `did not answer within ${milliseconds} ms` : 'ended while it was starting';
      await stop();
      throw new Error(`${command} ${why}:\n${readFileSync(options.log).subarray(logStart).toString().slice(-2_000)}`);
    },
    stop: () => (stopping ??= stop()),
  };
}

// PostgreSQL takes SIGINT as "end now and in order", SIGTERM as "when the last client has left", SIGQUIT as "at once".
const ESCALATION: [NodeJS.Signals, number][] = [
  ['SIGINT', 10_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
];

/** A shell that outlives this process by a moment: its input ends when this process does, however that happens. */
function holdLeash(pid: number): ChildProcess {
  const leash = spawn('/bin/sh', ['-c', 'read -r _; kill -INT "$1"', 'leash', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  leash.unref();
  leash.stdin.on('error', () => {});
  (leash.stdin as Socket).unref();
  return leash;
}
