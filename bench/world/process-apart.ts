import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process beside a side's own, whose work does not count; it carries out one order after the other. */
export class ProcessApart<Order extends object> {
  private readonly child: ChildProcess;
  private readonly program: string;

  constructor(program: string) {
    this.program = program;
    this.child = fork(fileURLToPath(new URL(program, import.meta.url)), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  }

  protected async tell(order: Order): Promise<unknown> {
    this.child.send(order);
    const [answer] = (await once(this.child, 'message')) as [{ done: unknown } | { failed: string }];
    if ('failed' in answer) throw new Error(`${this.program}: ${answer.failed}`);
    return answer.done;
  }

  async close(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }
}
