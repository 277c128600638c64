import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** One GraphQL request for each set of variables. */
export type Asked = { url: string; token: string; query: string; variables: readonly object[] };

const program = fileURLToPath(new URL('asker-process.ts', import.meta.url));

/** Somebody who asks over HTTP, in a process of its own. */
export class Asker {
  private readonly child = fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });

  async ask(asked: Asked): Promise<void> {
    this.child.send(asked);
    const [answer] = (await once(this.child, 'message')) as [{ done: null } | { failed: string }];
    if ('failed' in answer) throw new Error(`asker: ${answer.failed}`);
  }

  async close(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }
}
