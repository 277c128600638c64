import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What is asked for, of whom, and as whom. */
export type Reading = { url: string; request: PageRequest; variables: object; tokens: readonly string[] };
/** A document, or a name of one. */
export type PageRequest = { query: string } | { extensions: object };
export type ReaderOrder = { open: Reading } | { read: number };

const program = fileURLToPath(new URL('page-reader-process.ts', import.meta.url));

/** Clients that ask for the same page again and again, in a process of their own. */
export class PageReader {
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  static async open(reading: Reading): Promise<PageReader> {
    const reader = new PageReader(fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }));
    await reader.tell({ open: reading });
    return reader;
  }

  /** Answers with what came last. */
  async read(pages: number): Promise<string> {
    return this.tell({ read: pages });
  }

  async close(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }

  private async tell(order: ReaderOrder): Promise<string> {
    this.child.send(order);
    const [answer] = (await once(this.child, 'message')) as [{ done: string } | { failed: string }];
    if ('failed' in answer) throw new Error(`reader: ${answer.failed}`);
    return answer.done;
  }
}
